"""What this machine offers and what its environment asks for: the device, and settings that are whole numbers."""

from __future__ import annotations

import os

import torch

from meta_demo.core.errors import UserError


def choose_device() -> torch.device:
    """CUDA, then Apple's MPS, then the CPU; `META_DEMO_DEVICE` (cpu, cuda, cuda:1, mps) overrides.

    Raises UserError when the named device does not exist here.
    """
    wanted = os.environ.get("META_DEMO_DEVICE", "").strip()
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if not wanted:
        return torch.device(next(name for name, there in available.items() if there))
    try:
        device = torch.device(wanted)
    except RuntimeError:
        device = None
    if device is None or not available.get(device.type, False) or (device.index or 0) >= _count(device.type):
        there = ", ".join(name for name, found in available.items() if found)
        raise UserError("device", value=wanted, available=there)
    return device


def whole_setting(name: str, default: int) -> int:
    """The whole number in the environment variable `name`; raises UserError when it is something else."""
    value = os.environ.get(name, "").strip() or str(default)
    if not value.isdecimal():
        raise UserError("setting", name=name, value=value, default=default)
    return int(value)


def _count(kind: str) -> int:
    return torch.cuda.device_count() if kind == "cuda" else 1
