"""The API's one endpoint, `/adapt`: a task as JSON in, the object of `adapt --json` out, and nothing kept in between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import gradio as gr
from pydantic import BaseModel, ConfigDict, ValidationError

from meta_demo.backbones.loading import DEFAULT
from meta_demo.core.config import MAX_SEED
from meta_demo.core.errors import UserError
from meta_demo.data.reading.tasks import as_json, parse_episode
from meta_demo.learning.checkpoint import SHIPPED
from meta_demo.serving.requests import Request
from meta_demo.serving.service import Service
from meta_demo.serving.turns import Gone
from meta_demo.ui.callers import called, in_thread, while_heard
from meta_demo.ui.guard import sentence
from meta_demo.ui.sessions import UNHEARD


def adapt_endpoint(service: Service) -> Callable[..., Awaitable[dict[str, Any]]]:
    """The stateless twin of the page: the same JSON as `adapt --json`."""

    async def adapt(
        task: dict[str, Any],
        model: str | None = None,
        algorithms: list[str] | None = None,
        seed: int = 0,
        checkpoint: str = "auto",
        knobs: dict[str, Any] = {},  # noqa: B006  (Gradio shows it as the default; never changed)
    ) -> dict[str, Any]:
        """Adapt algorithms to a task.

        Parameters:
            task: {"support": [{"text": "...", "label": "..."}], "query": [{"text": "...", "label": "..."}]}; a picture is
                {"image": "data:image/png;base64,..."} in place of text, and a number {"value": 3.5} in place of label
            model: minilm, glyph-vit, a Hugging Face Hub id or a folder; without one, the bundled one that reads the task
            algorithms: names of algorithms; without any, a few that can learn such labels
            seed: equal seeds give equal results
            checkpoint: where to start from: auto (the start that is shipped, where there is one), none (plain pretrained weights) or
                random (weights drawn by the seed, every one of them in scope)
            knobs: changed knobs by algorithm, such as {"maml": {"inner_steps": 3}}
        Returns:
            {"model", "device", "objective", "labels", "notes", "results"}
        """
        try:
            given = {"model": model, "algorithms": algorithms, "seed": seed, "checkpoint": checkpoint, "knobs": knobs}
            request = await in_thread(partial(_requested, task, given))
            turn = called(service)
            report, _ = await while_heard(turn, partial(service.report, request, turn=turn))
        except Gone:  # nobody hears this, unless they come late
            late = UserError("unheard", seconds=UNHEARD)
            raise gr.Error(late.message("en"), print_exception=False) from None
        except Exception as error:
            raise gr.Error(sentence(error, "en"), print_exception=False) from error
        for result in report["results"]:
            result["checkpoint"] = _name_of(result["checkpoint"])
        return report

    return adapt


def _requested(task: dict[str, Any], given: dict[str, Any]) -> Request:
    """The request that a call spells; raises UserError."""
    episode, call = parse_episode(task), _checked(**given)
    chosen = call.model or DEFAULT[episode.modality]
    names = episode.objective.algorithms if call.algorithms is None else tuple(call.algorithms)
    for name in call.knobs:
        if name not in names:
            raise UserError("api_knobs_other", name=name, algorithms=", ".join(names))
    return Request(episode, chosen, names, call.seed, call.knobs, call.checkpoint)


def _name_of(start: str) -> str:
    """Where a result started from, without the place where this machine keeps it."""
    shipped = Path(start).is_relative_to(SHIPPED)
    return Path(start).relative_to(SHIPPED.parent).as_posix() if shipped else start


class _Call(BaseModel):
    """What stands beside the task."""

    model_config = ConfigDict(strict=True)
    model: str | None
    algorithms: list[str] | None
    seed: int
    checkpoint: Literal["auto", "none", "random"]  # never a path: nobody may name the server's folders
    knobs: dict[str, dict[str, Any]]


def _checked(**given: Any) -> _Call:
    try:
        return _Call(**given)
    except ValidationError as error:
        name = str(error.errors(include_url=False)[0]["loc"][0])
        value = as_json(given[name])
        match name:
            case "seed":
                raise UserError("api_seed", value=value, limit=MAX_SEED) from None
            case "model":
                raise UserError("api_model", value=value) from None
            case "checkpoint":
                raise UserError("api_checkpoint", value=value) from None
            case "knobs":
                raise UserError("api_knobs", value=value) from None
            case _:
                raise UserError("api_algorithms", value=value) from None
