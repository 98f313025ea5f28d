"""How much is taken in: long texts cost little, and are read as ever."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import time
import tracemalloc
import unicodedata

import numpy as np
import pytest
from cases import ROOT

from benchmarks import appetite, resident
from meta_demo.backbones.notes import reading_notes
from meta_demo.core import strings
from meta_demo.core.strings import clean, shorten
from meta_demo.modalities.base import MODALITIES
from meta_demo.modalities.text import inputs


def cleaned_whole(text):
    """What `clean` says it does, on the whole text at once."""
    kept = "".join(
        c for c in text if c.isspace() or not (unicodedata.category(c) in ("Cc", "Cs") or c in strings.NOT_TEXT)
    )
    result = " ".join(unicodedata.normalize("NFC", kept).split())
    return result if any(unicodedata.category(c) not in ("Cf", "Zs") for c in result) else ""


@pytest.mark.parametrize(
    "alphabet", ["a b", "ab\x00\t\x1c ", "e\u0301 \u0300o\u200d", "漢字", "가각 \u1100\u1161\u11a8x", " \n"]
)
def test_a_text_is_cleaned_in_blocks_as_it_is_whole(alphabet, monkeypatch):
    monkeypatch.setattr(strings, "BLOCK", 16)
    monkeypatch.setattr(strings, "REACH", 5)
    rng = random.Random(alphabet)
    for length in (0, 1, 15, 16, 17, 33, 200):
        text = "".join(rng.choices(alphabet, k=length))
        assert clean(text) == cleaned_whole(text), repr(text)


@pytest.mark.slow
def test_a_long_text_takes_little_more_memory_than_itself_to_clean():
    text = "a word and another one, \n" * 80_000  # 2 MB
    tracemalloc.start()
    started = time.monotonic()
    assert len(clean(text)) == len(text) - 80_000 - 1
    assert tracemalloc.get_traced_memory()[1] < 3.2 * len(text)
    assert time.monotonic() - started < 20
    assert shorten(text) == clean(text)[:59] + "…"
    tracemalloc.stop()


def test_what_a_tokenizer_is_given_of_a_long_text_makes_the_tokens_of_the_whole(minilm, monkeypatch):
    rng = random.Random(1)
    words = ["account", "déjà", "漢字仮名", "unbelievable-ly", "x" * 150, "1,234.50", "👍🏽"]
    text = " ".join(rng.choices(words, k=3000))
    whole = minilm.encode(text)
    assert (whole.length, whole.unseen) == (256, 0) and whole.dropped > 3000
    monkeypatch.setattr(inputs, "SEEN", 256 * 64)
    seen = minilm.encode(text)
    assert (seen.key, seen.digest) == (whole.key, whole.digest)
    assert 0 <= seen.unseen - (len(text) - 256 * 64) <= 150  # up to the end of a word
    glued = minilm.encode("漢" * 30_000)
    assert glued.length == 256 and glued.unseen == 30_000 - 256 * 64
    assert minilm.inputs.shows(text) == text[: len(text) - seen.unseen]


def test_the_note_says_characters_where_nobody_counted_tokens(minilm, monkeypatch):
    monkeypatch.setattr(inputs, "SEEN", 10_000)
    long, longer, short = "many words " * 600, "even more words " * 2000, "few words"
    (cut,) = reading_notes(minilm, [long, short])
    assert cut.message() == f"“{long[:40]}…” has 1202 tokens; the model reads the first 256."
    (unseen,) = reading_notes(minilm, [longer, short])
    assert unseen.message() == f"“{longer[:40]}…” has 32,000 characters; the model reads the first 256 tokens."
    assert "32,000" in unseen.message("zh")
    (both,) = reading_notes(minilm, [longer, long, short])
    assert both.message().startswith("2 inputs are longer") and "32,000 characters" in both.message()


def test_a_long_text_is_the_same_example_whatever_its_capitals_and_hashed_as_a_whole():
    text = MODALITIES["text"]
    long = "Straße und Weg " * 10_000
    assert text.identity(long) == text.identity(long.upper()) != text.identity(long + "x")
    assert len(text.identity(long)) == 16 and text.identity("Straße") == "strasse"
    for said in ("a", long):
        assert text.digest(said) == hashlib.blake2b(said.encode(), digest_size=16).digest()


@pytest.mark.skipif(not resident.STATUS.exists(), reason="the system does not say what one address space takes")
def test_a_small_process_that_a_large_one_starts_has_a_peak_of_its_own():
    filled = np.ones(50 << 20)  # 400 MB
    asked = [sys.executable, "-c", "from benchmarks import resident; print(resident.peak())"]
    small = float(subprocess.run(asked, capture_output=True, text=True, check=True, cwd=ROOT).stdout)
    assert resident.peak() > filled.nbytes / resident.MB > 2 * small > 0
    assert 0 < resident.now() <= resident.peak()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "most"),
    [("a text of 60 MB", 200), ("2,000 pictures on cards", 50), ("16 data URLs of 48 million pixels", 800)],
)
def test_what_is_cut_or_refused_takes_little_memory(case, most):
    _, above, _, _, said = appetite.measured(case)
    assert isinstance(above, int) and above < most, said


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    ["15 x 20 words, maml, lora", "25 x 180 words, maml, lora", "25 x 180 words, protonet", "300 pictures, maml, all"],
)
def test_what_is_foreseen_is_no_less_than_what_is_measured_and_at_most_three_times_as_much(case):
    _, above, foreseen, _, said = appetite.measured(case)
    assert isinstance(above, int), said
    assert above <= foreseen <= 3 * above + 100  # MB: what a process takes beside its tensors is foreseen too
