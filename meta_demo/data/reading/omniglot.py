"""Omniglot's one-shot classification test (Lake, Salakhutdinov & Tenenbaum 2015) as episodes, from its folders or a zip of them.

A run is a folder with `training/`, one drawing of each character, `test/`, others by another hand, and `class_labels.txt`, whose
lines pair them: `run01/test/item01.png run01/training/class14.png`.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from meta_demo.core.errors import UserError
from meta_demo.core.files import Limits, read_text
from meta_demo.core.strings import shorten
from meta_demo.data.episode import Episode, Example, make_episode
from meta_demo.data.reading.folders import Tree, open_tree
from meta_demo.modalities.picture.content import Picture
from meta_demo.modalities.picture.reading import SUFFIXES, read_picture

KEY = "class_labels.txt"


def read_runs(path: Path, limits: Limits) -> list[Episode]:
    """An episode a run, in order: its training drawings, each a class named after its file, and its test drawings as queries.

    Raises UserError where there is no run, and where a line of a key names no drawing of its run.
    """
    tree = open_tree(path, limits)
    runs = [file.parent for file in tree.files if file.name == KEY]
    if not runs:
        raise UserError("no_runs", file=path)
    return [_episode(tree, run) for run in runs]


def _episode(tree: Tree, run: PurePosixPath) -> Episode:
    support = {
        file: Example(_picture(tree, file), file.stem)
        for file in tree.files
        if file.parent == run / "training" and file.suffix.lower() in SUFFIXES
    }
    query = []
    lines = read_text(tree.read(run / KEY), str(run / KEY)).splitlines()
    for number, line in enumerate(lines, 1):
        asked, _, answer = (run.parent / part for part in line.strip().partition(" "))
        if not line.strip():
            continue
        if asked not in tree.files or answer not in support:
            raise UserError("run_line", file=run / KEY, line=number, said=shorten(line))
        query.append(Example(_picture(tree, asked), answer.stem))
    return make_episode(list(support.values()), query)


def _picture(tree: Tree, file: PurePosixPath) -> Picture:
    return read_picture(tree.read(file), str(file))
