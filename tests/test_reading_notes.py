"""What the model cannot read, and what it cannot tell apart, is said: in `adapt`, `evaluate`, `train`, the API and the page alike."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import pytest
import torch
from test_sides import ENGLISH, page
from test_sides import said as said_by
from tiny_models import saved_model

from meta_demo.backbones.loading import SUGGESTED, load_backbone
from meta_demo.backbones.notes import reading_notes
from meta_demo.cli import main
from meta_demo.core.cache import Cache
from meta_demo.modalities.text import multilingual
from meta_demo.modalities.text.modality import E5_SMALL, OFFERED, Text
from meta_demo.ui.asking import Asking
from meta_demo.ui.handlers import Handlers

KHMER = ["កាតរបស់ខ្ញុំត្រូវបានគិតប្រាក់ពីរដង", "កញ្ចប់មិនបានមកដល់ទេ", "តើវាមកដល់ពេលណា"]
PLAIN = ["my card was charged twice", "the parcel never came"]

__all__ = ["page"]  # the fixture


def said(backbone, contents, lang="en"):
    return [note.message(lang) for note in reading_notes(backbone, contents)]


def test_nothing_is_said_of_what_is_read(minilm):
    assert said(minilm, [*PLAIN, "Hello", "hello", "naïve"]) == []


def test_a_script_without_tokens_names_a_model_that_has_them(minilm):
    (unknown, same) = said(minilm, [*PLAIN, *KHMER])
    other = "e5-small" if multilingual.installed() else "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"
    assert "3 inputs" in unknown and other in unknown and "100%" in unknown
    assert KHMER[1] in same
    (alone,) = said(minilm, KHMER[:1])
    assert "“កាត" in alone and "100%" in alone and other in alone
    assert "100%" in said(minilm, KHMER[:1], "zh")[0]


def test_without_the_extra_a_model_of_the_hub_is_named(minilm, monkeypatch):
    monkeypatch.setattr(Text, "models", (*Text.models[:1], *OFFERED))
    assert "paraphrase-multilingual" in said(minilm, KHMER[:1])[0]
    assert "bge-small-zh" not in said(minilm, KHMER[:1])[0]  # it reads Chinese
    monkeypatch.setattr(Text, "models", Text.models[:1])
    assert "pick a model that reads this script" in said(minilm, KHMER[:1])[0]


def test_a_third_is_the_limit(minilm):
    """Two unknown tokens of six are a third, and not more than that."""
    assert said(minilm, ["one two three four កាត ខ្ញុំ"]) == []
    assert len(said(minilm, ["one two three កាត ខ្ញុំ"])) == 1


def test_different_inputs_that_are_one_to_the_model(minilm):
    long = "word " * 300
    cut, same = said(minilm, [long + "first", long + "second"])
    assert "2 inputs" in cut and "256" in cut
    assert "2 different inputs" in same
    assert said(minilm, ["RÉSUMÉ", "resume"])[0].count("“") == 2  # this tokenizer drops accents
    assert said(minilm, ["Hello", "HELLO"]) == []  # one example to everybody


def test_the_most_that_was_cut_is_shown(minilm):
    (one,) = said(minilm, ["word " * 300])
    assert "302 tokens" in one and "first 256" in one
    (many,) = said(minilm, ["word " * 300, "other " * 400, "short"])
    assert many.startswith("2 inputs") and "402 tokens" in many


def test_a_model_that_spells_bytes_knows_everything(tmp_path):
    """No token of such a one is unknown, whatever the script."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    folder = saved_model(
        tmp_path, "gpt2", n_embd=16, n_layer=2, n_head=2, n_positions=64, vocab_size=300, eos_token_id=0
    )
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    spelled = Tokenizer(models.BPE({c: i for i, c in enumerate(letters)}, []))
    spelled.pre_tokenizer, spelled.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    spelled.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    backbone = load_backbone(str(folder), torch.device("cpu"), Cache(1 << 20))
    assert said(backbone, ["កាត", "hello"]) == []
    assert backbone.encode("").length == 1  # nothing at all still has an embedding


def rows(file: Path, texts: list[str]) -> Path:
    labelled = [{"text": f"{text} {i}", "label": f"{n}"} for n, text in enumerate(texts) for i in range(4)]
    file.write_text("".join(json.dumps(row) + "\n" for row in labelled))
    return file


@pytest.mark.slow
def test_every_command_says_so(tmp_path, capsys):
    source = rows(tmp_path / "khmer.jsonl", [*KHMER, "ប៊ិច"])
    out = tmp_path / "out.json"
    small = ["--n-way", "2", "--k-shot", "1", "--n-query", "1"]
    commands = {
        "adapt": ["adapt", str(source), "--algorithms", "protonet"],
        "evaluate": ["evaluate", str(source), *small, "--episodes", "2", "--algorithms", "protonet", "--checkpoint", "none"],
        "train": ["train", "--source", str(source), "--algorithm", "protonet", "--steps", "1", "--meta-batch", "1",
                  "--valid-episodes", "2", *small, "--output", str(tmp_path / "start")],
    }  # fmt: skip
    for command in commands.values():
        assert main([*command, "--json", str(out)]) == 0
        notes = json.loads(out.read_text())["notes"]
        assert any("has no tokens for" in note for note in notes), command
        assert "has no tokens for" in capsys.readouterr().err


def notes_of(command, out):
    assert main([*command, "--json", str(out)]) == 0
    return json.loads(out.read_text())["notes"]


@pytest.mark.slow
def test_what_a_file_has_is_said_whether_or_not_a_task_drew_it(tmp_path):
    lines = [f"a text on {word} number {i},{word}" for word in ("pears", "plums", "figs", "dates") for i in range(30)]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label", *lines, f"{KHMER[0]},figs"]))
    out, few = tmp_path / "out.json", ["--n-way", "2", "--k-shot", "1", "--n-query", "1"]
    asked = ["evaluate", str(tmp_path / "rows.csv"), *few, "--episodes", "2", "--algorithms", "protonet"]
    (note,) = notes_of(asked, out)
    assert "has no tokens for" in note
    curves = [{"support": [{"x": 40 + i, "value": i / 9} for i in range(5)], "query": [{"x": 41.5, "value": 0.1}]}] * 2
    (tmp_path / "curves.jsonl").write_text("\n".join(map(json.dumps, curves)))
    found = notes_of(["evaluate", str(tmp_path / "curves.jsonl"), "--algorithms", "maml"], out)
    assert any("40" in note for note in found), "points where the model has never been"


@pytest.mark.slow
def test_notes_on_unlabelled_tables_are_said_in_training(tmp_path):
    lines = [f"a text on {word} number {i},{word}" for word in ("pears", "plums", "figs", "dates") for i in range(6)]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label", *lines]))
    book = openpyxl.Workbook()
    for row in [["my sentences"], ["text", "when"], *([f"{text} again", i] for i, text in enumerate(lines))]:
        book.active.append(row)
    book.save(tmp_path / "more.xlsx")
    few = [
        "--n-way",
        "2",
        "--k-shot",
        "1",
        "--n-query",
        "2",
        "--steps",
        "1",
        "--meta-batch",
        "1",
        "--valid-episodes",
        "2",
    ]
    command = ["train", "--source", str(tmp_path / "rows.csv"), "--unlabelled", str(tmp_path / "more.xlsx"), *few]
    found = notes_of([*command, "--algorithm", "protonet", "--output", str(tmp_path / "start")], tmp_path / "out.json")
    assert any("more.xlsx" in note and "my sentences" in note for note in found), found


def test_all_notes_are_on_the_page_and_one_on_what_is_tried(page, service):
    """As many as there are: a fourth is no less worth knowing."""
    handlers = Handlers(service, page)
    values = said_by(page, "text")
    twins = [KHMER[0], "ប៊ិច", KHMER[1] if len(KHMER) > 1 else KHMER[0] + "!"]
    cards = [
        {"name": "a", "examples": "\n".join([*twins, "plain words " * 400])},
        {"name": "b", "examples": "my card was charged twice"},
    ]
    values[page.sides["text"].cards] = cards
    spelling = handlers._spelling(values)
    wanted = [note.message() for note in service.notes(handlers._request(spelling, handlers._typed(spelling)))]
    *_, last = handlers.adapt(values, ENGLISH)
    assert len(wanted) > 2 and last[page.adapt.notice].count("<p>") == len(wanted)
    values |= {page.run: last[page.run], page.trial.step: 0, page.sides["text"].tried: KHMER[0]}
    shown = Asking(service, page).predict(values, ENGLISH)[page.trial.predictions]
    assert "has no tokens for" in shown and "data-algorithm" in shown
    values[page.sides["text"].tried] = "where is my card"
    assert "has no tokens for" not in Asking(service, page).predict(values, ENGLISH)[page.trial.predictions]


@pytest.mark.skipif(not multilingual.installed(), reason="the extra is not installed")
@pytest.mark.slow
def test_the_multilingual_extra_reads_what_minilm_cannot():
    """In four bits and a plain BertModel: the same sentence in two languages lies closer than any other, and no token is unknown."""
    backbone = load_backbone("e5-small", torch.device("cpu"), Cache(1 << 26))
    assert (backbone.dim, backbone.n_layers, backbone.inputs.prompt) == (384, 12, "query: ")
    assert said(backbone, [*PLAIN, *KHMER]) == []
    other = ["我的卡被扣了两次款", "包裹一直没有送到"]
    z, y = (backbone.forward(backbone.features(texts, 0), {}) for texts in (PLAIN, other))
    assert (z @ y.T).argmax(1).tolist() == [0, 1]
    tokens = backbone.inputs.tokenizer.convert_ids_to_tokens(backbone.encode("忘记了密码～ 怎么办").key)
    assert tokens == ["<s>", "▁que", "ry", ":", "▁", "忘记", "了", "密码", "～", "▁", "怎么办", "</s>"]
    assert "e5-small" in [m.name for m in SUGGESTED if m.bundled]
    assert E5_SMALL.licence == "MIT"
