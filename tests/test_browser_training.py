"""The tabs beside the Playground, in a real browser: training a start, using it, and switching it off again."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

from browsing import SLOW, Open, enter, open_tab, seen, upload, without
from playwright.sync_api import Page, expect

from meta_demo.algorithms.families import family_title, grouped
from meta_demo.algorithms.registry import REGISTRY, able_to
from meta_demo.data.sources import load_source, pack_names
from meta_demo.ui.palette import algorithm_names, mark
from meta_demo.words import text


def prepare(page: Page, steps: int) -> None:
    """The Meta-train tab, set to the smallest tasks of a single pack."""
    open_tab(page, 2)
    expect(page.locator("#train-start")).to_be_visible()
    for title in pack_names()[:-1]:
        page.locator("#train-sources").get_by_label(text(f"pack.{title}"), exact=True).uncheck()
    for name, value in (("steps", steps), ("n_way", 2), ("meta_batch", 1)):
        field = page.locator(f"#train-{name} input[type=number]")
        field.fill(str(value))
        field.press("Tab")


def expect_alert(page: Page, said: str) -> None:
    expect(page.locator("#message [role=alert]")).to_contain_text(said, timeout=SLOW)


def adapt(page: Page) -> None:
    page.click("#start")
    seen(page.locator("#summary .summary"))


def test_an_algorithm_has_its_own_mark_in_every_list(visit: Open) -> None:
    page = visit()
    open_tab(page, 2)
    for shown, names in (("#algorithms", algorithm_names()), ("#train-algorithm", trainable())):
        marks = page.locator(f"{shown} .wrap > label").evaluate_all(
            "all => all.map(e => [e.querySelector('[type=checkbox]')?.name ?? e.querySelector('input').value,"
            " getComputedStyle(e, '::after').content])"
        )
        assert dict(marks) == {name: f'"{mark(name).glyph}"' for name in names}, shown
    listed = page.locator("#train-algorithm .wrap > :is(label, .family)").evaluate_all(
        "all => all.map(e => e.querySelector('input')?.value ?? e.textContent)"
    )
    families = [[family_title(family, "en"), *names] for family, names in grouped(trainable()).items()]
    assert listed == [said for family in families for said in family]


def trainable() -> list[str]:
    return [name for name in algorithm_names() if REGISTRY[name].learns]


def test_train_a_start_use_it_and_switch_it_off(visit: Open, tmp_path: Path) -> None:
    page = visit()
    without(page, "Fine-tuning", "MAML", "Prototypical networks")
    prepare(page, steps=3)
    page.click("#train-start")
    expect(page.locator("#train-use")).to_be_visible(timeout=2 * SLOW)
    assert page.locator(".training").get_attribute("data-step") == "3"
    assert re.search(r"\d%\s+on 40 tasks of 2 classes.*95 % interval", page.inner_text(".training"))
    assert "before training it was" in page.inner_text("#train-outcome") or "No step" in page.inner_text(
        "#train-outcome"
    )
    expect(page.locator("#train-chart .main-svg").first).to_be_visible()
    points = page.eval_on_selector("#train-chart .chart", "e => e.data.map(t => t.x.length)")
    assert points == [3, 3, 4], "loss, its running mean, validation"
    with page.expect_download() as download:
        page.click("#train-download")
    download.value.save_as(tmp_path / "it.zip")
    with zipfile.ZipFile(tmp_path / "it.zip") as archive:
        assert sorted(archive.namelist()) == ["protonet/card.json", "protonet/weights.safetensors"]

    if "was kept" in page.inner_text("#train-outcome"):
        expect(page.locator("#train-beside")).to_contain_text("Beside the start that we ship", timeout=SLOW)
    page.click("#train-use")
    expect(page.locator("#start")).to_be_visible()
    expect(page.locator("#algorithms").get_by_label("Prototypical networks")).to_be_checked()
    mine = page.locator("#starts").get_by_label("Prototypical networks · your run")
    expect(mine).to_be_checked()
    expect(page.locator("#notice")).to_contain_text("press Adapt")
    adapt(page)
    badge = page.locator(".run[data-algorithm=protonet] .badge")
    expect(badge).to_have_text("meta-trained · your run")
    mine.uncheck()
    expect(page.locator("#notice")).to_contain_text(text("page.run.changed"))
    page.click("#start")
    expect(badge).to_have_text(text("page.run.not_trained"), timeout=SLOW)

    tomorrow = visit(address="")  # which opens on drawings
    open_tab(tomorrow, 2)
    upload(tomorrow, tmp_path / "it.zip", "#train-bring")
    expect(tomorrow.locator("#notice")).to_contain_text("press Adapt", timeout=SLOW)
    expect(tomorrow.locator("#starts").get_by_label("Prototypical networks · your run")).to_be_checked()
    expect(tomorrow.locator("#cards .card").first).to_be_visible()
    adapt(tomorrow)
    expect(tomorrow.locator(".run[data-algorithm=protonet] .badge")).to_have_text("meta-trained · your run")
    (tmp_path / "no.zip").write_text("nothing")
    open_tab(tomorrow, 2)
    upload(tomorrow, tmp_path / "no.zip", "#train-bring")
    expect_alert(tomorrow, "“no.zip” is no zip file")


def test_stop_halfway_while_another_visitor_waits(visit: Open) -> None:
    page, other = visit(), visit()
    prepare(page, steps=500)
    page.click("#train-start")
    page.wait_for_function("document.querySelector('.training')?.dataset.step >= 2", timeout=2 * SLOW)
    expect(page.locator(".training .where")).to_contain_text("left")
    prepare(other, steps=3)
    other.click("#train-start")
    expect_alert(other, text("error.training_busy"))
    expect(other.locator("#train-start")).to_be_enabled()
    page.click("#train-stop")
    expect(page.locator("#train-outcome .summary")).to_contain_text("Stopped at step", timeout=SLOW)
    expect(page.locator("#train-use")).to_be_visible()
    expect(page.locator("#train-start")).to_be_enabled()
    assert int(page.locator(".training").get_attribute("data-step") or 0) < 500


def test_what_cannot_be_trained_is_said_in_a_sentence(visit: Open, tmp_path: Path) -> None:
    page = visit()
    prepare(page, steps=3)
    few = tmp_path / "few<b>.csv"
    few.write_text("text,label\n" + "".join(f"sentence {i},class {i % 2}\n" for i in range(20)))
    upload(page, few, "#train-upload")
    expect_alert(page, "has 2 classes, too few")
    table = tmp_path / "mine<b>.csv"
    table.write_text("text,label\n" + "".join(f"sentence {i},class {i % 5}\n" for i in range(20)))
    upload(page, table, "#train-upload")
    expect(page.locator("#train-sources")).to_contain_text("· 5 classes, 20 examples")
    assert page.locator("#train-sources b").count() == 0
    page.click("#train-start")
    expect_alert(page, "has 4 examples, and 1 to learn from and 5 to ask about make 6")
    expect(page.locator("#train-start")).to_be_enabled()
    page.locator("#train-sources").get_by_label("· 5 classes").uncheck()
    page.click("#train-start")
    expect_alert(page, text("error.train_no_source"))
    page.locator("#train-lr input").fill("7")
    page.locator("#train-sources").get_by_label("Sport").check()
    page.click("#train-start")
    expect_alert(page, "The knob “Outer learning rate” is 7")


def test_sentences_without_labels_are_trained_on_as_well(visit: Open, tmp_path: Path) -> None:
    page = visit()
    prepare(page, steps=2)
    sentences = [str(said) for texts in load_source("builtin:shopping").classes.values() for said in texts]
    (tmp_path / "mine<b>.txt").write_text("\n".join(sentences))
    upload(page, tmp_path / "mine<b>.txt", "#train-upload")
    kind = f"· {len(sentences)} sentences without labels"
    expect(page.locator("#train-sources").get_by_label(kind)).to_be_checked()
    last = page.locator("#train-sources").get_by_label(text(f"pack.{pack_names()[-1]}"), exact=True)
    expect(last).to_be_checked()
    page.click("#train-start")
    expect(page.locator("#train-use")).to_be_visible(timeout=2 * SLOW)
    with page.expect_download() as download:
        page.click("#train-download")
    download.value.save_as(tmp_path / "it.zip")
    with zipfile.ZipFile(tmp_path / "it.zip") as archive:
        sources = [source["name"] for source in json.loads(archive.read("protonet/card.json"))["sources"]]
    assert len(sources) == 4 and all(f"of {len(sentences)} unlabelled" in name for name in sources[1:])

    last.uncheck()
    page.click("#train-start")
    expect_alert(page, text("error.train_unlabelled_alone"))
    (tmp_path / "few.txt").write_text("one\ntwo\n")
    upload(page, tmp_path / "few.txt", "#train-upload")
    expect(page.locator("#train-sources").get_by_label("· 2 sentences without labels")).to_be_checked()
    last.check()
    page.click("#train-start")
    expect_alert(page, "Too few unlabelled examples (2 different ones)")
    expect(page.locator("#train-start")).to_be_enabled()


def test_the_other_knobs_are_in_a_fold_and_are_what_is_trained_with(visit: Open, tmp_path: Path) -> None:
    page = visit(locale="zh-CN", width=380)
    open_tab(page, 2)
    expect(page.locator("#train-lr")).to_contain_text("外循环学习率")
    expect(page.locator("#train-weight_decay")).to_be_hidden()
    page.locator("#train-more button").first.click()
    for name, said in (("weight_decay", "权重衰减"), ("ema", "滑动平均"), ("within", "取自同一组")):
        expect(page.locator(f"#train-{name}")).to_contain_text(said)
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    for name, value in (("steps", 1), ("n_way", 2), ("meta_batch", 1), ("ema", 2), ("minutes", 5)):
        enter(page.locator(f"#train-{name} input[type=number]"), value)
    page.locator("#train-bf16 input").check()
    page.click("#train-start")
    expect_alert(page, "参数“滑动平均”的值为 2：请输入 0 到 0.9999 之间的数。")
    enter(page.locator("#train-ema input"), 0.5)
    page.click("#train-start")
    expect(page.locator("#train-use")).to_be_visible(timeout=2 * SLOW)
    with page.expect_download() as download:
        page.click("#train-download")
    download.value.save_as(tmp_path / "it.zip")
    with zipfile.ZipFile(tmp_path / "it.zip") as archive:
        plan = json.loads(archive.read("protonet/card.json"))["plan"]
    assert (plan["ema"], plan["bf16"], plan["muon"], plan["lr"], plan["steps"]) == (0.5, True, False, 3e-4, 1)


def test_the_benchmark_tab_shows_tables_or_says_that_there_are_none(visit: Open) -> None:
    page = visit()
    expect(page.locator("#benchmark .sheet")).to_have_count(0)  # who does not look at them is sent none
    open_tab(page, 3)
    expect(page.locator("#benchmark .sheet").first).to_be_visible()
    tables = page.locator("#benchmark table").count()
    assert tables or text("page.benchmark.empty") in page.inner_text("#benchmark")
    expect(page.locator("#frontier .main-svg").first).to_be_visible()  # it opens with the chart


def test_what_is_trained_on_follows_the_side_of_the_page(visit: Open, tmp_path: Path) -> None:
    page = visit()
    boxes = page.locator("#train-sources")
    drawings, sport, arts = (
        boxes.get_by_label(text(f"pack.{name}"), exact=True) for name in ("builtin:glyphs", "sport", "arts-and-events")
    )
    open_tab(page, 2)
    expect(sport).to_be_checked()
    arts.uncheck()
    open_tab(page, 0)
    page.locator("#modality label").nth(1).click()
    open_tab(page, 2)
    expect(drawings).to_be_checked(timeout=SLOW)
    expect(sport).not_to_be_checked()
    open_tab(page, 0)
    page.locator("#modality label").nth(0).click()
    open_tab(page, 2)
    expect(sport).to_be_checked(timeout=SLOW)
    expect(arts).not_to_be_checked()  # as it was left
    expect(drawings).not_to_be_checked()
    (tmp_path / "mine.csv").write_text("text,label\n" + "".join(f"s {i},class {i % 5}\n" for i in range(20)))
    upload(page, tmp_path / "mine.csv", "#train-upload")
    mine = boxes.get_by_label("· 5 classes")
    expect(mine).to_be_checked()
    open_tab(page, 0)
    page.locator("#modality label").nth(1).click()
    page.wait_for_timeout(1500)
    open_tab(page, 2)
    expect(mine).to_be_checked()
    expect(drawings).not_to_be_checked()


def test_train_on_numbers_and_use_the_start(visit: Open, tmp_path: Path) -> None:
    page = visit()
    open_tab(page, 2)
    sources, algorithms = page.locator("#train-sources"), page.locator("#train-algorithm label")
    expect(algorithms).to_have_count(len(trainable()))
    sources.get_by_label(text("pack.builtin:numbers"), exact=True).check()
    able = [name for name in trainable() if name in able_to("numbers")]
    expect(algorithms).to_have_count(len(able), timeout=SLOW)
    expect(sources.locator("input:checked")).to_have_count(1)
    expect(page.locator("#train-algorithm input:checked")).to_have_value("kernel")
    expect(page.locator("#train-n_way")).not_to_be_visible()
    expect(page.locator("#train-k_shot input[type=number]")).to_have_value("5")
    marks = page.locator("#train-algorithm .wrap > label").evaluate_all(
        "all => all.map(e => [e.querySelector('input').value, getComputedStyle(e, '::after').content])"
    )
    assert dict(marks) == {name: f'"{mark(name).glyph}"' for name in able}
    table = tmp_path / "heat.csv"
    table.write_text("text,value\n" + "".join(f"it is {i} degrees outside,{i}\n" for i in range(60)))
    upload(page, table, "#train-upload")
    expect(sources).to_contain_text("heat.csv · 60 examples with numbers")
    sources.get_by_label("60 examples with numbers").uncheck()
    sources.get_by_label(text("pack.builtin:numbers"), exact=True).check()
    for name, value in (("steps", 3), ("meta_batch", 2)):
        field = page.locator(f"#train-{name} input[type=number]")
        field.fill(str(value))
        field.press("Tab")
    page.click("#train-start")
    expect(page.locator("#train-use")).to_be_visible(timeout=2 * SLOW)
    said = page.inner_text("#training")
    assert "mean squared error" in said and "ccuracy" not in said and "nats" not in said
    page.click("#train-use")
    expect(page.locator("#notice")).to_contain_text("as soon as labels are numbers", timeout=SLOW)
    page.locator("#kind label").nth(1).click()
    mine = page.locator("#starts").get_by_label("Kernel average · your run")
    expect(mine).to_be_checked(timeout=SLOW)
    page.locator("#cards .cards-clear").click()
    numbers = page.locator("#cards .value-number")
    for place, value in enumerate(("3", "17", "30")):
        page.locator("#cards .value-text").nth(place).fill(f"it is {value} degrees outside")
        numbers.nth(place).fill(value)
    adapt_numbers = page.locator(".run[data-algorithm=kernel] .badge")
    page.click("#start")
    expect(adapt_numbers).to_have_text("meta-trained · your run", timeout=SLOW)
