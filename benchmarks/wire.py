"""What visitors send to a page and hear from it, over HTTP and without a browser: calls of its API, and events of its components.

Here is how a page is spoken to. Who speaks, how often and what is made of the answers is `load.py` and `rude.py`.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator
from copy import copy
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from meta_demo.core.lazy import lazy

PREFIX = "/gradio_api"
CALL = f"{PREFIX}/call/adapt"
FULL = "others are waiting"  # in the sentence that refuses new heavy work


class Refused(Exception):
    """There was no room for more heavy work, which a sentence said."""


class _From(HTTPAdapter):
    """Connections that come from one address of this machine."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *given: Any, **named: Any) -> None:
        super().init_poolmanager(*given, source_address=(self._address, 0), **named)


def browser(number: int = 0) -> requests.Session:
    """What one visitor asks with, whose address is like no other's: whom the page tells apart take turns."""
    session = requests.Session()
    session.trust_env = False  # no proxy: nothing leaves this machine
    session.mount("http://", _From(f"127.0.{1 + number // 250}.{1 + number % 250}"))
    return session


def ask(client: requests.Session, url: str, arguments: list[Any], patience: float) -> str:
    """The number of a call of the API that was begun."""
    said = client.post(f"{url}{CALL}", json={"data": arguments}, timeout=patience)
    said.raise_for_status()
    return str(said.json()["event_id"])


def answer(client: requests.Session, url: str, arguments: list[Any], patience: float) -> list[Any]:
    """What the page predicts, with the losses of every step, which are the same for the same task. Raises Refused."""
    number = ask(client, url, arguments, patience)
    with client.get(f"{url}{CALL}/{number}", stream=True, timeout=patience) as said:
        said.raise_for_status()
        for event, value in events(said.iter_lines()):
            if event == "complete":
                return [[found["algorithm"], found["predictions"], found["steps"]] for found in value[0]["results"]]
            if event == "error":
                raise (Refused if FULL in json.dumps(value) else ValueError)(value)
    raise ValueError("the stream ended without an answer")


def events(lines: Iterable[bytes]) -> Iterator[tuple[str, Any]]:
    """The events of a stream by their names, which are empty where none has been given, and what they say."""
    name = ""
    for line in lines:
        field, _, value = line.decode().partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)
            name = ""


class Page:
    """A page as a browser holds it: what its components hold, and the events that its scripts send."""

    def __init__(self, client: requests.Session, url: str, patience: float = 60) -> None:
        self.client, self.url, self.patience, self.name = client, url, patience, secrets.token_hex(8)
        said = client.get(f"{url}/config", timeout=patience)
        said.raise_for_status()
        config = said.json()
        self.events: list[dict[str, Any]] = config["dependencies"]
        self.parts = {found["props"]["elem_id"]: found["id"] for found in config["components"] if _named(found)}
        self.values = {found["id"]: found["props"].get("value") for found in config["components"]}

    def another(self, client: requests.Session) -> Page:
        """The same page as somebody else opens it."""
        other = copy(self)
        other.client, other.name, other.values = client, secrets.token_hex(8), dict(self.values)
        return other

    @lazy
    def paths(self) -> dict[str, list[str]]:
        """Every path that the page has, with how it may be asked."""
        said = self.client.get(f"{self.url}/openapi.json", timeout=self.patience)
        said.raise_for_status()
        return {path: [*methods] for path, methods in said.json()["paths"].items()}

    def open(self, side: str) -> None:
        """What the page asks first, for a side of it: the components then hold what that fills."""
        (first,) = (event for event in self.events if event["api_name"] == "show" and event["inputs"])
        self.hold(first, self.send(first, f"?side={side}"))

    def put(self, part: str, value: Any) -> None:
        """A visitor fills a part."""
        self.values[self.parts[part]] = value

    def event(self, part: str, name: str, fills: str) -> dict[str, Any]:
        """What follows the event called `name` of a part, at once or after what the browser does by itself, and fills another one."""
        here, there = self.parts[part], self.parts[fills]
        begun = [found for found in self.events if [here, name] in found["targets"]]
        first = {found["id"] for found in begun if not found["backend_fn"]}
        begun += [found for found in self.events if found["trigger_after"] in first]
        return next(found for found in begun if there in found["outputs"])

    def hold(self, event: dict[str, Any], filled: list[Any]) -> None:
        """The components hold what an event has filled them with."""
        for part, value in zip(event["outputs"], filled, strict=True):
            if not _is_update(value):
                self.values[part] = value
            elif "value" in value:
                self.values[part] = value["value"]

    def join(self, event: dict[str, Any], asked: str = "") -> requests.Response:
        """The answer to an event that was sent, with what its components hold."""
        data = [self.values[part] for part in event["inputs"]]
        body = {"data": data, "fn_index": event["id"], "session_hash": self.name, "trigger_id": None}
        return self.client.post(f"{self.url}{PREFIX}/queue/join{asked}", json=body, timeout=self.patience)

    def send(self, event: dict[str, Any], asked: str = "") -> list[Any]:
        """What an event fills its outputs with, in the end."""
        begun = self.join(event, asked)
        begun.raise_for_status()
        number = begun.json()["event_id"]
        where = {"session_hash": self.name}
        stream = f"{self.url}{PREFIX}/queue/data"
        with self.client.get(stream, params=where, stream=True, timeout=self.patience) as said:
            said.raise_for_status()
            for _, value in events(said.iter_lines()):
                if value.get("event_id") == number and value["msg"] == "process_completed":
                    if not value["success"]:
                        raise ValueError(value["output"])
                    filled: list[Any] = value["output"]["data"]
                    return filled
        raise ValueError("the stream ended without an answer")


def _named(component: dict[str, Any]) -> bool:
    return bool(component["props"].get("elem_id"))


def _is_update(value: Any) -> bool:
    return isinstance(value, dict) and value.get("__type__") == "update"
