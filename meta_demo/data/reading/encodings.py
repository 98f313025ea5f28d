"""The names in a zip that does not say how they are encoded: one guess for the whole archive, by which letters make words.

Zips of macOS are UTF-8 without saying so; those of Windows are written in its country's code page. A few letters tell little, so a
guess counts how many of all the letters are common ones where that code page is used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from meta_demo.words import Words, words

# The syllables that most Korean words are made of.
HANGUL = (
    "가각간갈감강개거건게결경계고공과관교구국군권귀그근금급기김나난날남내너네노녀년농눈는니다단달담당대더데도독동돼된두드들등디"
    "따때떡또라락란람랑래량러런레려력령로록론료루류르른를름리린림립마만말망매머먹면명모목무문물미민바박반발방배백버번법베변별병보"
    "복본봉부북분불비빵사산살삼상새색생서석선설성세소속손송수숙순술숨스승시식신실심싸써아악안알암앙애야약양어언얼엄업없에여역연열영"
    "예오옥온와완왕외요용우운울움원월위유육윤으은을음의이익인일임입자작잔잘장재저적전절점정제조족존종좌주죽준중즈증지직진질집짐짜"
    "차찬참창채책처천철청체초촌총최추축춘출충취치친칠침카커코크키타탄태택터토통투트특파판팔패펴편평폐포표품풍피필하학한할함합항해행"
    "향허험현형혜호혼홍화환활황회획효후훈휴흐희힘"
)


@dataclass(frozen=True)
class CodePage:
    """A code page, what a person calls it, and whether a letter in it, with the one before, is a common one."""

    name: str
    title: Words
    common: Callable[[str, str], bool]
    enough: float = 0.6  # part of the letters beyond ASCII that must be common


def _level_one(lead: range, encoding: str) -> Callable[[str, str], bool]:
    """Whether a character is in the part of a code page that holds the common ones."""

    def common(letter: str, before: str) -> bool:  # noqa: ARG001
        code = letter.encode(encoding, "ignore")
        return len(code) == 2 and code[0] in lead

    return common


def _cyrillic(letter: str, before: str) -> bool:
    """A Russian letter, a capital only where a word begins or another capital stands before it."""
    if not ("а" <= letter.lower() <= "я" or letter in "ёЁ"):
        return False
    return letter.islower() or not before.isalpha() or before.isupper()


def _kana(letter: str, before: str) -> bool:
    return "ぁ" <= letter <= "ヾ" or _level_one(range(0x88, 0x98), "cp932")(letter, before)


def _latin(letter: str, before: str) -> bool:  # noqa: ARG001
    return letter.isalpha() and letter <= "ɏ"


CODE_PAGES = (
    CodePage("cp932", words("Japanese (Shift JIS)", "日文（Shift JIS）"), _kana),
    CodePage("cp866", words("Russian (code page 866)", "俄文（代码页 866）"), _cyrillic, 0.95),
    CodePage("cp949", words("Korean (code page 949)", "韩文（代码页 949）"), lambda letter, _: letter in HANGUL),
    CodePage("gb2312", words("Chinese (GB 2312)", "简体中文（GB 2312）"), _level_one(range(0xB0, 0xD8), "gb2312")),
    CodePage("big5", words("Chinese (Big5)", "繁体中文（Big5）"), _level_one(range(0xA4, 0xC7), "big5")),
    CodePage("cp1251", words("Russian (Windows-1251)", "俄文（Windows-1251）"), _cyrillic, 0.95),
    CodePage("gbk", words("Chinese (GBK)", "简体中文（GBK）"), lambda letter, _: "一" <= letter <= "鿿"),
)
WESTERN = (CodePage("cp437", words("cp437"), _latin, 1.0), CodePage("cp1252", words("Windows-1252"), _latin, 1.0))


def guess(names: Sequence[bytes]) -> tuple[str, Words | None]:
    """The encoding of all `names`, and what it is called where it is a guess; cp437, a zip's own, where nothing fits better."""
    if all(_decodes(name, "utf-8") for name in names):
        return "utf-8", None
    text = b"/".join(names)
    accents = sum(byte >= 0x80 for byte in text) < 0.3 * sum(byte >= 0x80 or chr(byte).isalpha() for byte in text)
    pages = (*WESTERN, *CODE_PAGES) if accents else CODE_PAGES
    for page in pages:
        if _decodes(text, page.name) and _share(text.decode(page.name), page) >= page.enough:
            return page.name, None if page.name == "cp437" else page.title
    return "cp437", None


def _decodes(name: bytes, encoding: str) -> bool:
    try:
        name.decode(encoding)
    except UnicodeError:
        return False
    return True


def _share(text: str, page: CodePage) -> float:
    """The part of the characters beyond ASCII that are common ones."""
    beyond = [page.common(c, before) for before, c in zip(" " + text, text, strict=False) if c >= "\x80"]
    return sum(beyond) / max(1, len(beyond))
