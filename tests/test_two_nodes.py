"""Training and evaluating over two nodes: two network namespaces with a cable between them, each with a torchrun of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from meta_demo.cli import main

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
IP = shutil.which("ip") or shutil.which("ip", path="/usr/sbin:/sbin")
ADDRESSES = ("10.77.0.1", "10.77.0.2")
PORT = 29417
# One process on each node for both commands: each would import the same for seconds.
PROGRAM = """
import json, sys
from meta_demo.cli import main
sys.exit(max(main(command) for command in json.loads(sys.argv[1])))
"""
SIZES = ["--n-way", "2", "--n-query", "2"]
TRAIN = ["train", "--source", "builtin:sport", "--algorithm", "protonet", "--steps", "2", "--meta-batch", "2", *SIZES]
TRAIN += ["--valid-episodes", "2", "--output"]
MEASURE = ["evaluate", "builtin:sport", "--k-shot", "1", "--episodes", "6", "--checkpoint", "none", *SIZES]
MEASURE += ["--algorithms", "protonet", "--json"]


def ip(*words: str) -> bool:
    return IP is not None and subprocess.run([IP, *words], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[str]]:
    """The names of two namespaces, joined by a pair of virtual devices."""
    names = [f"meta-demo-{os.getpid()}-{i}" for i in (1, 2)]
    ends = [f"md{os.getpid()}{i}"[-14:] for i in (1, 2)]
    try:
        if not all(ip("netns", "add", name) for name in names):
            pytest.skip("this machine lets nobody make network namespaces")
        assert ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for name, end, address in zip(names, ends, ADDRESSES, strict=True):
            assert ip("link", "set", end, "netns", name, "name", "cable")
            assert ip("-n", name, "addr", "add", f"{address}/24", "dev", "cable")
            assert ip("-n", name, "link", "set", "cable", "up") and ip("-n", name, "link", "set", "lo", "up")
        yield names
    finally:
        for name in names:
            ip("netns", "del", name)


@pytest.fixture(scope="module")
def made(nodes: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what both commands make on both nodes, launched as docs/hosting.md spells it."""
    folder = tmp_path_factory.mktemp("nodes")
    (folder / "both.py").write_text(PROGRAM)
    commands = [[*TRAIN, str(folder / "start")], [*MEASURE, str(folder / "two.json")]]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "META_DEMO_DEVICE": "cpu", "GLOO_SOCKET_IFNAME": "cable"}
    environment["PYTHONPATH"] = str(ROOT)
    running = []
    for rank, node in enumerate(nodes):
        launch = [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--nnodes",
            "2",
            "--node-rank",
            str(rank),
            "--nproc-per-node",
            "1",
        ]
        launch += ["--master-addr", ADDRESSES[0], "--master-port", str(PORT)]
        launch += [str(folder / "both.py"), json.dumps(commands)]
        assert IP
        inside = [IP, "netns", "exec", node, *launch]
        running.append(
            subprocess.Popen(
                inside, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        )
    said = [process.communicate(timeout=300)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], "\n".join(text[-1500:] for text in said)
    return folder


def test_two_nodes_train_as_one_does(made: Path, tmp_path: Path) -> None:
    assert main([*TRAIN, str(tmp_path / "one")]) == 0
    one, two = (load_file(folder / "weights.safetensors") for folder in (tmp_path / "one", made / "start"))
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=1e-4, atol=1e-6)


def test_two_nodes_measure_what_one_does(made: Path, tmp_path: Path) -> None:
    assert main([*MEASURE, str(tmp_path / "one.json")]) == 0
    one, two = (json.loads(path.read_text())["results"][0] for path in (tmp_path / "one.json", made / "two.json"))
    assert (two["episodes"], two["accuracy"], two["ci95"]) == (6, one["accuracy"], one["ci95"])
