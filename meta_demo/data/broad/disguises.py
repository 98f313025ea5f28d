"""The same sentence written otherwise: in capitals, without vowels, back to front ... One class a way of writing."""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Callable

SIGNALS = ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.."
MORSE = dict(zip("abcdefghijklmnopqrstuvwxyz", SIGNALS.split(), strict=True))
LEET = str.maketrans("aeiostlAEIOSTL", "43105714310571")
EMOJI = ["😀", "😂", "🎉", "🔥", "🙏", "😭", "👍", "🥳", "🤔", "💀", "✨", "🐶", "🌧️", "🚀"]
TEXTING = {
    "you": "u",
    "are": "r",
    "to": "2",
    "for": "4",
    "your": "ur",
    "be": "b",
    "and": "n",
    "the": "da",
    "please": "plz",
}


def _each(change: Callable[[str], str]) -> Callable[[str, random.Random], str]:
    """Every word changed in the same way."""
    return lambda said, _: re.sub(r"[A-Za-z]+", lambda word: change(word[0]), said)


def _pig(word: str) -> str:
    found = re.match(r"([^aeiouAEIOU]*)(.*)", word)
    assert found
    return f"{found[2]}{found[1].lower()}ay" if found[2] else word


def _between(words: list[str], rng: random.Random) -> str:
    """A list of words with `um` and the like between some."""
    return " ".join(
        f"{word}, {rng.choice(('um', 'er', 'like', 'you know'))}," if rng.random() < 0.3 else word for word in words
    )


def _typos(said: str, rng: random.Random) -> str:
    """A letter of every third word in its neighbour's place."""
    words = said.split()
    for i in range(rng.randrange(2), len(words), 3):
        if len(words[i]) > 3:
            at = rng.randrange(1, len(words[i]) - 2)
            words[i] = words[i][:at] + words[i][at + 1] + words[i][at] + words[i][at + 2 :]
    return " ".join(words)


DISGUISES: dict[str, Callable[[str, random.Random], str]] = {
    "in capitals": lambda said, _: said.upper(),
    "small letters only": lambda said, _: re.sub(r"[^a-z ]", "", said.lower()),
    "Every Word Capital": lambda said, _: said.title(),
    "without vowels": lambda said, _: re.sub("[aeiouAEIOU]", "", said),
    "figures for letters": lambda said, _: said.translate(LEET),
    "words back to front": lambda said, _: " ".join(reversed(said.split())),
    "letters back to front": lambda said, _: said[::-1],
    "pig latin": _each(_pig),
    "stuttered": _each(lambda word: f"{word[0]}-{word}" if len(word) > 3 else word),
    "drawn out": _each(lambda word: re.sub("([aeiou])", r"\1\1\1", word, count=1)),
    "without spaces": lambda said, _: said.replace(" ", ""),
    "letters apart": lambda said, _: " ".join(said.replace(" ", "_")),
    "dots between": lambda said, _: "...".join(said.split()),
    "hashtags": _each(lambda word: f"#{word.lower()}"),
    "with faces": lambda said, rng: " ".join([said, *rng.sample(EMOJI, 3)]),
    "in Morse": lambda said, _: " / ".join(" ".join(MORSE.get(c, "") for c in w.lower()) for w in said.split()[:5]),
    "shouted!!!": lambda said, _: said.rstrip(".?!").upper() + "!!!1!",
    "quoted": lambda said, _: f"“{said}”",
    "in brackets": lambda said, _: f"({said})",
    "bulleted": lambda said, _: "\n".join(f"• {part}" for part in said.split(" ", 3)),
    "numbered": lambda said, _: "\n".join(f"{i}) {part}" for i, part in enumerate(said.split(" ", 3), 1)),
    "quoted in a reply": lambda said, rng: f"> {said}\n>> {rng.choice(('Yes.', 'No.', 'Maybe.'))}",
    "typos": _typos,
    "texting": lambda said, _: " ".join(TEXTING.get(word, word) for word in said.lower().rstrip(".!?").split()),
    "every word twice": _each(lambda word: f"{word} {word}"),
    "syllables": _each(lambda word: re.sub(r"([aeiou])([^aeiou\W])(?=[aeiou])", r"\1-\2", word)),
    "with fillers": lambda said, rng: _between(said.split(), rng),
    "base64": lambda said, _: base64.b64encode(said.encode()).decode()[:60],
    "hexadecimal": lambda said, _: " ".join(f"{byte:02x}" for byte in said.encode()[:20]),
    "binary": lambda said, _: " ".join(f"{byte:08b}" for byte in said.encode()[:5]),
    "initials": lambda said, _: ".".join(word[0].upper() for word in said.split() if word[0].isalpha()) + ".",
    "underscores": lambda said, _: re.sub(r"\W+", "_", said.lower()).strip("_"),
    "camelCase": lambda said, _: said[0].lower() + re.sub(r"\W+", "", said.title())[1:],
    "crossed out": lambda said, _: " ".join(f"~~{w}~~" if i % 2 else w for i, w in enumerate(said.split())),
    "half a sentence": lambda said, _: " ".join(said.split()[: max(2, len(said.split()) // 2)]) + "—",
    "all questioned": lambda said, _: said.rstrip(".!?") + "???",
}
