"""Checkpoints: the meta-parameters of an algorithm on disk, with a card that says where they came from.

A folder with `weights.safetensors` (values, not differences) and `card.json`, which knows the weights' SHA-256: a truncated file, a
flipped byte, or the card of other weights are refused. A start may hold every weight of the Transformer while tasks move what the
algorithm's scope says: what it stands on and does not move is in it too, in float16. Where another start in the folder beside has
learned all that, the card names that one, and its weights are there once for all that stand on them.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError
from safetensors.torch import load as deserialize
from safetensors.torch import save as serialize
from torch import Tensor

from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.body import BodyAlgorithm
from meta_demo.algorithms.registry import get_algorithm
from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.loading import suited
from meta_demo.backbones.scopes import SCOPES
from meta_demo.backbones.standing import standing_on
from meta_demo.core.config import Config
from meta_demo.core.errors import Note, UserError
from meta_demo.core.places import place
from meta_demo.modalities.inputs import save_head

FORMAT = 1
WEIGHTS, CARD = "weights.safetensors", "card.json"
SHIPPED = place("checkpoints")
RANDOM = "random"  # where a start comes from: weights that nobody has trained
CLASSES = "classes"  # the objective that is meant where nobody says which
BODY = "_body."  # what the names of a start's weights in the Transformer begin with
GIVEN = "_given."  # and those of weights that it stands on and does not move


class Card(BaseModel):
    """What a checkpoint is: enough to rebuild the algorithm, and whatever else its maker recorded."""

    model_config = ConfigDict(extra="allow")
    format: int
    algorithm: str
    objective: str = CLASSES  # what labels it was trained on
    config: dict[str, Any]
    backbone: str
    backbone_hash: str
    weights_sha256: str
    stands_on: str = ""  # the start in the folder beside, all of whose weights are to this one the model's own
    stands_on_sha256: str = ""  # and its weights'


def save(algorithm: Algorithm, folder: Path, **record: Any) -> None:
    """Write `algorithm` to `folder`; `record` goes into the card as it is. Raises UserError when the folder cannot be written.

    Where the `start` that it was trained from lies beside `folder`, and has what the algorithm stands on, this is not written again.
    """
    weights = {name: w.detach() for name, w in algorithm.lasting.items()}
    stands_on = _beside(folder, record.get("start", ""), algorithm.backbone)
    if stands_on is None:
        weights |= {GIVEN + name: w.half() for name, w in algorithm.backbone.given.items()}
    digest = write_tensors(folder / WEIGHTS, weights)
    card = Card(
        format=FORMAT,
        weights_sha256=digest,
        stands_on=stands_on.name if stands_on else "",
        stands_on_sha256=read_card(stands_on).weights_sha256 if stands_on else "",
        algorithm=algorithm.name,
        config=vars(algorithm.config),
        backbone=algorithm.backbone.name,
        backbone_hash=algorithm.backbone.hash,
        **record,
    )
    _replace(folder / CARD, (card.model_dump_json(indent=1) + "\n").encode())


def write_tensors(file: Path, tensors: dict[str, Tensor], about: dict[str, str] | None = None) -> str:
    """Write a safetensors file in one go, its folder made where it is missing -> its SHA-256. Raises UserError."""
    content = serialize({name: t.contiguous() for name, t in tensors.items()}, about)
    _replace(file, content)
    return hashlib.sha256(content).hexdigest()


def _replace(file: Path, content: bytes) -> None:
    """Write beside the place, flush to the disk, then rename: whoever looks sees the old file or the new one, whole."""
    partial = file.with_name(f".{file.name}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(file)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise UserError("checkpoint_write", folder=file.parent, reason=error.strerror or error) from error


def export(algorithm: Algorithm, folder: Path) -> None:
    """Write the start as a model folder of Hugging Face's, its way of reading inputs and of pooling beside it, and a shared head.

    Raises UserError unless the whole model is the algorithm's own, or when the folder cannot be written.
    """
    scope = getattr(algorithm.config, "scope", "head")
    if not SCOPES[scope].whole:
        raise UserError("export_scope", scope=scope)
    try:
        algorithm.backbone.save(folder, {name: w.detach() for name, w in algorithm.body.items()})
        if getattr(algorithm.config, "head", "") == "shared":
            save_head(algorithm.lasting["shared"], folder)
    except OSError as error:
        raise UserError("checkpoint_write", folder=folder, reason=error.strerror or error) from error


def read_card(folder: Path) -> Card:
    """The card of a checkpoint folder; raises UserError when there is none or it cannot be understood."""
    try:
        card = _card(folder, _changed(folder / CARD))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError("checkpoint_missing", folder=folder) from error
    except (ValueError, RecursionError) as error:
        raise UserError("checkpoint_card", folder=folder) from error
    if card.format != FORMAT:
        raise UserError("checkpoint_format", folder=folder, found=card.format, known=FORMAT)
    return card


@lru_cache(maxsize=256)
def _card(folder: Path, changed: tuple[int, int]) -> Card:  # noqa: ARG001 (a changed card is read again)
    return Card.model_validate(json.loads((folder / CARD).read_text(encoding="utf-8")))


def load(folder: Path, backbone: Backbone, changes: dict[str, Any] | None = None) -> Algorithm:
    """The algorithm a checkpoint holds, on `backbone`, its knobs changed by `changes`.

    Raises UserError when it was made for another backbone, or when tensors are missing, unexpected, damaged or of another shape.
    """
    card = read_card(folder)
    cls, own, changes = get_algorithm(card.algorithm), _config(card), changes or {}
    backbone, weights = _standing(folder, card, backbone)
    algorithm: Algorithm = cls(backbone, cls.Config.from_dict({**card.config, **changes}))
    if not _fits(algorithm, weights) and _fits(cls(backbone, own), weights):  # a knob that was changed is at fault
        for name, value in changes.items():
            if not _fits(cls(backbone, cls.Config.from_dict({**card.config, name: value})), weights):
                raise UserError("checkpoint_knob", folder=folder, name=name, made=getattr(own, name), value=value)
    _fill(algorithm, algorithm.lasting, weights, folder)
    return algorithm


def warm_start(algorithm: Algorithm, folder: Path) -> Algorithm:
    """`algorithm` with the Transformer's weights that a checkpoint of any algorithm holds; raises UserError where they do not fit.

    Where that one moves other weights, by its scope, `algorithm` stands on all it has learned: to it they are the model's own.
    """
    card = read_card(folder)
    backbone, found = _standing(folder, card, algorithm.backbone)
    alike = getattr(algorithm.config, "scope", "head") == getattr(_config(card), "scope", "head")
    if not alike:
        backbone = standing_on(backbone, load(folder, backbone).merged())
    if backbone is not algorithm.backbone:
        algorithm = type(algorithm)(backbone, algorithm.config, algorithm.seed)
    if alike:
        own, weights = ({n: w for n, w in side.items() if n.startswith(BODY)} for side in (algorithm.lasting, found))
        if isinstance(algorithm, BodyAlgorithm):
            taken = algorithm.taken_over({n.removeprefix(BODY): w for n, w in weights.items()})
            weights = {BODY + n: w for n, w in taken.items()}
        _fill(algorithm, own, weights, folder)
    return algorithm


def _config(card: Card) -> Config:
    """The knobs that a checkpoint was made with."""
    return get_algorithm(card.algorithm).Config.from_dict(card.config)


def _standing(folder: Path, card: Card, backbone: Backbone) -> tuple[Backbone, dict[str, Tensor]]:
    """The model that a checkpoint's algorithm stands on, and the algorithm's own tensors; raises UserError."""
    found = _weights(folder, card, backbone)
    given = {n.removeprefix(GIVEN): w for n, w in found.items() if n.startswith(GIVEN)}
    _refuse_wild(given, folder)
    if card.stands_on:
        given = _learned(_named(folder, card), backbone)
    own = {n: w for n, w in found.items() if not n.startswith(GIVEN)}
    return standing_on(backbone, given), own


def _named(folder: Path, card: Card) -> Path:
    """The start beside `folder` that its card stands on; raises UserError where it is not there or has other weights by now."""
    name = card.stands_on
    there = folder.resolve().parent / name
    if Path(name).name == name != ".." and (there / CARD).is_file():
        named = read_card(there)
        if named.weights_sha256 == card.stands_on_sha256 and not named.stands_on:
            return there
    raise UserError("checkpoint_stands_on", folder=folder, other=name)


def _learned(folder: Path, backbone: Backbone) -> dict[str, Tensor]:
    """All weights of the Transformer that a start holds, in its place what it moves and what it stands on."""
    algorithm = load(folder, backbone)
    return {**algorithm.backbone.given, **algorithm.merged()}


def _beside(folder: Path, start: str, backbone: Backbone) -> Path | None:
    """The start beside `folder` whose weights are what `backbone` was given: the one trained from, or what that stands on."""
    there = Path(start)
    if (
        not start
        or not backbone.given
        or not (there / CARD).is_file()
        or there.resolve().parent != folder.resolve().parent
    ):
        return None
    there = there.with_name(read_card(there).stands_on or there.name)
    learned = _learned(there, backbone.base or backbone)
    same = learned.keys() == backbone.given.keys() and all(
        torch.equal(w, backbone.given[n]) for n, w in learned.items()
    )
    return there if same else None


def _weights(folder: Path, card: Card, backbone: Backbone) -> dict[str, Tensor]:
    """The tensors of `folder`; raises UserError where they are another backbone's or damaged."""
    if card.backbone_hash != backbone.hash:
        raise UserError("checkpoint_backbone", folder=folder, made_for=card.backbone, model=backbone.name)
    try:
        content = (folder / WEIGHTS).read_bytes()
        if hashlib.sha256(content).hexdigest() != card.weights_sha256:
            raise UserError("checkpoint_damaged", folder=folder)
        weights: dict[str, Tensor] = deserialize(content)
    except (OSError, SafetensorError) as error:
        raise UserError("checkpoint_damaged", folder=folder) from error
    return weights


def _fits(algorithm: Algorithm, weights: dict[str, Tensor]) -> bool:
    """Whether `weights` are an algorithm's, by name and shape."""
    return {n: w.shape for n, w in algorithm.lasting.items()} == {n: w.shape for n, w in weights.items()}


def _fill(algorithm: Algorithm, own: dict[str, Tensor], weights: dict[str, Tensor], folder: Path) -> None:
    """Load `weights` for `own`, which are some of what the algorithm has; raises UserError where they do not fit."""
    wrong = sorted(own.keys() ^ weights.keys())
    wrong += [n for n in own.keys() & weights.keys() if own[n].shape != weights[n].shape]
    if wrong:
        raise UserError("checkpoint_tensors", folder=folder, names=", ".join(wrong[:3]))
    _refuse_wild(weights, folder)
    algorithm.load_state_dict(weights, strict=False)  # all that was meant, as was checked


def _refuse_wild(weights: dict[str, Tensor], folder: Path) -> None:
    """Raises UserError where a number is none."""
    if not all(bool(torch.isfinite(w).all()) for w in weights.values()):
        raise UserError("checkpoint_tensors", folder=folder, names="NaN")


def shipped(model: str, algorithm: str, objective: str = CLASSES) -> Path | None:
    """The folder of the checkpoint we ship for this model and algorithm, if there is one that was trained on such labels."""
    if Path(model).name != model or model == "..":  # the name of no folder of ours
        return None
    folder = SHIPPED / model / algorithm
    return folder if (folder / CARD).is_file() and _trained_on(folder) == objective else None


def _changed(file: Path) -> tuple[int, int]:
    return file.stat().st_mtime_ns, file.stat().st_size


def _trained_on(folder: Path) -> str | None:
    """What the card of a folder says of its labels; a damaged one is taken for the usual kind, so that using it says what is wrong."""
    with suppress(UserError):
        return read_card(folder).objective
    return CLASSES


def all_shipped() -> list[tuple[str, str]]:
    """Model and algorithm of every checkpoint we ship."""
    return sorted((card.parent.parent.name, card.parent.name) for card in SHIPPED.glob(f"*/*/{CARD}"))


def resolve(spec: str, model: str, algorithm: str, objective: str = CLASSES) -> Path | None:
    """The folder that `auto` (the shipped one, if there is one for such labels) or a path means for an algorithm, None for `none` and
    `random`; raises UserError."""
    if spec in ("none", RANDOM):
        return None
    if spec == "auto":
        return shipped(model, algorithm, objective)
    made_for = read_card(Path(spec)).algorithm
    if made_for != algorithm:
        raise UserError("checkpoint_algorithm", folder=spec, made_for=made_for, algorithm=algorithm)
    return Path(spec)


def random_note(algorithms: str, model: str, seed: int) -> Note:
    """What is to be said of `algorithms` that start from random weights."""
    return Note("random_start", (("algorithms", algorithms), ("model", model), ("seed", seed)))


def start(
    backbone: Backbone,
    name: str,
    folder: Path | None,
    knobs: dict[str, Any],
    seed: int,
    objective: str = CLASSES,
    *,
    scratch: bool = False,
) -> Algorithm:
    """Algorithm `name` from the checkpoint in `folder`, or from the weights of `backbone` as they are where there is none.

    Where these are from `scratch`, random ones, every weight is in scope unless a knob says otherwise: what is frozen would stay random.

    Knobs that nobody set are the checkpoint's where it was trained on labels of that objective, and otherwise those for it.
    """
    cls = get_algorithm(name)
    if folder:
        own = {} if read_card(folder).objective == objective else cls.defaults.get(objective, {})
        return load(folder, backbone, {**own, **knobs})
    known = [k.name for k in cls.Config.knobs()]
    fitting = suited(backbone.name, name, known)
    if scratch and "scope" in known:
        fitting["scope"] = next(name for name, scope in SCOPES.items() if scope.whole)
    return cls(backbone, cls.Config.from_dict({**cls.defaults.get(objective, {}), **fitting, **knobs}), seed)
