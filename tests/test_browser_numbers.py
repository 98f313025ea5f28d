"""A task of numbers in a real browser: sampled, typed, wrong, adapted, and left for classes again."""

from __future__ import annotations

from pathlib import Path

from browsing import SLOW, Open, adapt, all_algorithms, choose, upload, without
from playwright.sync_api import Page, expect

from meta_demo.algorithms.registry import REGISTRY, able_to
from meta_demo.words import text

ALERT = "#message [role=alert]"


def chosen(page: Page) -> list[str]:
    return page.locator("#algorithms input:checked").evaluate_all("all => all.map(e => e.name)")


def test_numbers_stand_where_labels_stood(visit: Open) -> None:
    page = visit()
    choose(page, "#sample", text("sample.stars", "en"))
    expect(page.locator(".value-row")).to_have_count(24)
    expect(page.locator("#cards .cards-total")).to_have_text("16 examples · 8 held out")
    expect(page.locator(".card")).to_have_count(0)
    expect(page.locator("#shots")).not_to_be_visible()
    expect(page.locator("#algorithms input:disabled")).to_have_count(len(REGISTRY) - len(able_to("numbers")))
    assert sorted(chosen(page)) == ["finetune", "kernel", "maml"]
    all_algorithms(page)
    why = page.locator("#algorithms label.unable").first.get_attribute("title") or ""
    assert "numbers" in why and why in page.locator("#picker").inner_text()
    adapt(page)
    expect(page.locator(".prediction")).to_have_count(3, timeout=SLOW)
    expect(page.locator(".prediction[data-algorithm=maml] .answer")).to_contain_text("95 % interval")
    expect(page.locator(".prediction .axis .dot")).to_have_count(3)
    expect(page.locator(".run[data-algorithm=kernel] .query")).to_contain_text("8 held out")
    before = page.locator(".prediction[data-algorithm=maml]").get_attribute("data-top")
    page.fill("#sentence textarea", "Cold soup, a rude waiter and a hair in the salad.")
    expect(page.locator(".prediction[data-algorithm=maml]")).not_to_have_attribute(
        "data-top", before or "", timeout=SLOW
    )

    choose(page, "#sample", "News headlines")
    expect(page.locator(".card")).to_have_count(6)
    expect(page.locator(".value-row")).to_have_count(0)
    expect(page.locator("#algorithms input:disabled")).to_have_count(0)
    expect(page.locator("#algorithms").get_by_label("Prototypical networks", exact=True)).to_be_checked()
    assert sorted(chosen(page)) == ["finetune", "maml", "protonet"]
    without(page, "Fine-tuning", "MAML")
    adapt(page)
    expect(page.locator(".run[data-algorithm=protonet] .query")).to_contain_text("%")


def test_what_is_wrong_in_the_list_is_said_and_stays(visit: Open, tmp_path: Path) -> None:
    page = visit()
    table = tmp_path / "heat.csv"
    table.write_text("text,value\nfreezing outside,-5.5\na mild day,18\nvery hot,36\nsnow,-1\n")
    upload(page, table)
    numbers, texts = page.locator(".value-number"), page.locator(".value-text")
    expect(numbers).to_have_count(4)
    assert [numbers.nth(i).input_value() for i in range(4)] == ["-5.5", "18", "36", "-1"]
    for said in ("mild", "inf", "", "3,5", "1.250.000"):
        numbers.nth(1).fill(said)
        page.click("#start")
        expect(page.locator(ALERT)).to_contain_text(f"“{said}”" if said else "has no value", timeout=SLOW)
        expect(page.locator(ALERT)).to_contain_text("a mild day")
        assert numbers.nth(1).input_value() == said and texts.nth(1).input_value() == "a mild day"
    mixed = tmp_path / "mixed.jsonl"
    mixed.write_text('{"text": "a", "value": 1}\n{"text": "b", "label": "warm"}\n')
    upload(page, mixed)
    expect(page.locator(ALERT)).to_contain_text("warm")
    expect(numbers).to_have_count(4)
    assert numbers.nth(1).input_value() == "1.250.000"

    numbers.nth(1).fill("18")
    numbers.nth(3).press("Enter")  # begins a row after the last
    expect(numbers).to_have_count(5)
    page.keyboard.type("a summer noon")
    numbers.nth(4).fill("31")
    page.locator(".value-hold").nth(4).click()
    expect(page.locator("#cards .cards-total")).to_have_text("4 examples · 1 held out")
    page.locator("#algorithms").get_by_label("Fine-tuning", exact=True).uncheck()
    page.click("#start")
    expect(page.locator(".prediction")).to_have_count(2, timeout=SLOW)
    expect(page.locator(ALERT)).to_have_count(0)
    expect(page.locator(".run[data-algorithm=maml] .query")).to_contain_text("1 held out")


def test_an_edit_of_a_sentence_sends_no_picture(visit: Open) -> None:
    """Pictures on the hidden side stay in the browser: 66 kB went with every edit of a sentence while five drawn classes were there."""
    page = visit()
    page.locator("#modality label").nth(1).click()
    expect(page.locator("#picture-cards .thumb").first).to_be_visible(timeout=SLOW)
    page.locator("#modality label").nth(0).click()
    expect(page.locator("#cards .card").first).to_be_visible(timeout=SLOW)
    page.wait_for_timeout(1500)  # for what follows showing it
    with page.expect_request(lambda request: "later flight to Oslo" in (request.post_data or "")) as sent:
        page.locator("#cards .card-examples").first.fill("Is there a later flight to Oslo?")
    body = sent.value.post_data or ""
    assert "a later flight to Oslo" in body and "data:image" not in body
    assert len(body) < 10_000
    page.locator("#modality label").nth(1).click()
    expect(page.locator("#picture-cards .card")).to_have_count(4)
    expect(page.locator("#picture-cards .cards-total")).to_contain_text("12", timeout=SLOW)


def test_blank_cards_become_numbers_and_back_and_nothing_typed_is_lost(visit: Open) -> None:
    page = visit()
    kinds, total = page.locator("#kind input"), page.locator("#cards .cards-total")
    expect(kinds.nth(0)).to_be_checked()
    page.locator("#cards .cards-clear").click()
    expect(page.locator("#cards .card")).to_have_count(2)
    page.locator("#cards .card-name").nth(0).fill("warm")
    page.locator("#cards .card-examples").nth(0).fill("a mild day\nvery hot")
    kinds.nth(0).focus()
    page.keyboard.press("ArrowRight")  # by keyboard alone
    texts, numbers = page.locator("#cards .value-text"), page.locator("#cards .value-number")
    expect(texts).to_have_count(2, timeout=SLOW)
    expect(kinds.nth(1)).to_be_checked()
    assert [texts.nth(i).input_value() for i in range(2)] == ["a mild day", "very hot"]
    expect(page.locator("#algorithms input:disabled")).to_have_count(len(REGISTRY) - len(able_to("numbers")))
    numbers.nth(0).fill("18")
    numbers.nth(1).fill("36")
    numbers.nth(1).press("Enter")
    page.keyboard.type("snow")
    numbers.nth(2).fill("-1")
    adapt(page)
    expect(page.locator(".prediction .axis .dot").first).to_be_visible(timeout=SLOW)
    expect(page.locator(ALERT)).to_have_count(0)

    page.locator("#kind label").nth(0).click()
    names, examples = page.locator("#cards .card-name"), page.locator("#cards .card-examples")
    expect(names).to_have_count(2, timeout=SLOW)
    assert [names.nth(i).input_value() for i in range(2)] == ["warm", "-1"]
    assert [examples.nth(i).input_value() for i in range(2)] == ["a mild day\nvery hot", "snow"]
    expect(total).to_have_text("2 classes · 3 examples")
    expect(page.locator("#algorithms input:disabled")).to_have_count(0)
    page.locator("#kind label").nth(1).click()
    expect(numbers).to_have_count(3, timeout=SLOW)
    assert [numbers.nth(i).input_value() for i in range(3)] == ["18", "36", "-1"]


def test_pictures_get_numbers_too(visit: Open) -> None:
    page = visit()
    page.locator("#modality label").nth(1).click()
    expect(page.locator("#picture-cards .thumb").first).to_be_visible(timeout=SLOW)
    page.locator("#kind label").nth(1).click()
    rows, numbers = page.locator("#picture-cards .value-picture"), page.locator("#picture-cards .value-number")
    expect(rows.first).to_be_visible(timeout=SLOW)
    count = rows.count()
    for place in range(count):
        numbers.nth(place).fill(str(place % 4))
    page.locator("#modality label").nth(0).click()  # the other side has kept its classes
    expect(page.locator("#cards .card").first).to_be_visible(timeout=SLOW)
    expect(page.locator("#kind input").nth(0)).to_be_checked(timeout=SLOW)
    page.locator("#modality label").nth(1).click()
    expect(page.locator("#kind input").nth(1)).to_be_checked(timeout=SLOW)
    expect(numbers).to_have_count(count)
    assert numbers.nth(3).input_value() == "3"
    page.locator("#kind label").nth(0).click()
    expect(page.locator("#picture-cards .card")).to_have_count(4, timeout=SLOW)
    expect(page.locator("#picture-cards .thumb")).to_have_count(count)


def test_a_late_answer_leaves_what_was_typed_meanwhile(visit: Open) -> None:
    page = visit()
    page.evaluate(
        "() => { const ask = window.fetch; window.fetch = async (...asked) => {"
        " if (String(asked[0]).includes('queue/join')) await new Promise(done => setTimeout(done, 1500));"
        " return ask(...asked); }; }"
    )
    page.locator("#kind label").nth(1).click()
    typed = page.locator("#cards .card-examples").first
    typed.fill("typed meanwhile")  # a list of numbers is under way
    expect(page.locator("#notice")).to_contain_text(text("page.card.late"))
    expect(typed).to_have_value("typed meanwhile")
    expect(page.locator("#kind input").nth(0)).to_be_checked()
    page.locator("#kind label").nth(1).click()
    expect(page.locator("#cards .value-text").first).to_have_value("typed meanwhile")
    lines = page.locator("#lines textarea")
    choose(page, "#sample", text("sample.stars", "en"))
    lines.fill("nobody labelled this")
    expect(page.locator(".value-row")).to_have_count(24)
    expect(lines).to_have_value("nobody labelled this")
