"""HTML is made in one way: what is put into an element is text, and nowhere on the page are tags written by hand."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import meta_demo
from meta_demo.ui.markup import Html, tag, together

PACKAGE = Path(meta_demo.__file__).parent
# Plotly's labels are a small language of its own; the head of the page is Gradio's, and a script is put into it.
OTHERS = {"plots.py", "curves.py", "frontier.py", "browser_language.py"}
PAGE = sorted({*(PACKAGE / "ui").rglob("*.py"), *(PACKAGE / "modalities").glob("*/page.py")})


def test_an_element_with_attributes_and_children() -> None:
    made = tag("p", "a & b", tag("b", "c"), None, ["d", [tag("br")]], cls="x", data_step=3, hidden=True, title=None)
    assert made == '<p class="x" data-step="3" hidden>a &amp; b<b>c</b>d<br></p>'
    assert tag("img", src="a.png", alt="") == '<img src="a.png" alt="">'
    assert together("<", tag("i")) == "&lt;<i></i>"
    assert not together(None)


@given(st.text())
def test_a_visitors_string_is_text_wherever_it_is_put(said: str) -> None:
    inside = re.fullmatch("<p>(.*)</p>", tag("p", said), flags=re.DOTALL)
    assert inside and not re.search("[<>\"']", inside[1])
    assert tag("p", title=said).count('"') == 2
    assert tag("p", f"{tag('b', said)}") == tag("p", str(tag("b", said))), "what went through a string is text again"


def test_markup_that_was_cut_or_joined_is_a_string_like_any_other() -> None:
    bold = tag("b", "x")
    assert isinstance(bold, Html) and not isinstance(bold + "", Html) and not isinstance(bold[:2], Html)


def literals(path: Path) -> list[str]:
    """Every string of a module, but for those that explain it."""
    tree = ast.parse(path.read_text("utf-8"))
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in prose]
    return [node.value for node in nodes if isinstance(node.value, str)]


@pytest.mark.parametrize(
    "path", [p for p in PAGE if p.name not in {*OTHERS, "markup.py"}], ids=lambda p: p.parent.name + "/" + p.stem
)
def test_no_tag_is_written_by_hand(path: Path) -> None:
    assert [said for said in literals(path) if re.search(r"</?[a-z]", said)] == []
    assert "html import escape" not in path.read_text("utf-8")
