"""From arguments to a command to an exit code: 0 done, 1 failed, 2 bad usage or bad input."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import tyro

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from meta_demo.cli.adapt import Adapt
from meta_demo.cli.evaluate import Evaluate
from meta_demo.cli.flags import RESULTS, STANDARD_OUTPUT, with_knobs
from meta_demo.cli.listings import Algorithms, Checkpoints, Models, Settings
from meta_demo.cli.space_check import SpaceCheck
from meta_demo.cli.train import Train
from meta_demo.core.errors import UserError
from meta_demo.core.settings import settings
from meta_demo.words import text

# What the command was called as: the installed script, or the package.
PROG = name if (name := Path(sys.argv[0]).stem) == "meta-demo" else "python -m meta_demo"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; every error is one sentence on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a console that cannot show a character is sent its number instead
            stream.reconfigure(errors="backslashreplace")
    try:
        settings()  # what is wrong with them is said before anything is done
        code = _run(_parse(arguments))
    except UserError as error:
        print(text("cli.error", message=error), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 1
    except BrokenPipeError:  # who reads has read enough, as `| head` does; what is still to be written goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # whatever else goes wrong is our fault, and still one sentence
        print(text("cli.failed", kind=type(error).__name__, message=error), file=sys.stderr)
        return 1
    return code


def _run(command: Any) -> int:
    """The exit code of a command. Where its results are to be on the standard output, all else that it says is on stderr."""
    out = sys.stdout
    token = RESULTS.set(out.write)
    try:
        with redirect_stdout(sys.stderr) if str(command.json) == STANDARD_OUTPUT else nullcontext():
            code: int = command.run()
        return code
    finally:
        RESULTS.reset(token)


def _parse(arguments: Sequence[str] | None) -> Any:
    """The command that `arguments` spell. Raises UserError where tyro would print a box of several paragraphs."""
    commands: dict[str, Callable[..., Any]] = {
        "adapt": with_knobs(Adapt),
        "train": with_knobs(Train),
        "evaluate": with_knobs(Evaluate),
        "algorithms": Algorithms,
        "models": Models,
        "checkpoints": Checkpoints,
        "settings": Settings,
        "space-check": SpaceCheck,
    }
    box = io.StringIO()
    try:
        with redirect_stderr(box):
            return tyro.extras.subcommand_cli_from_dict(
                commands, prog=PROG, description=text("cli.about"), args=arguments
            )
    except SystemExit as stop:
        if not stop.code:  # --help
            raise
        raise _usage_error(box.getvalue()) from None


def _usage_error(box: str) -> UserError:
    """What tyro's box says in its first paragraph, as one sentence, with the first flag that it suggests."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", box)
    paragraphs = re.split(r"^(?:╭.*|╰.*|[│ ]*[─-]{3,}[│ ]*)$", plain, flags=re.MULTILINE)
    said, *rest = (" ".join(line.strip("│ ") for line in part.splitlines()).strip(" .") for part in paragraphs[1:])
    if value := re.match(r"Error parsing (--\S+):.*?'(.*?)'", said):
        return UserError("usage_value", flag=value[1], value=value[2], prog=PROG)
    if meant := re.match(r"Perhaps you meant:\s+(--\S+)", rest[0] if rest else ""):
        return UserError("usage_meant", problem=said, meant=meant[1], prog=PROG)
    return UserError("usage", problem=said, prog=PROG)
