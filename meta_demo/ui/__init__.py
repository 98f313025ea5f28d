"""The page in the browser: layout, words, charts and events. Everything it computes, the service computes.

Whenever Gradio is imported it reads the source of each of its components to write a stub file beside it, which is a quarter of
all the work until the page is up. It passes over components without a source file: while it is imported here, none has one.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager

import torch  # noqa: F401  (reads source files while it is imported, so it goes first)


@contextmanager
def _no_source_files() -> Iterator[None]:
    def refuse(_: object) -> str:
        raise OSError

    known, inspect.getfile = inspect.getfile, refuse  # type: ignore[assignment]
    try:
        yield
    finally:
        inspect.getfile = known


with _no_source_files():
    import gradio  # noqa: F401
    import spaces  # noqa: F401  (on a Space with ZeroGPU it prepares torch, before anything asks for CUDA)
