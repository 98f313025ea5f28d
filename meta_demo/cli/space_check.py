"""`space-check`: whether this repository would run as a Hugging Face Space, looked at and tried out on this machine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from huggingface_hub import SpaceHardware, metadata_load
from tyro.conf import arg

from meta_demo.backbones.loading import SUGGESTED
from meta_demo.cli.flags import Json, write_json
from meta_demo.core.errors import UserError
from meta_demo.words import text

# What the Hub documents of a Space's card, of ZeroGPU and of repositories (August 2026).
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
KEYS = {
    *(
        "title",
        "emoji",
        "colorFrom",
        "colorTo",
        "sdk",
        "sdk_version",
        "python_version",
        "app_file",
        "app_port",
        "app_build_command",
    ),
    *(
        "base_path",
        "fullWidth",
        "header",
        "short_description",
        "models",
        "datasets",
        "tags",
        "thumbnail",
        "pinned",
        "license",
    ),
    *("suggested_hardware", "suggested_storage", "hf_oauth", "hf_oauth_scopes", "hf_oauth_expiration_minutes"),
    *("hf_oauth_authorized_org", "disable_embedding", "startup_duration_timeout", "custom_headers", "preload_from_hub"),
}
PYTHONS = ("3.10.13", "3.12.12")  # those that ZeroGPU has
OLDEST = "3.11"  # that our requirements run on
TORCHES = ("2.8.0", "2.9.1", "2.10.0", "2.11.0")  # those that ZeroGPU names; later ones it takes as they come
LONGEST_DESCRIPTION = 60  # characters
LARGEST_FILE, LARGEST = 10_000_000, 1_000_000_000  # bytes of a file without LFS, and of a repository
PRELOADED = 1000  # megabytes: what is preloaded makes the image larger, and every start slower


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; `ok` is None where this machine cannot try it."""

    name: str
    ok: bool | None
    detail: str


@dataclass
class SpaceCheck:
    folder: Annotated[Path, arg(help=text("cli.space.folder"))] = Path()
    start: Annotated[bool, arg(help=text("cli.space.start"))] = True
    json: Json = None

    def run(self) -> int:
        if not (self.folder / "README.md").is_file() or not (self.folder / "app.py").is_file():
            raise UserError("space_folder", folder=self.folder)
        checks: list[Check] = []
        for check in self._looked():
            checks.append(check)
            mark = {True: "ok", False: "WRONG", None: "not tried"}[check.ok]
            print(f"{mark:<9}  {check.name}: {check.detail}", flush=True)
        write_json(self.json, {"checks": [asdict(check) for check in checks]})
        return 1 if any(check.ok is False for check in checks) else 0

    def _looked(self) -> Iterator[Check]:
        yield from front_matter(self.folder)
        yield from pins(self.folder)
        yield from sizes(self.folder)
        if self.start:
            yield from tried(self.folder.resolve())


def card_of(folder: Path) -> dict[str, Any]:
    """The front matter of the README."""
    return metadata_load(folder / "README.md") or {}


def front_matter(folder: Path) -> Iterator[Check]:
    """The card's keys and values against those that are documented."""
    card = card_of(folder)
    unknown = sorted(card.keys() - KEYS)
    yield Check("keys of the front matter", not unknown, ", ".join(unknown) or f"{len(card)} keys, all documented")
    missing = [key for key in ("title", "emoji", "colorFrom", "colorTo", "sdk", "app_file") if not card.get(key)]
    yield Check("what a Space must say", not missing, ", ".join(missing) or "all there")
    wrong = [f"{key}: {card.get(key)}" for key in ("colorFrom", "colorTo") if card.get(key) not in COLOURS]
    wrong += [f"sdk: {card.get('sdk')}"] * (card.get("sdk") != "gradio")
    hardware = card.get("suggested_hardware")
    wrong += [f"suggested_hardware: {hardware}"] * (hardware is not None and hardware not in {*SpaceHardware})
    wrong += [f"app_file: {card.get('app_file')}"] * (not (folder / str(card.get("app_file"))).is_file())
    wrong += ["short_description is too long"] * (len(str(card.get("short_description", ""))) > LONGEST_DESCRIPTION)
    timeout = str(card.get("startup_duration_timeout", "1h"))
    wrong += [f"startup_duration_timeout: {timeout}"] * (not re.fullmatch(r"\d+[smh]", timeout))
    yield Check("values of the front matter", not wrong, "; ".join(wrong) or "as documented")
    yield from preloaded(card.get("preload_from_hub") or [])


def preloaded(entries: list[str]) -> Iterator[Check]:
    """What is fetched while the Space is built: models of our list, files of theirs, and not too much."""
    known = {model.name: model.megabytes for model in SUGGESTED if not model.bundled}
    names = [entry.split()[0] for entry in entries]
    strange = [name for name in names if name not in known]
    wrong = [entry for entry in entries if not re.fullmatch(r"\S+( \S+( [0-9a-f]{40})?)?", entry)]
    total = sum(known.get(name, 0) for name in names)
    ok = not strange and not wrong and total <= PRELOADED
    yield Check("preload_from_hub", ok, ", ".join(strange + wrong) or f"{len(names)} models, {total} MB")


def pins(folder: Path) -> Iterator[Check]:
    """What is required against the Python and the torch that a Space can have."""
    card, asked = card_of(folder), requirements(folder / "requirements.txt")
    python = str(card.get("python_version", ""))
    there = [version for version in PYTHONS if fits(version, f">={OLDEST}")]
    detail = f"{python or 'unset'}; ZeroGPU has {', '.join(PYTHONS)}, and ours is {OLDEST} or newer"
    yield Check("python_version", python in there, detail)
    gradio = asked.get("gradio", "")
    same = gradio == f"=={card.get('sdk_version')}"
    yield Check("gradio is sdk_version", same, f"gradio{gradio}, sdk_version {card.get('sdk_version')}")
    torch = asked.get("torch", "")
    able = [version for version in TORCHES if fits(version, torch)]
    yield Check("torch", bool(able), f"torch{torch} has {', '.join(able) or 'none'} of {', '.join(TORCHES)}")
    yield Check("spaces is required", "spaces" in asked, asked.get("spaces", "missing"))


def requirements(file: Path) -> dict[str, str]:
    """Each package that a file requires, with its versions as they are written."""
    lines = [line.split("#")[0].split(";")[0].strip() for line in file.read_text("utf-8").splitlines()]
    found = (re.fullmatch(r"([\w.-]+)(?:\[[\w,]+\])?\s*(.*)", line) for line in lines if line)
    return {match[1].lower(): match[2].replace(" ", "") for match in found if match}


def fits(version: str, asked: str) -> bool:
    """Whether a version is one of those that are asked for, by ==, >=, <=, < and >."""

    def number(said: str) -> tuple[int, ...]:
        parts = [int(part) for part in said.split(".")]
        return (*parts, *[0] * (3 - len(parts)))

    compare = {"==": "__eq__", ">=": "__ge__", "<=": "__le__", "<": "__lt__", ">": "__gt__"}
    for bound in filter(None, asked.split(",")):
        match = re.fullmatch(r"(==|>=|<=|<|>)([\d.]+)", bound)
        if not match or getattr(number(version), compare[match[1]])(number(match[2])) is not True:
            return False
    return True


def sizes(folder: Path) -> Iterator[Check]:
    """No file that the Hub would refuse, and no repository that is too large."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=folder, capture_output=True, text=True, check=False)
    if listed.returncode:
        yield Check("sizes of files", None, "no git repository")
        return
    files = [folder / name for name in listed.stdout.split("\0") if name and (folder / name).is_file()]
    large = [f"{path.relative_to(folder)}" for path in files if path.stat().st_size > LARGEST_FILE]
    total = sum(path.stat().st_size for path in files)
    detail = ", ".join(large) or f"{len(files)} files, {total / 1e6:.0f} MB, none above {LARGEST_FILE // 10**6} MB"
    yield Check("sizes of files", not large and total <= LARGEST, detail)


def tried(folder: Path) -> Iterator[Check]:
    """The page started as a Space starts it, and its work done across a fork, in a process with a network and mounts of its own."""
    with tempfile.TemporaryDirectory(prefix="meta-demo-space-") as home:
        (Path(home) / ".cache").mkdir()
        alone = apart()
        if alone is None:
            yield Check("started as a Space", None, "this machine gives no namespaces to a process (unshare)")
            return
        command = [*alone, "env", f"HOME={home}", sys.executable, "-m", "meta_demo.ui.space_emulation", home]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        for line in done.stdout.splitlines():
            with_name = json.loads(line) if line.startswith('{"name"') else None
            if with_name:
                yield Check(**with_name)
        last = (done.stderr.strip().splitlines() or ["done"])[-1]
        yield Check("all was tried", done.returncode == 0, last if done.returncode else "done")


def apart() -> list[str] | None:
    """How to start a process with a network and mounts of its own; None where that is not to be had."""
    unshare = shutil.which("unshare")
    for flags in (["--mount", "--net"], ["--map-root-user", "--mount", "--net"]):
        if unshare and subprocess.run([unshare, *flags, "true"], capture_output=True, check=False).returncode == 0:
            return [unshare, *flags]
    return None
