"""What is declared of a program, where it runs, and how a visit reaches it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.pairs import Cut
from tests.chaos.proxy import FaultProxy
from tests.e2e.stage import NODE_PROGRAMS
from tests.field.install import APPS, Requirement, find
from tests.processes import Process, ProcessError, free_port

DOMAIN = "sellia.test"
"""The base domain: none that a program's own host check lets pass by itself, as it would ``localhost``."""

LOOPBACK = Path(__file__).resolve().parent / "loopback"
"""A folder whose ``sitecustomize.py`` leads names below `DOMAIN` to 127.0.0.1 in every Python started with it."""

START_DEADLINE = 90.0

Outcome = dict[str, Any]


def outcome_of(output: str) -> Outcome:
    """What a visitor's program has found out: the JSON object in the last line that it wrote."""
    outcome: Outcome = json.loads(output.strip().splitlines()[-1])
    return outcome


class Kit:
    """One program's installation, its working folder for this run, and the processes that it has started."""

    def __init__(self, name: str, folder: Path, stack: ExitStack) -> None:
        self.name = name
        self.folder = folder
        self.work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"field-{name}-"))).resolve()
        self.work.chmod(0o755)  # for programs that give up being root
        self.host = f"{name}.{DOMAIN}"
        self.service_port = 0
        self._stack = stack

    @property
    def python(self) -> str:
        """The Python of the program's own environment, or this one where it has none."""
        own = self.folder / "bin" / "python"
        return str(own) if own.exists() else sys.executable

    def bin(self, program: str) -> str:
        """A program of the installation, or of the system."""
        for place in (self.folder / "bin", self.folder / "node_modules" / ".bin"):
            if (place / program).exists():
                return str(place / program)
        return find(program) or program

    def app(self, name: str) -> str:
        """A file or folder of ``apps``, copied to where the program's own packages are found from it."""
        place = self.folder if (self.folder / "node_modules").exists() else self.work
        source, target = APPS / name, place / name
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)
        return str(target)

    def start(
        self,
        *argv: object,
        port: int | None = None,
        line: str = "",
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        deadline: float = START_DEADLINE,
    ) -> Process:
        """Start a process that ends with the run: ready when it accepts at ``port``, or once it wrote ``line``."""
        environment = {"HOME": str(self.work), "NO_COLOR": "1", **child_environment(), **(env or {})}
        words = [str(word) for word in argv]
        process = Process(words, name=self.name, cwd=cwd or self.work, env=environment, port=port or 0)
        self._stack.callback(process.stop)
        if line:
            process.wait_for_line(line, deadline)
        if port is not None:
            process.wait_for_port(port, deadline)
            if process.returncode is not None:
                raise ProcessError(f"{self.name} has ended, and port {port} is another's: {process.output[-2000:]}")
        return process

    def free_port(self) -> int:
        """A port that nothing uses."""
        return free_port()

    def node(self, script: str, *arguments: object, **options: Any) -> Process:
        """Start ``apps/SCRIPT`` with Node."""
        return self.start("node", "--require", NODE_PROGRAMS / "loopback.js", self.app(script), *arguments, **options)

    def defer(self, call: Callable[[], object]) -> None:
        """Call this at the end of the run."""
        self._stack.callback(call)


def child_environment() -> dict[str, str]:
    """What a process needs to find names below `DOMAIN` on this machine, whatever language it is written in."""
    path = os.pathsep.join(filter(None, [str(LOOPBACK), os.environ.get("PYTHONPATH", "")]))
    return {"PYTHONPATH": path, "NODE_OPTIONS": f"--require={NODE_PROGRAMS / 'loopback.js'}", "no_proxy": "*"}


@dataclass
class Way:
    """
    How one visit reaches the program: the loopback ``port`` to connect to and the ``host`` to ask for there.

    `cut` and its siblings act only where ``proxy`` is given, so that a visit is the same in all three plays.
    """

    kit: Kit
    port: int
    proxy: FaultProxy | None = None
    kind: Cut = Cut.RESET
    cuts: int = 0
    threads: list[threading.Thread] = field(default_factory=list)

    @property
    def host(self) -> str:
        return self.kit.host

    @property
    def authority(self) -> str:
        """What belongs into ``Host``."""
        return f"{self.host}:{self.port}"

    def url(self, path: str = "/", scheme: str = "http") -> str:
        return f"{scheme}://{self.authority}{path}"

    def cut(self) -> None:
        """Cut the link now; the next one is let through."""
        if self.proxy is not None:
            self.cuts += self.proxy.cut(self.kind)

    def outage(self, seconds: float) -> None:
        """Keep the link away for ``seconds``, and return then."""
        if self.proxy is not None:
            self.proxy.refuse()
            self.cut()
            time.sleep(seconds)
            self.proxy.heal()

    def soon(self, seconds: float, call: Callable[[], object]) -> None:
        """Call this in so many seconds, beside the visit and in every play; `settle` waits for it."""
        thread = threading.Timer(seconds, call)
        thread.daemon = True
        thread.start()
        self.threads.append(thread)

    def settle(self) -> None:
        """Wait for what `soon` began."""
        for thread in self.threads:
            thread.join(60.0)

    @contextmanager
    def cutting(self, every: float) -> Iterator[None]:
        """Cut the link every so many seconds while the block runs."""
        over = threading.Event()

        def work() -> None:
            while not over.wait(every):
                self.cut()

        thread = threading.Thread(target=work, daemon=True)
        if self.proxy is not None:
            thread.start()
        try:
            yield
        finally:
            over.set()
            if self.proxy is not None:
                thread.join(30.0)

    def run(self, *argv: object, deadline: float = 120.0, line: str = "", env: Mapping[str, str] | None = None) -> str:
        """The output of a visitor's program, run to its end; the link is cut when it has written ``line``."""
        words = [str(word) for word in argv]
        with Process(words, name="visitor", cwd=self.kit.work, env={**child_environment(), **(env or {})}) as process:
            if line:
                process.wait_for_line(line, deadline)
                self.cut()
            status = process.wait_for_exit(deadline)
        if status:
            raise ProcessError(f"the visitor's program ended with {status}: {process.output[-2000:]}")
        return process.output

    def run_by_name(self, *argv: object, **options: Any) -> str:
        """
        Like `run`, for a visitor's program that asks the system for names.

        It runs in a mount namespace of its own with another ``/etc/hosts``, which takes root.
        """
        hosts = self.kit.work / "hosts"
        hosts.write_text(f"127.0.0.1 localhost {self.host}\n")
        script = 'mount --bind "$1" /etc/hosts && shift && exec "$@"'
        return self.run("unshare", "--mount", "sh", "-c", script, "sh", hosts, *argv, **options)

    def node(self, script: str, *arguments: object, line: str = "", deadline: float = 120.0) -> str:
        """The output of ``apps/SCRIPT`` as a visitor, run with Node."""
        return self.run("node", self.kit.app(script), *arguments, line=line, deadline=deadline)


Serve = Callable[[Kit], int]
Visit = Callable[[Way], Outcome]


@dataclass(frozen=True)
class Program:
    """
    A program of the field: what it needs, how it is served, and what a visit does there.

    ``serve`` returns the port at which the program takes visitors. ``options`` are the client's. ``front`` may put a
    program before the server (or, directly, before the service): it gets the kit and a port, and returns its own.
    ``better`` names the entries of an outcome that differ through the tunnel on purpose, with the reason.
    """

    name: str
    title: str
    tried: str
    serve: Serve
    visit: Visit
    needs: Requirement = Requirement()
    options: Sequence[str] = ()
    server_options: Sequence[str] = ()
    front: Callable[[Kit, int], int] | None = None
    better: Mapping[str, str] = field(default_factory=dict)
    notes: str = ""
