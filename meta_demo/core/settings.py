"""Every setting that the environment may make: its variable, its range, what it is where nobody says, and what it means.

Nothing else of the project reads the environment. Settings are read when they are asked for, so that whoever starts a process decides.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from meta_demo.core.errors import UserError

PORT = 7860
ANYWHERE, HERE = "0.0.0.0", "127.0.0.1"


def _setting(default: Any, *names: str, **bounds: Any) -> Any:
    """A setting that the first of the variables `names` that is not empty makes."""
    return Field(default, validation_alias=AliasChoices(*names), **bounds)


class Settings(BaseSettings):
    """What the environment says, each value checked. None: it says nothing, and what then holds a property of the same name tells."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", case_sensitive=True, str_strip_whitespace=True
    )

    port: int = _setting(PORT, "PORT", "GRADIO_SERVER_PORT", ge=1, le=65535)
    server_name: str | None = _setting(None, "GRADIO_SERVER_NAME")
    root_path: str | None = _setting(None, "GRADIO_ROOT_PATH")
    space: str | None = _setting(None, "SPACE_ID")
    public_said: int | None = _setting(None, "META_DEMO_PUBLIC", ge=0, le=1)
    any_model_said: int | None = _setting(None, "META_DEMO_ALLOW_ANY_MODEL", ge=0, le=1)
    training_said: int | None = _setting(None, "META_DEMO_ALLOW_TRAINING", ge=0, le=1)
    status_said: int | None = _setting(None, "META_DEMO_STATUS", ge=0, le=1)
    device: str | None = _setting(None, "META_DEMO_DEVICE")
    cache_mb: int | None = _setting(None, "META_DEMO_CACHE_MB", ge=0, le=1_000_000)
    cache_dir: Path | None = _setting(None, "META_DEMO_CACHE_DIR")
    user_cache: Path | None = _setting(None, "XDG_CACHE_HOME")
    max_memory_mb: int | None = _setting(None, "META_DEMO_MAX_MEMORY_MB", ge=1, le=100_000_000)
    max_seconds: int | None = _setting(None, "META_DEMO_MAX_SECONDS", ge=1, le=10**9)
    max_parameters: int = _setting(600_000_000, "META_DEMO_MAX_PARAMETERS", ge=1, le=10**12)
    zero_gpu_said: str | None = _setting(None, "SPACES_ZERO_GPU")
    processes: int = _setting(1, "WORLD_SIZE", ge=1, le=100_000)

    @property
    def public(self) -> bool:
        """Whether strangers are served: what they may ask for is then bounded."""
        return bool(self.space) if self.public_said is None else bool(self.public_said)

    @property
    def host(self) -> str:
        """The address to listen on."""
        return self.server_name or (ANYWHERE if self.space else HERE)

    @property
    def any_model(self) -> bool:
        """Whether visitors may name models beyond the catalogue, folders of this machine among them where it is not public."""
        return not self.public if self.any_model_said is None else bool(self.any_model_said)

    @property
    def training(self) -> bool:
        """Whether visitors may train."""
        return not self.public if self.training_said is None else bool(self.training_said)

    @property
    def status(self) -> bool:
        """Whether the page has a tab that says how it is."""
        return not self.public if self.status_said is None else bool(self.status_said)

    @property
    def zero_gpu(self) -> bool:
        """Whether a GPU is lent to other processes, on request; this one then computes on the CPU."""
        return (self.zero_gpu_said or "").lower() in ("1", "t", "true")

    @property
    def cache_folder(self) -> Path:
        """The folder for what is made once of a model, never of a visitor's input."""
        return self.cache_dir or (self.user_cache or Path.home() / ".cache") / "meta-demo"


# What each setting comes to: a field, or the property that says what holds where the field is None.
_COMES_TO = {
    "server_name": "host",
    "public_said": "public",
    "any_model_said": "any_model",
    "training_said": "training",
    "status_said": "status",
    "cache_dir": "cache_folder",
    "zero_gpu_said": "zero_gpu",
}
# What a setting follows where nobody makes it.
_FOLLOWS = {
    "server_name": ("space",),
    "public_said": ("space",),
    "any_model_said": ("public_said", "space"),
    "training_said": ("public_said", "space"),
    "status_said": ("public_said", "space"),
    "cache_dir": ("user_cache",),
}


@dataclass(frozen=True)
class Told:
    """One setting as it stands: the variables that make it, its value, and the one it follows from, None for its default."""

    key: str
    names: tuple[str, ...]
    value: Any
    source: str | None
    range: tuple[int, int] | None


def settings() -> Settings:
    """The settings as the environment makes them now. Raises UserError, which names the variable, its value and its range."""
    try:
        return Settings()
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        variable = str(found["loc"][0])
        key = next(key for key, names in _names().items() if variable in names or variable == key)
        name = _source(_names()[key]) or variable
        lo, hi = _range(key) or (0, 0)
        raise UserError("setting", name=name, value=os.environ.get(name, ""), lo=lo, hi=hi) from None


def told() -> Iterator[Told]:
    """Every setting with its value and where that comes from. Raises UserError."""
    found = settings()
    for key, names in _names().items():
        value = getattr(found, _COMES_TO.get(key, key))
        followed = (_source(_names()[other]) for other in _FOLLOWS.get(key, ()))
        source = _source(names) or next(filter(None, followed), None)
        yield Told(key.removesuffix("_said"), names, value, source, _range(key))


def give(name: str, value: str) -> bool:
    """Set a variable that a library reads, unless whoever started the process has; whether that was so."""
    free = name not in os.environ
    os.environ.setdefault(name, value)
    return free


def _names() -> dict[str, tuple[str, ...]]:
    fields = Settings.model_fields.items()
    return {key: tuple(map(str, getattr(field.validation_alias, "choices", ()))) for key, field in fields}


def _source(names: tuple[str, ...]) -> str | None:
    return next((name for name in names if os.environ.get(name)), None)


def _range(key: str) -> tuple[int, int] | None:
    """The least and the most that a number may be; None for what is no number."""
    bounds = {type(bound).__name__: bound for bound in Settings.model_fields[key].metadata}
    return (bounds["Ge"].ge, bounds["Le"].le) if {"Ge", "Le"} <= bounds.keys() else None
