"""Hugging Face's ZeroGPU: heavy work goes to a process that is lent a GPU for as long as the work takes.

What crosses over is `serving/crossing.py`, and what that process does `serving/lending.py`. `spaces` was imported with this package, before
torch asked for CUDA; where no GPU is lent it does nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import gradio as gr
import spaces
import torch

from meta_demo.backbones.backbone import Backbone
from meta_demo.core.errors import Note, trace_of
from meta_demo.core.settings import settings
from meta_demo.serving.crossing import Piece, Refused, Work, seconds
from meta_demo.serving.lending import Desk, Lender

DESK = Desk(settings().device or "cuda")  # made here, so that processes that begin later have its models
_LOG = logging.getLogger(__name__)
QUOTA = "quota"  # a word of every title under which a used-up quota is told


@spaces.GPU(duration=seconds)  # type: ignore[untyped-decorator]
def on_gpu(work: Work) -> Iterator[Piece]:
    """What `work` asks for, computed by whoever has the GPU.

    What fails there `spaces` prints with its words, which may be a visitor's, so that only the kind and the place of it leave here.
    """
    torch.set_num_threads(1)  # the threads from before the fork are not there: nobody may wait for them
    try:
        yield from DESK.worked(work)
    except Exception as error:
        raise RuntimeError(trace_of(error)) from None


def borrow(work: Work) -> Iterator[Piece]:
    """`on_gpu`, which says Refused where no GPU is lent, or the lending itself fails: what the work ran into is among its pieces."""
    try:
        yield from on_gpu(work)
    except Exception as error:
        title = str(getattr(error, "title", "")).lower()
        if not isinstance(error, gr.Error):
            _LOG.warning("no GPU is lent: %s", trace_of(error))
        raise Refused(Note("gpu_quota" if QUOTA in title else "gpu_refused")) from error


def lender() -> Lender | None:
    """Who lends a GPU here, if anybody does."""
    return Lender(borrow) if settings().zero_gpu else None


def place(backbone: Backbone) -> None:
    """Put a model on the GPU that will be lent."""
    DESK.place(backbone)
