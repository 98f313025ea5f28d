"""What visitors may ask of a service: anything where its owner sits at it, what its settings allow where strangers come."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from meta_demo.backbones.loading import SUGGESTED
from meta_demo.core.errors import UserError
from meta_demo.core.settings import settings

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}(#[\w.-]{1,95})?")


@dataclass(frozen=True)
class Admission:
    """Whether strangers come, and whether they may name models beyond the catalogue."""

    public: bool = False
    any_model: bool = True

    @classmethod
    def as_set(cls) -> Admission:
        """What the settings say; raises UserError."""
        found = settings()
        return cls(found.public, found.any_model)

    def check_model(self, name: str) -> None:
        """Raises UserError for a model that may not be had here. What it says never tells whether there is such a folder."""
        if not self.public or name.partition("#")[0] in {model.name for model in SUGGESTED}:
            return
        if not self.any_model:
            raise UserError("model_public", known=", ".join(model.name for model in SUGGESTED if model.bundled))
        if not _HUB_ID.fullmatch(name) or Path(name.partition("#")[0]).exists():
            raise UserError("model_public_hub")
