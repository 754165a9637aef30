"""The command line: how long it takes to answer, to a public URL, and what an idle client holds in memory."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

from bench.figures import Findings, Goal, Table, spread
from bench.rig import Plan
from tests.processes import free_port, start_server

SELLIA = str(Path(sysconfig.get_path("scripts"), "sellia"))

#: Goals: seconds to help and completion, to the URL, and how many times the time that the bare reactor takes.
QUICK, URL, TIMES = 0.15, 0.6, 2.0

#: Goal: memory of an idle client, in MiB.
MEMORY = 60.0

#: Seconds for a client to settle before its memory is read.
SETTLED = 1.0


def measure(plan: Plan) -> Findings:
    """By turns, so that a busy moment is everybody's."""
    home = Path(tempfile.mkdtemp())
    (home / "sellia.yaml").write_text("server: https://example.com\ntunnels: {web: {target: 1}}\n")
    rounds = 3 * plan.rounds
    with start_server() as server:
        url = f"http://127.0.0.1:{server.port}"
        asked = {"_SELLIA_COMPLETE": "bash_complete", "COMP_WORDS": "sellia stop we", "COMP_CWORD": "2"}
        runs: dict[str, Callable[[], float]] = {
            "python -c pass": lambda: finished([sys.executable, "-c", "pass"], home),
            "import twisted.internet.reactor": lambda: finished([sys.executable, "-c", REACTOR], home),
            "sellia --help": lambda: finished([SELLIA, "--help"], home),
            "completion of a tunnel's name": lambda: finished([SELLIA], home, asked),
            "sellia version": lambda: finished([SELLIA, "version"], home),
            BARE: lambda: first_line([sys.executable, "-c", CLIENT], home),
            "sellia http to its URL": lambda: first_line([SELLIA, "http", str(free_port()), "--server", url], home),
        }
        for run in runs.values():
            run()  # compiles modules, and fills the cache of files
        times: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(rounds):
            for name, run in runs.items():
                times[name].append(run())
        held = {name: memory(command, home) for name, command in commands(url).items()}
        held[BARE] = memory([sys.executable, "-c", CLIENT], home)
    return findings(times, held, rounds)


#: What everything that uses Twisted takes at least.
REACTOR = "import twisted.internet.reactor"

#: What a client of a WebSocket server takes at least, with the libraries that ours uses.
BARE = "a client of Twisted and Autobahn that does nothing"
CLIENT = """
from autobahn.twisted.websocket import WebSocketClientFactory
from twisted.internet import reactor, ssl
factory = WebSocketClientFactory("wss://localhost")
options = ssl.optionsForClientTLS("localhost")
reactor.callWhenRunning(print, "there", flush=True)
reactor.run()
"""


def commands(url: str) -> dict[str, list[str]]:
    """What is held in memory, by what was imported: each has all of the one before."""
    wait = "import sys; print('there', flush=True); sys.stdin.read()"
    imports = {
        "the bare reactor": REACTOR,
        "with TLS, treq's and Autobahn's modules": "import sellia.transports.link.native, sellia.client.tls",
        "with the settings' models (pydantic)": "import sellia.client.settings.load, sellia.client.service",
        "with what shows events (rich)": "import sellia.cli.commands.http",
    }
    found, so_far = {}, []
    for name, line in imports.items():
        so_far.append(line)
        found[name] = [sys.executable, "-c", "\n".join([*so_far, wait])]
    return {**found, "sellia http, idle": [SELLIA, "http", str(free_port()), "--server", url]}


def environment(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Variables of a user without settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SELLIA", "XDG", "PYTHON"))}
    return {**kept, "HOME": str(home), **(more or {})}


def finished(command: list[str], home: Path, more: Mapping[str, str] | None = None) -> float:
    """Seconds that a program takes from its start to its end."""
    started = time.perf_counter()
    subprocess.run(command, env=environment(home, more), cwd=home, capture_output=True, check=True)
    return time.perf_counter() - started


def first_line(command: list[str], home: Path) -> float:
    """Seconds from the start of a program to its first line on standard output."""
    started = time.perf_counter()
    with subprocess.Popen(
        command, env=environment(home), cwd=home, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        taken = time.perf_counter() - started
        process.terminate()
    if not line:
        raise RuntimeError(f"{' '.join(command)} said nothing")
    return taken


def memory(command: list[str], home: Path) -> tuple[float, float]:
    """Memory of a program that has said its first line, in MiB: resident, and its share of it (PSS)."""
    with subprocess.Popen(
        command,
        env=environment(home),
        cwd=home,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        process.stdout.readline()
        time.sleep(SETTLED)
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        process.stdin.close()
        process.terminate()
    resident, share = (int(rollup.partition(f"\n{name}:")[2].split()[0]) / 1024 for name in ("Rss", "Pss"))
    return resident, share


def findings(times: Mapping[str, list[float]], held: Mapping[str, tuple[float, float]], rounds: int) -> Findings:
    """The goals, and the tables."""
    reactor = median(times["import twisted.internet.reactor"])
    to_url = median(times["sellia http to its URL"])
    goals = [
        Goal("sellia --help", median(times["sellia --help"]), QUICK, at_least=False, unit="s"),
        Goal("completion", median(times["completion of a tunnel's name"]), QUICK, at_least=False, unit="s"),
        Goal("sellia http to its URL", to_url, URL, at_least=False, unit="s"),
        Goal("sellia http to its URL / importing the reactor", to_url / reactor, TIMES, at_least=False),
        Goal("memory of an idle client", held["sellia http, idle"][0], MEMORY, at_least=False, unit="MiB"),
    ]
    note = f"From the start of the process, {rounds} rounds by turns, files in the cache."
    table = Table("The command line", note, ["", "ms", "x the bare reactor"])
    for name, taken in times.items():
        table.rows.append([name, spread([each * 1000 for each in taken], float), f"{median(taken) / reactor:.2f}"])
    bare, before = held[BARE][0], 0.0
    note = "Resident memory, its share (PSS), what each part adds, and how many times what a client holds at least."
    holds = Table("Memory of an idle client", note, ["", "MiB", "share", "adds", "x a client that does nothing"])
    for name, (each, share) in held.items():
        adds = f"{each - before:+.1f}" if name != BARE else ""
        holds.rows.append([name, f"{each:.1f}", f"{share:.1f}", adds, f"{each / bare:.2f}"])
        before = each
    return Findings(goals, [table, holds])
