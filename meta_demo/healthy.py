"""`python -m meta_demo.healthy`: whether the page of this machine answers, for a health check. Quick, as nothing large is imported."""

from __future__ import annotations

import sys
import urllib.request

from meta_demo.core.settings import HERE, settings

PATIENCE = 4  # seconds


def healthy() -> bool:
    """Whether the page answers."""
    said = settings()
    host = HERE if said.host in ("0.0.0.0", "::") else said.host
    asked = urllib.request.Request(f"http://{host}:{said.port}/", method="HEAD")
    try:
        with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(0 if healthy() else 1)
