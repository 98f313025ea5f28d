"""A page of its own on the loopback device for a benchmark, and how much memory it takes meanwhile."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import psutil
import requests

from benchmarks.wire import browser

MB = 1 << 20
LOOK = 0.2  # seconds from one look at the memory to the next
PATIENCE = 600  # seconds until a page must be well


@dataclass(frozen=True)
class Host:
    """A running page: its address, its process and what it logs."""

    url: str
    process: psutil.Process
    log: Path

    def resident(self) -> float:
        """MB that it has in memory now."""
        return float(self.process.memory_info().rss) / MB

    @contextmanager
    def peak(self) -> Iterator[list[float]]:
        """The most that it had in memory meanwhile, in MB, as far as somebody looked: one number, which grows."""
        most, over = [self.resident()], Event()

        def watch() -> None:
            while not over.wait(LOOK):
                most[0] = max(most[0], self.resident())

        watching = Thread(target=watch, daemon=True)
        watching.start()
        try:
            yield most
        finally:
            over.set()
            watching.join()


@contextmanager
def host(program: str = "", **environment: str) -> Iterator[Host]:
    """A page that strangers may use, on a free port, with all bundled models loaded; ended with the block. Its process runs `program`
    first."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    given = {"PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1", "META_DEMO_PUBLIC": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", f"{program}\nfrom meta_demo.start import run\nrun()"]
    with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
        running = subprocess.Popen(command, env=os.environ | given | environment, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            _await_well(url, running)
            yield Host(url, psutil.Process(running.pid), Path(log.name))
        finally:
            running.terminate()
            try:
                running.wait(30)
            except subprocess.TimeoutExpired:
                running.kill()


def _await_well(url: str, running: subprocess.Popen[bytes]) -> None:
    """Until the page and its models are there."""
    client, end = browser(), time.monotonic() + PATIENCE
    while time.monotonic() < end and running.poll() is None:
        try:
            if len(client.get(f"{url}/healthz", timeout=5).json()["models"]) > 1:
                return
        except (requests.RequestException, ValueError):
            pass
        time.sleep(0.2)
    raise RuntimeError(f"the page did not start (exit code {running.poll()})")


def load() -> float:
    """How many programs wanted a processor in the last minute, in the mean: absolute times are worth as much as this is low."""
    return round(os.getloadavg()[0], 1)
