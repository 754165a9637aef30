"""
What the end-to-end tests share: where a service is reached, and the programs that reach it.

A `Reach` is an address together with the host name that visitors use there. `reach` makes one: through a tunnel of a
server that all test modules share, one for each domain, or, with ``SELLIA_E2E_DIRECT=1``, of the service itself.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest

import sellia.cli
from tests.e2e.case import watched
from tests.original.peers import Peer, start_original_client, start_original_server, start_our_client
from tests.processes import Process, start_client, start_server

NODE_PROGRAMS = Path(__file__).resolve().parent / "node"
"""Our Node scripts, and in ``node_modules`` the programs that `tests.e2e.prepare` installed."""

PREPARE = "python -m tests.e2e.prepare"

DIRECT = os.environ.get("SELLIA_E2E_DIRECT", "") not in ("", "0")
"""Whether visitors of this run connect to the service itself, to show that the tests are right without Sellia."""

ORIGINAL = os.environ.get("SELLIA_E2E_ORIGINAL", "")
"""Which end is the original Sellia's, as `tests.original` plays it: ``client``, ``server``, or neither."""

RUN_DEADLINE = 60.0
"""Seconds that a program run to its end may take."""

_servers: dict[str, Process] = {}
_original_servers: dict[str, Peer] = {}
_names = itertools.count(1)


@dataclass(frozen=True)
class Reach:
    """How visitors reach a service: the loopback ``port`` to connect to, and the host ``name`` to ask for there."""

    port: int
    name: str

    @property
    def authority(self) -> str:
        """What belongs into ``Host``."""
        return f"{self.name}:{self.port}"

    def url(self, path: str = "/", scheme: str = "http") -> str:
        """The URL of ``path``, which begins with a slash."""
        return f"{scheme}://{self.authority}{path}"


def server(domain: str = "localhost") -> Process:
    """The shared server for ``domain``, started at first use."""
    if domain not in _servers:
        _servers[domain] = watched(start_server(domain=domain))
    return _servers[domain]


def reach(service_port: int, name: str, domain: str = "localhost") -> Reach:
    """A way to the service at ``service_port``, under a host name that begins with ``name``."""
    host = f"{name}-{next(_names)}"
    if DIRECT:
        return Reach(service_port, f"{host}.{domain}")
    if ORIGINAL == "server":
        return Reach(_through_original_server(service_port, host, domain), f"{host}.{domain}")
    ingress = server(domain)
    if ORIGINAL == "client":
        start_original_client(ingress.port, f"{service_port}:{host}", quirks=("buffers_responses=no",))
    else:
        watched(start_client(ingress.port, service_port, host, domain=domain))
    return Reach(ingress.port, f"{host}.{domain}")


def _through_original_server(service_port: int, host: str, domain: str) -> int:
    if domain not in _original_servers:
        _original_servers[domain] = start_original_server(domain=domain)
    watched(start_our_client(_original_servers[domain], service_port, host))
    return _original_servers[domain].port


def through_tunnel_only() -> None:
    """Skip a test of what Sellia adds when this run goes without it."""
    if DIRECT:
        raise SkipTest("SELLIA_E2E_DIRECT is set, and this is about Sellia itself")


def program(name: str) -> str:
    """Where the program ``name`` is, or a skip that says what to install."""
    elsewhere = f"{sysconfig.get_path('scripts')}:/usr/sbin:/usr/local/sbin"
    found = shutil.which(name) or shutil.which(name, path=elsewhere)
    if found is None:
        raise SkipTest(f"{name} is not installed; run `{PREPARE}` as root, or install it")
    return found


def node_module(path: str) -> str:
    """A file below ``node_modules``, or a skip that says what to install."""
    program("node")
    found = NODE_PROGRAMS / "node_modules" / path
    if not found.exists():
        raise SkipTest(f"the npm package of {path} is not installed; run `{PREPARE}`")
    return str(found)


@dataclass(frozen=True)
class Finished:
    """What a program that ran to its end left: its exit status and what it wrote."""

    status: int
    output: bytes
    errors: str


def run(argv: Sequence[str], *, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Finished:
    """Run a program to its end, at most `RUN_DEADLINE` seconds."""
    done = subprocess.run(
        argv, input=stdin, capture_output=True, timeout=RUN_DEADLINE, env={**os.environ, **(env or {})}, check=False
    )
    return Finished(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))


def curl_argv(place: Reach, path: str, *options: str, scheme: str = "http") -> list[str]:
    """
    A curl command line for ``path`` at ``place``.

    curl leads ``*.localhost`` to loopback by itself; ``--connect-to`` does so for every other name, and makes sure that
    the address family is the one that the listener has.
    """
    return [
        program("curl"),
        "--silent",
        "--show-error",
        "--noproxy",
        "*",
        "--max-time",
        str(int(RUN_DEADLINE) - 5),
        "--connect-to",
        f"{place.authority}:127.0.0.1:{place.port}",
        *options,
        place.url(path, scheme),
    ]


def curl(place: Reach, path: str, *options: str, stdin: bytes = b"", scheme: str = "http") -> Finished:
    """Run curl to its end."""
    return run(curl_argv(place, path, *options, scheme=scheme), stdin=stdin)


def node_argv(script: str, *arguments: str) -> list[str]:
    """
    A Node command line for one of our scripts, for a file below ``node_modules``, or for one anywhere.

    Node asks the system for names, which on most machines does not know ``*.localhost``: ``loopback.js``, loaded
    first, leads the names that these tests use to 127.0.0.1, and leaves the script as it is.
    """
    own = NODE_PROGRAMS / script
    path = str(own) if own.exists() else node_module(script)
    return [program("node"), "--require", str(NODE_PROGRAMS / "loopback.js"), path, *arguments]


def check_schema(told: Sequence[Mapping[str, Any]]) -> None:
    """Fail unless each event is one of those that the shipped schema describes."""
    shipped = (Path(sellia.cli.__file__).parent / "events.schema.json").read_text("utf-8")
    validator = import_module("jsonschema").Draft202012Validator(json.loads(shipped))
    for each in told:
        validator.validate(each)


def events(process: Process) -> list[dict[str, Any]]:
    """What a program that writes one JSON object on a line has said so far."""
    complete = process.output.rpartition("\n")[0]
    return [json.loads(line) for line in complete.splitlines() if line.startswith("{")]


def wait_for_event(process: Process, **fields: Any) -> dict[str, Any]:
    """The first event of ``process`` that has all of ``fields``."""

    def find() -> dict[str, Any] | None:
        return next((event for event in events(process) if fields.items() <= event.items()), None)

    found = process.wait_for(find, f"the event {fields}")
    assert found is not None
    return found
