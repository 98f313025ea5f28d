"""The page as a visitor meets it, in a real browser: every promise of the Playground, and never an error in the console."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from browsing import (
    SLOW,
    Open,
    adapt,
    all_algorithms,
    answers,
    cards,
    choose,
    enter,
    heatmap,
    open_tab,
    slide,
    slowly,
    upload,
    without,
)
from playwright.sync_api import expect

from meta_demo.algorithms.families import family_title, grouped
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.words import catalogue, text

STEPS_SEEN = """() => {
  window.seen = new Set();
  const look = () => {
    const runs = [...document.querySelectorAll('.run')];
    if (runs.length) window.seen.add(runs.map(r => r.dataset.algorithm + r.dataset.step).join());
    const chart = document.querySelector('#curves .chart');
    if (chart?.data) window.points = Math.max(window.points || 0, ...chart.data.map(t => t.x.length));
  };
  new MutationObserver(look).observe(document.querySelector('#runs'), {subtree: true, childList: true, attributes: true});
}"""


def test_from_first_sight_to_attention(visit: Open) -> None:
    """Steps stream, answers follow what is typed and which step is looked at, attention shows moments, layers, heads and tokens."""
    page = visit()
    assert len(cards(page)) >= 2
    assert page.locator("#sentence textarea").input_value()
    expect(page.locator("#head")).to_be_hidden()  # nothing to look at yet
    page.evaluate(STEPS_SEEN)
    without(page, "MAML")
    adapt(page)
    expect(page.locator("#head")).to_be_visible()
    assert page.evaluate("window.seen.size") > 3, "the steps stream"
    assert page.evaluate("window.points") > 3, "the curves grow"
    assert page.locator(".run").count() == page.locator(".prediction").count() == 2
    folded = page.locator("#losses .js-plotly-plot")
    assert not folded.count(), "what is out of sight is not drawn"
    page.check("#losses-shown input")
    expect(folded).to_be_visible()
    assert re.search(r"\d+/\d+ .*95 % interval", page.locator(".run .query").first.inner_text())
    first = answers(page)
    assert all(top in cards(page) for top, _ in first.values())

    page.fill("#sentence textarea", "a quiet hotel near the old harbour")
    expect(page.locator(".prediction[data-algorithm=protonet]")).to_have_attribute("data-top", "accommodation")
    assert answers(page) != first
    expect(page.locator("#look-sentence")).to_contain_text("hotel")

    end, drawn = answers(page), heatmap(page)
    slide(page, "#step", 0)
    expect(page.locator(".prediction[data-algorithm=finetune]")).to_have_attribute("data-step", "0")
    expect(page.locator(".prediction[data-algorithm=finetune] .where")).to_contain_text("step 0 of")
    assert answers(page)["finetune"] != end["finetune"]
    expect(page.locator("#heatmap .chart")).to_have_attribute("aria-label", re.compile("at step 0"))
    assert heatmap(page)["z"] != drawn["z"]

    slide(page, "#step", int(page.locator("#step input[type=range]").get_attribute("max") or 0))
    expect(page.locator("#heatmap .chart")).not_to_have_attribute("aria-label", re.compile("at step 0"))
    after = heatmap(page)
    assert after["zmin"] == 0
    assert all(sum(row) == pytest.approx(1, abs=1e-3) for row in after["z"])
    page.get_by_label("Difference", exact=True).check()
    expect(page.locator("#heatmap .chart")).to_have_attribute("aria-label", re.compile("Difference"))
    assert heatmap(page)["zmin"] < 0
    page.get_by_label("Before", exact=True).check()
    expect(page.locator("#heatmap .chart")).to_have_attribute("aria-label", re.compile("Before"))
    slide(page, "#layer", 1)
    expect(page.locator("#heatmap .chart")).to_have_attribute("aria-label", re.compile("layer 1"))
    choose(page, "#head", "head 3")
    expect(page.locator("#heatmap .chart")).to_have_attribute("aria-label", re.compile("head 3"))
    page.locator(".token").nth(2).click()
    expect(page.locator(".token[aria-pressed=true]")).to_have_count(1)
    choose(page, "#look-algorithm", "Prototypical networks")
    page.get_by_label("Difference", exact=True).check()
    expect(page.locator("#look-words")).to_contain_text("did not change")


def test_cards_are_dealt_anew(visit: Open, tmp_path: Path) -> None:
    """So many examples of each class, the others held out, and back: nothing is lost, and edited cards are as they are."""
    page = visit()
    total, chosen = page.locator("#cards .cards-total"), page.locator("#shots input:checked")
    for shots, said in (
        (1, "5 examples · 65 held out"),
        (8, "40 examples · 30 held out"),
        (3, "15 examples · 55 held out"),
    ):
        page.locator("#shots label", has_text=str(shots)).click()
        expect(total).to_contain_text(said)
    without(page, "Fine-tuning", "MAML")
    adapt(page)
    expect(page.locator(".run[data-algorithm=protonet]")).to_contain_text("/55")
    page.locator("#shots label", has_text="2").click()
    expect(page.locator(".run[data-algorithm=protonet]")).to_contain_text("/60")  # what was adapted is adapted anew
    expect(page.locator("#summary")).to_contain_text("60 held-out")
    expect(page.locator("#notice")).not_to_contain_text(text("page.run.changed", "en"))
    page.locator(".card textarea").first.fill("Is there a later flight?")
    expect(chosen).to_have_count(0)
    choose(page, "#sample", "News headlines")
    expect(total).to_contain_text("6 classes · 18 examples")
    expect(chosen).to_have_value("3")
    table = tmp_path / "mine.csv"
    table.write_text('text,label\nhello there,greeting\n"good, morning",greeting\nso long,farewell\n')
    upload(page, table)
    expect(chosen).to_have_count(0)
    page.locator("#shots label", has_text="1").click()
    expect(total).to_have_text("2 classes · 2 examples · 1 held out")


def test_samples_and_uploads_fill_the_cards(visit: Open, tmp_path: Path) -> None:
    page = visit()
    choose(page, "#sample", "News headlines")
    expect(page.locator(".card-name").first).to_have_value("politics")
    assert len(cards(page)) == 6

    table = tmp_path / "mine.csv"
    table.write_text('text,label\nhello there,greeting\n"good, morning",greeting\nso long,farewell\n')
    upload(page, table)
    expect(page.locator(".card")).to_have_count(2)
    assert cards(page) == ["greeting", "farewell"]
    assert page.locator(".card-count").all_inner_texts() == ["2", "1"]
    expect(page.locator("#cards .cards-total")).to_have_text("2 classes · 3 examples")

    bad = tmp_path / "bad.csv"
    bad.write_text("sentence,class\nhello,greeting\n")
    upload(page, bad)
    expect(page.locator("#message [role=alert]")).to_contain_text("no column “text”")
    assert cards(page) == ["greeting", "farewell"]

    task = tmp_path / "task.json"
    rows = [{"text": "red", "label": "colour"}, {"text": "two", "label": "number"}]
    task.write_text(json.dumps({"support": rows, "query": [{"text": "blue", "label": "colour"}, {"text": "seven"}]}))
    upload(page, task)
    expect(page.locator(".card-name").first).to_have_value("colour")
    expect(page.locator("#message [role=alert]")).to_have_count(0)
    assert page.locator("#sentence textarea").input_value() == "seven"

    big = tmp_path / "big.csv"
    big.write_bytes(b"text,label\n" + b"x" * 21_000_000)
    upload(page, big)
    expect(page.locator("#message [role=alert]")).to_have_text(text("page.upload.too_big", "en"))
    assert cards(page) == ["colour", "number"]
    upload(page, bad)
    expect(page.locator("#message [role=alert]")).to_contain_text("no column “text”")
    upload(page, big)
    expect(page.locator("#message [role=alert]")).to_have_text(text("page.upload.too_big", "en"))
    upload(page, task)
    expect(page.locator("#message [role=alert]")).to_have_count(0)


def test_adapting_to_nothing_says_so_and_no_more(visit: Open) -> None:
    page = visit()
    page.locator("#cards .cards-clear").click()
    page.click("#start")
    expect(page.locator("#message [role=alert]")).to_contain_text("no examples yet")
    page.wait_for_timeout(1000)  # for what Gradio itself would say
    assert page.locator("span.error", has_text="Error").count() == 0
    choose(page, "#sample", "News headlines")
    expect(page.locator(".card-name").first).to_have_value("politics")
    without(page, "Fine-tuning", "MAML")
    adapt(page)
    expect(page.locator("#message [role=alert]")).to_have_count(0)


def test_typing_counting_adding_removing(visit: Open) -> None:
    page = visit()
    page.click(".cards-clear")
    expect(page.locator(".card")).to_have_count(2)
    page.locator(".card-name").first.fill("only")
    area = page.locator(".card-examples").first
    area.press_sequentially("one\ntwo\n\nthree", delay=15)
    assert page.evaluate("document.activeElement.className") == "card-examples"
    assert area.input_value() == "one\ntwo\n\nthree"
    assert page.locator(".card-count").first.inner_text() == "3"
    page.click("#start")
    expect(page.locator("#message [role=alert]")).to_contain_text("Only one class, “only”")
    assert area.input_value() == "one\ntwo\n\nthree"

    page.click(".cards-add")
    expect(page.locator(".card")).to_have_count(3)
    colours = "all => all.map(e => getComputedStyle(e).borderLeftColor)"
    before = page.locator(".card").evaluate_all(colours)
    page.locator(".card-remove").first.click()
    assert page.locator(".card").evaluate_all(colours) == before[1:], "a class keeps its colour"


def test_a_change_while_adapting_is_announced_at_the_end(visit: Open) -> None:
    page = visit()
    page.click("#start")
    expect(page.locator(".run").first).to_be_visible(timeout=SLOW)
    page.locator(".card-examples").first.press_sequentially("more ")
    expect(page.locator(".prediction")).to_have_count(3, timeout=SLOW)
    expect(page.locator(".run[data-algorithm=maml]")).to_contain_text("/55")
    expect(page.locator("#notice")).to_contain_text(text("page.run.changed", "en"))


def test_a_change_after_adapting_is_announced_and_class_names_count_on_request(visit: Open) -> None:
    page = visit()
    without(page, "Fine-tuning", "MAML")
    adapt(page)
    run, notice = page.locator(".run[data-algorithm=protonet]"), page.locator("#notice")
    expect(run).to_contain_text("/15")
    expect(page.locator(".prediction")).to_have_count(1)
    expect(notice.locator(".notice")).to_have_count(0)
    page.locator("#names").get_by_label(text("page.names", "en")).check()
    expect(notice).to_contain_text(text("page.run.changed", "en"))
    for shown in ("#runs", "#curves", "#predictions"):
        expect(page.locator(shown)).to_have_css("filter", "grayscale(1)")
    page.click("#start")
    expect(run).to_contain_text("/20", timeout=SLOW)
    expect(notice.locator(".notice")).to_have_count(0, timeout=SLOW)
    expect(page.locator("#runs")).to_have_css("filter", "none")
    page.locator(".card-examples").first.press_sequentially("more ")
    expect(notice).to_contain_text(text("page.run.changed", "en"))
    assert page.locator(".prediction").count() == 1
    page.locator("#modality label").nth(1).click()
    expect(page.locator("#names")).not_to_be_visible(timeout=SLOW)


def test_stop_halfway_and_adapt_again(visit: Open) -> None:
    page = visit()
    without(page, "MAML")
    page.click("#knobs > button")
    page.click("#knobs-finetune > summary")
    steps = page.locator("#knobs-finetune").get_by_role("spinbutton", name="Inner steps")
    enter(steps, 50)
    page.click("#start")
    page.wait_for_function("[...document.querySelectorAll('.run')].some(r => r.dataset.step >= 2)", timeout=SLOW)
    page.click("#stop")
    expect(page.locator("#notice")).to_contain_text("Stopped at step", timeout=SLOW)
    stopped = int(page.locator(".run[data-algorithm=finetune]").get_attribute("data-step") or 0)
    assert 2 <= stopped < 50
    expect(page.locator(".prediction")).to_have_count(2, timeout=SLOW)
    enter(steps, 3)
    page.click("#start")
    expect(page.locator(".run[data-algorithm=finetune]")).to_have_attribute("data-step", "3", timeout=SLOW)
    expect(page.locator("#summary .summary")).to_be_visible(timeout=SLOW)
    expect(page.locator("#notice .notice")).to_have_count(0)


CLICK_BOTH = """async (titles) => {
  for (const title of titles) {
    [...document.querySelectorAll("#algorithms label")].find(label => label.textContent.trim() === title).click();
    await new Promise(done => setTimeout(done, 60));
  }
}"""


def test_algorithms_stand_under_their_families_and_their_knobs_follow(visit: Open) -> None:
    """Each box below the heading of its family, also after Gradio has drawn the boxes anew; knobs are there whenever their fold is first
    opened; and of two quick changes the second counts, also where the answer to the first is still on its way."""
    page = visit()
    all_algorithms(page)
    drawn = page.locator("#algorithms .wrap > :is(label, .family)")
    families = [[family_title(family, "en"), *names] for family, names in grouped([*REGISTRY]).items()]
    each = "e => e.querySelector('input')?.name ?? e.textContent"
    for _ in range(2):
        expect(page.locator("#algorithms .family")).to_have_count(len(families))
        assert drawn.evaluate_all(f"all => all.map({each})") == [said for family in families for said in family]
        choose(page, "#sample", text("sample.stars", "en"))
        expect(page.locator("#algorithms label.unable").first).to_be_visible()

    choose(page, "#sample", "News headlines")
    expect(page.locator("#cards .cards-total")).to_contain_text("6 classes")
    expect(page.locator("#algorithms input:disabled")).to_have_count(0)
    page.click("#knobs > button")
    folds = page.locator("#knob-panel details")
    expect(folds).to_have_count(3)
    slowly(page, "**/gradio_api/queue/join*", 0.5)
    page.evaluate(CLICK_BOTH, ["Fine-tuning", "MAML"])
    expect(folds).to_have_count(1)


def test_only_the_knobs_of_chosen_algorithms_are_there_and_a_keyboard_sets_them(visit: Open) -> None:
    page = visit()
    page.click("#knobs > button")
    folds = page.locator("#knob-panel details")
    expect(folds).to_have_count(3)
    without(page, "Fine-tuning", "MAML")
    expect(folds).to_have_count(1)
    page.locator("#knobs-protonet summary").focus()
    page.keyboard.press("Enter")
    looks = page.get_by_role("spinbutton", name="Further looks")
    about = looks.get_attribute("aria-describedby")
    expect(page.locator(f"#{about}")).to_contain_text("a little distorted")
    page.get_by_role("slider", name="Further looks").focus()
    page.keyboard.press("ArrowRight")
    expect(looks).to_have_value("1")
    adapt(page)
    expect(page.get_by_label("What adapts")).to_have_count(
        0
    )  # which changes nothing where no task moves the Transformer
    sharpness = page.get_by_label("Sharpness")
    before = sharpness.input_value()
    sharpness.fill("7")
    expect(page.locator("#notice")).to_contain_text(text("page.run.changed", "en"))
    sharpness.fill(before)
    expect(page.locator("#notice .notice")).to_have_count(0)
    sharpness.fill("1000")
    page.click("#start")
    expect(page.locator("#message [role=alert]")).to_contain_text("“scale” is 1000", timeout=SLOW)
    all_algorithms(page)
    page.locator("#algorithms").get_by_label("MAML", exact=True).check()
    expect(folds).to_have_count(2)
    assert page.get_by_label("Sharpness").last.input_value() == "1000", "what was changed stays, and its fold open"
    expect(looks).to_have_value("1")


def test_visitor_text_is_text_everywhere(visit: Open) -> None:
    page = visit()
    evil = "<img src=x onerror=window.pwned=1><b>&amp;"
    page.click(".cards-clear")
    for index in range(2):
        page.locator(".card-name").nth(index).fill(f"{evil}{index}")
        page.locator(".card-examples").nth(index).fill(f"{evil} number {index}\nanother {index}")
    page.fill("#sentence textarea", f"{evil}<script>window.pwned=1</script>${{window.pwned=1}} {{{{x}}}}")
    without(page, "Fine-tuning")
    page.click("#start")
    expect(page.locator("#heatmap .main-svg").first).to_be_visible(timeout=SLOW)
    expect(page.locator(".answer").first).to_contain_text("<img src=x onerror=window.pwned=1><b>&amp;")
    expect(page.locator("#look-sentence")).to_contain_text("script")
    assert page.evaluate("window.pwned") is None
    assert page.locator(".prediction img, #look-sentence img, .card img").count() == 0


@pytest.mark.parametrize("locale", ["zh-CN", "zh-HK"])
def test_chinese_from_top_to_bottom(visit: Open, locale: str) -> None:
    """On every tab in one of its locales; in another one, which is answered with the same words, as the page opens."""
    page = visit(locale=locale)
    if locale == "zh-CN":
        page.locator("#algorithms input[name=finetune]").uncheck()
        adapt(page)
        page.click("#knobs > button")
        page.click("#knobs-maml > summary")
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    seen = page.inner_text("body")
    for place in (1, 2, 3, 0) if locale == "zh-CN" else ():
        open_tab(page, place)
        if place == 3:
            expect(page.locator("#benchmark .sheet").first).to_be_visible()
        seen += page.inner_text("#tabs")
    seen += page.evaluate(
        "[...document.querySelectorAll('[placeholder],[title],[aria-label]')]"
        ".map(e => [e.placeholder, e.title, e.ariaLabel].join('\\n')).join('\\n') + document.title"
    )
    pages = [entry for key, entry in catalogue().items() if key.startswith("page.")]
    for cls in REGISTRY.values():
        pages += [cls.title, cls.about, *(said for k in cls.Config.knobs() for said in (k.title, k.help))]
    said = [e["en"] for e in pages if e["en"] not in e["zh"] and "{" not in e["en"]]
    english = [words for words in said if " " in words and re.search("[a-z]", words)]
    assert [words for words in english if words in seen] == []
    assert text("page.button.adapt", "zh") in seen
    page.click(".cards-clear")
    page.click("#start")
    expect(page.locator("#message [role=alert]")).to_have_text(text("error.no_support", "zh"))


@pytest.mark.parametrize("path", ["?__theme=light", "?__theme=dark"])
def test_a_phone_shows_everything_without_sideways_scrolling(visit: Open, path: str) -> None:
    page = visit(path, width=380)
    without(page, "Fine-tuning", "MAML")
    adapt(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    assert page.eval_on_selector("#heatmap .chart", "e => e.getBoundingClientRect().right") <= 380
    for place, shown in ((1, "#compare-start"), (2, "#train-start"), (3, "#benchmark .sheet")):
        open_tab(page, place)
        expect(page.locator(shown).first).to_be_visible()
        edges = page.locator(".sheet:visible").evaluate_all("all => all.map(e => e.getBoundingClientRect().right)")
        assert edges and max(edges) <= 380
    open_tab(page, 0)
    dark = page.evaluate("document.body.classList.contains('dark')")
    assert dark == path.endswith("dark")
    ink, paper = page.evaluate(
        "[getComputedStyle(document.querySelector('#header h1')).color,"
        " getComputedStyle(document.querySelector('.sheet')).backgroundColor]"
    )
    brightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ink, paper)]
    assert (brightness[0] > brightness[1] + 300) if dark else (brightness[1] > brightness[0] + 300)


def test_lines_without_a_label_help_at_once(visit: Open) -> None:
    """Pasted into their box, soft k-means joins and learns from them; without, it is prototypes."""
    page = visit()
    without(page, "Fine-tuning", "MAML")
    page.locator("#lines textarea").fill(
        "a window seat please\nis breakfast included in the rate\nmy suitcase never arrived"
    )
    box = page.locator("#algorithms").get_by_label("Soft k-means", exact=True)
    expect(box).to_be_checked(timeout=SLOW)
    adapt(page)
    expect(page.locator(".run[data-algorithm=soft_kmeans]")).to_be_visible()
    page.locator("#lines textarea").fill("")
    expect(page.locator("#notice")).to_contain_text(text("page.run.changed", "en"), timeout=SLOW)
    expect(box).to_be_checked()
