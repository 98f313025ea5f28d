"""Drawing, showing and recognising pictures as a visitor meets it, in a real browser, with a small random model."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from pathlib import Path

import browsing
import pytest
import torch
from browsing import SLOW, Glyph, Open, answers, draw, open_tab, slide, upload
from PIL import Image, ImageDraw
from playwright.sync_api import Locator, Page, expect

from meta_demo.words import text

CROSS: Glyph = [[(0.2, 0.2), (0.8, 0.8)], [(0.8, 0.2), (0.2, 0.8)]]
SQUARE: Glyph = [[(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75), (0.25, 0.25)]]
BAR: Glyph = [[(0.5, 0.1), (0.5, 0.9)]]
CARDS = "#picture-cards"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small random ViT of two layers, two heads and 4 x 4 patches."""
    from transformers import ViTConfig, ViTImageProcessor, ViTModel

    folder = tmp_path_factory.mktemp("vit")
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    ViTModel(ViTConfig(**sizes, image_size=32, patch_size=8), add_pooling_layer=False).save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def pad(page: Page, card: int) -> Locator:
    return page.locator(f"{CARDS} .pad-paper").nth(card)


def pictures(page: Page, model: Path) -> None:
    """Shows the page's other side and clears it."""
    page.locator("#modality label").nth(1).click()
    expect(page.locator(f"{CARDS} .thumb").first).to_be_visible(timeout=SLOW)  # of the sample task
    page.locator("#model input").fill(str(model))
    page.locator("#model input").press("Enter")
    expect(page.locator("#model-status .ready")).to_contain_text(str(model), timeout=SLOW)
    expect(page.locator("#predictions .empty")).to_be_visible()
    page.click("#try-pad .pad-erase")
    page.click(f"{CARDS} .cards-clear")
    expect(page.locator(f"{CARDS} .card-count").first).to_have_text("0")


def learn(page: Page) -> None:
    page.click("#start")
    browsing.seen(page.locator("#summary .summary"))


def taught(page: Page, model: Path) -> None:
    """One drawing of each of three symbols, and nothing else, is enough to adapt."""
    pictures(page, model)
    for card, glyph in enumerate((CROSS, SQUARE, BAR)):
        draw(page, pad(page, card), glyph)
    learn(page)


def count(page: Page, card: int) -> Locator:
    return page.locator(f"{CARDS} .card-count").nth(card)


def picture_file(folder: Path, name: str, glyph: str = "cross") -> Path:
    image = Image.new("RGB", (60 + len(list(folder.glob("*"))), 40), "white")  # no two alike
    shape = ImageDraw.Draw(image)
    if glyph == "cross":
        shape.line((5, 5, 55, 35), "red", 4)
    else:
        shape.ellipse((10, 5, 50, 35), outline="blue", width=4)
    folder.mkdir(exist_ok=True)
    image.save(folder / name)
    return folder / name


def drop(page: Page, target: Locator, *files: Path) -> None:
    """The files as if dragged from a file manager."""
    rows = [{"name": f.name, "data": base64.b64encode(f.read_bytes()).decode()} for f in files]
    transfer = page.evaluate_handle(
        """rows => { const transfer = new DataTransfer();
          for (const {name, data} of rows) {
            const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
            transfer.items.add(new File([bytes], name, {type: name.endsWith('.zip') ? 'application/zip' : 'image/png'}));
          }
          return transfer; }""",
        rows,
    )
    target.dispatch_event("drop", {"dataTransfer": transfer})


def test_draw_each_symbol_once_and_be_read(visit: Open, model: Path) -> None:
    page = visit()
    taught(page, model)
    assert page.locator(f"{CARDS} .card-name").evaluate_all("all => all.map(e => e.value)") == ["A", "B", "C", "", ""]
    expect(page.locator(f"{CARDS} .cards-total")).to_contain_text("3 pictures")
    expect(page.locator("#predictions")).to_contain_text(text("page.try.blank.picture", "en"))
    for glyph, label in ((CROSS, "A"), (SQUARE, "B"), (BAR, "C")):
        draw(page, page.locator("#try-pad .pad-paper"), glyph)
        expect(page.locator(".prediction[data-algorithm=protonet]")).to_have_attribute("data-top", label, timeout=SLOW)
        page.click("#try-pad .pad-erase")
        expect(page.locator(".prediction")).to_have_count(0)
    draw(page, page.locator("#try-pad .pad-paper"), CROSS)
    expect(page.locator(".prediction")).to_have_count(3, timeout=SLOW)
    assert page.locator(".prediction").first.locator(".leaned img").count() == 3
    slide(page, "#step", 0)
    expect(page.locator(".prediction[data-algorithm=maml]")).to_have_attribute("data-step", "0", timeout=SLOW)


def test_several_drawings_undo_and_removal(visit: Open, model: Path) -> None:
    page = visit()
    pictures(page, model)
    draw(page, pad(page, 0), CROSS)
    expect(count(page, 0)).to_have_text("1")
    page.locator(f"{CARDS} .pad-undo").first.click()
    expect(count(page, 0)).to_have_text("1")
    page.locator(f"{CARDS} .pad-undo").first.click()
    expect(count(page, 0)).to_have_text("0")
    draw(page, pad(page, 0), CROSS)
    page.locator(f"{CARDS} .tool-another").first.click()
    draw(page, pad(page, 0), BAR)
    expect(count(page, 0)).to_have_text("2")
    page.locator(f"{CARDS} .thumb").first.hover()
    page.locator(f"{CARDS} .thumb-remove").first.click()
    expect(count(page, 0)).to_have_text("1")
    page.click("#start")  # before the pause after which a change is told
    expect(page.locator("#message [role=alert]")).to_contain_text("Only one class, “A”", timeout=SLOW)
    page.wait_for_timeout(1500)
    expect(page.locator("#message [role=alert]")).to_contain_text("Only one class, “A”")
    expect(count(page, 0)).to_have_text("1")


def test_attention_over_the_drawing(visit: Open, model: Path) -> None:
    page = visit()
    taught(page, model)
    draw(page, page.locator("#try-pad .pad-paper"), CROSS)
    expect(page.locator("#overlay h3")).to_contain_text("After", timeout=SLOW)
    canvas = page.locator("#overlay canvas")
    painted = "e => e.toDataURL()"
    after = canvas.evaluate(painted)
    page.locator("#look").get_by_label("Before", exact=True).check()
    expect(page.locator("#overlay h3")).to_contain_text("Before")
    assert canvas.evaluate(painted) != after
    page.locator("#look").get_by_label("Difference", exact=True).check()
    expect(page.locator("#look-caption")).to_contain_text("Orange patches")
    page.locator("#overlay input[type=range]").fill("0.2")
    assert canvas.evaluate("e => e.style.opacity") == "0.2"
    canvas.click(position={"x": 20, "y": 20})
    expect(page.locator("#look-caption")).to_contain_text("row 1, column 1")
    page.locator("#overlay").get_by_role("button", name="class token").click()
    expect(page.locator("#look-caption")).to_contain_text("class token")
    page.locator("#atlas canvas").click(position={"x": 5, "y": 5})
    expect(page.locator("#overlay .caption")).to_contain_text("layer 1, head 1")
    browsing.choose(page, "#head", "rollout: all layers up to this one")
    expect(page.locator("#overlay .caption")).to_contain_text("rollout")


def test_files_dropped_on_cards_and_on_the_pad(visit: Open, model: Path, tmp_path: Path) -> None:
    page = visit()
    pictures(page, model)
    card = page.locator(f"{CARDS} .picture-card")
    drop(page, card.nth(0), picture_file(tmp_path, "1.png"), picture_file(tmp_path, "2.png", "ring"))
    expect(count(page, 0)).to_have_text("2")
    (tmp_path / "note.png").write_text("hello")
    drop(page, card.nth(1), tmp_path / "note.png")
    expect(page.locator("#message [role=alert]")).to_contain_text("note.png")
    expect(count(page, 0)).to_have_text("2")
    drop(page, card.nth(1), picture_file(tmp_path, "3.png", "ring"))
    expect(count(page, 1)).to_have_text("1")
    page.locator(f"{CARDS} .thumb-remove").nth(1).evaluate("e => e.click()")
    learn(page)
    drop(page, page.locator(".try-pad"), tmp_path / "note.png")
    expect(page.locator("#message [role=alert]")).to_contain_text("note.png")
    drop(page, page.locator(".try-pad"), tmp_path / "3.png")
    expect(page.locator(".prediction[data-algorithm=protonet]")).to_have_attribute("data-top", "B", timeout=SLOW)
    expect(page.locator("#message [role=alert]")).to_have_count(0)
    assert "url(" in page.locator("#try-pad .pad-paper").evaluate("e => e.style.backgroundImage")
    draw(page, page.locator("#try-pad .pad-paper"), CROSS)
    assert page.locator("#try-pad .pad-paper").evaluate("e => e.style.backgroundImage") == "", "drawing puts it away"


def test_a_zip_of_class_folders_and_a_task_file_show_their_side(visit: Open, tmp_path: Path) -> None:
    """And a kind of file that nobody knows is refused in our own words."""
    page = visit()
    before = browsing.cards(page)
    (tmp_path / "photo.gif.txt").write_text("no picture")
    upload(page, tmp_path / "photo.gif.txt")
    expect(page.locator("#message [role=alert]")).to_contain_text("is not known: use one of .json", timeout=SLOW)
    assert browsing.cards(page) == before
    files = {
        f"{name}/{i}.png": picture_file(tmp_path, f"{name}{i}.png", name) for name in ("cross", "ring") for i in "12"
    }
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        for name, path in files.items():
            archive.write(path, name)
    sentences = page.locator("#cards .card-examples").first.input_value()
    upload(page, tmp_path / "mine.zip")
    expect(page.locator(f"{CARDS} .card")).to_have_count(2, timeout=SLOW)
    expect(page.locator(f"{CARDS} .thumb")).to_have_count(4)
    page.locator("#modality label").nth(0).click()
    expect(page.locator("#cards .card-examples").first).to_have_value(sentences)
    buffer = io.BytesIO()
    Image.open(files["ring/1.png"]).save(buffer, "png")
    url = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    mixed = {"support": [{"image": url, "label": "a"}, {"text": "hello", "label": "b"}]}
    (tmp_path / "mixed.json").write_text(json.dumps(mixed))
    upload(page, tmp_path / "mixed.json")
    expect(page.locator("#message [role=alert]")).to_contain_text("hello", timeout=SLOW)
    expect(page.locator("#cards .card-examples").first).to_have_value(sentences)


def test_each_side_is_left_as_it_was(visit: Open, model: Path) -> None:
    page = visit()
    browsing.without(page, "Fine-tuning", "MAML")
    browsing.adapt(page)
    before = answers(page)
    taught(page, model)
    draw(page, page.locator("#try-pad .pad-paper"), CROSS)
    expect(page.locator(".prediction")).to_have_attribute("data-top", "A", timeout=SLOW)
    expect(page.locator("#overlay canvas")).to_be_visible(timeout=SLOW)
    expect(page.locator("#heatmap .chart")).not_to_be_visible()
    expect(page.locator("#look-sentence")).not_to_be_visible()
    page.locator("#modality label").nth(0).click()
    expect(page.locator("#model-status .ready")).to_contain_text("minilm", timeout=SLOW)
    expect(page.locator("#heatmap .chart")).to_be_visible(timeout=SLOW)
    expect(page.locator("#overlay canvas")).not_to_be_visible()
    expect(page.locator(".prediction")).to_have_attribute("data-top", before["protonet"][0], timeout=SLOW)
    assert answers(page) == before
    page.locator("#modality label").nth(1).click()
    expect(page.locator(".prediction")).to_have_attribute("data-top", "A", timeout=SLOW)
    expect(count(page, 0)).to_have_text("1")


def test_a_model_that_cannot_be_had_or_looks_at_pictures_says_so(visit: Open, model: Path) -> None:
    page = visit()
    status, alert = page.locator("#model-status"), page.locator("#message [role=alert]")
    for name, ready, said in (
        ("/no/such/folder", False, "/no/such/folder"),
        (str(model), True, "looks at pictures"),
    ):
        page.locator("#model input").fill(name)
        page.locator("#model input").press("Enter")
        expect(status.locator(".ready" if ready else ".failed")).to_contain_text(name, timeout=SLOW)
        page.click("#start")
        expect(alert).to_contain_text(said, timeout=SLOW)


@pytest.mark.parametrize("path", ["?__theme=light", "?__theme=dark"])
def test_a_telephone_draws_too(visit: Open, model: Path, path: str) -> None:
    page = visit(path, width=380)
    browsing.without(page, "Fine-tuning")
    taught(page, model)
    draw(page, page.locator("#try-pad .pad-paper"), CROSS)
    expect(page.locator("#overlay canvas")).to_be_visible(timeout=SLOW)
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    edges = page.locator(".pad:visible, .tool:visible, #atlas canvas, #overlay canvas").evaluate_all(
        "all => all.map(e => e.getBoundingClientRect().right)"
    )
    assert max(edges) <= 380
    open_tab(page, 2)
