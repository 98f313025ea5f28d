"""The device to compute on: what this machine offers, and what its settings ask for."""

from __future__ import annotations

import gc

import torch

from meta_demo.core.errors import UserError
from meta_demo.core.settings import settings


def choose_device() -> torch.device:
    """CUDA, then Apple's MPS, then the CPU; `META_DEMO_DEVICE` (cpu, cuda, cuda:1, mps) overrides.

    Raises UserError when the named device does not exist here.
    """
    wanted = settings().device
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if settings().zero_gpu:  # torch then says that there is a GPU, which only the process has that it is lent to
        return torch.device("cpu")
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


def out_of_memory(error: BaseException) -> bool:
    """Whether a GPU had too little memory; Apple's says so in words only."""
    return isinstance(error, torch.OutOfMemoryError) or "MPS backend out of memory" in str(error)


def empty_cache() -> None:
    """Give what torch keeps of a GPU's memory back to it."""
    gc.collect()  # what a failure still held
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _count(kind: str) -> int:
    return torch.cuda.device_count() if kind == "cuda" else 1
