"""Class names as examples: a person's word for a class is a hint that costs nothing."""

from __future__ import annotations

import re
from dataclasses import replace

from meta_demo.core.errors import UserError
from meta_demo.data.episode import Episode, Example
from meta_demo.modalities.base import MODALITIES, identity, is_blank


def spoken(label: str) -> str:
    """A label as words: `school/lost_property` and `lostProperty` as one would say them."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label)
    return " ".join(re.sub(r"[_\-/]", " ", apart).split())


def with_names(episode: Episode) -> Episode:
    """Each class's name as one more of its examples, unless that stands among the examples already.

    Names come from the support set alone: what a query is called stays hidden. Raises UserError where no name can be an example, or
    labels are no names.
    """
    if not episode.labels:
        raise UserError("labels_unnamed", objective=episode.objective.title)
    modality = MODALITIES[episode.modality]
    known = {identity(row.content) for row in episode.support}
    named = [Example(modality.of_name(spoken(label)), label) for label in episode.labels]
    said = [identity(row.content) for row in named]
    new = [row for row, words in zip(named, said, strict=True) if not is_blank(row.content) and words not in known]
    clear = [row for row in new if said.count(identity(row.content)) == 1]  # `a-b` and `a_b` sound alike
    return replace(episode, support=(*episode.support, *clear))
