"""A server that remembers many keys and names: how long it takes to start, and what it holds in memory."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import Findings, Goal, Table, middle, spread
from bench.memory import settled_bytes
from bench.rig import Plan
from sellia.storage.interface import CHANGES_LIMIT, Change, Insert, Storage
from sellia.storage.opening import open_storage
from sellia.storage.records import Account, Event, Key, NameKind, ReservedName, new_id
from tests.processes import start_server

COUNT = 100_000
QUICK_COUNT = 10_000
START_SECONDS = 5.0

#: Keys of one account.
TEAM = 100

#: Writes that are timed one after the other.
WRITES = 200


@dataclass(frozen=True)
class Start:
    """One start of a server."""

    seconds: float
    mib: float


def measure(plan: Plan) -> Findings:
    count = QUICK_COUNT if plan.quick else COUNT
    folder = Path(tempfile.mkdtemp(prefix="sellia-bench-"))
    try:
        return _measure(plan, count, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure(plan: Plan, count: int, folder: Path) -> Findings:
    empty, full = folder / "empty", folder / "full"
    open_storage(str(empty), None).close()
    storage = open_storage(str(full), None)
    fill(storage, count)
    figures = _storage_figures(storage, folder, count)
    storage.close()
    starts: dict[str, list[Start]] = {"0": [], f"{count:,}": []}
    for _ in range(plan.rounds):
        for name, directory in zip(starts, (empty, full), strict=True):
            starts[name].append(_start(directory))
    table = Table(
        "Start of a server that remembers",
        f"A server with an SQLite database of as many keys, and as many names, of teams of {TEAM}: seconds until it "
        f"answers, and resident memory then; {plan.rounds} starts each.",
        ("keys and names", "start, s", "memory, MiB"),
    )
    for name, found in starts.items():
        table.rows.append((name, spread(found, lambda each: each.seconds, 2), spread(found, lambda each: each.mib)))
    nothing, everything = starts.values()
    seconds = middle(everything, lambda each: each.seconds)
    growth = middle(everything, lambda each: each.mib) - middle(nothing, lambda each: each.mib)
    table.rows.append(("bytes for each key with its name", "", f"{growth * 1024 * 1024 / count:,.0f} B"))
    goal = Goal(f"start with {count:,} keys and names", seconds, START_SECONDS, at_least=False, unit="s")
    return Findings([goal], [table, figures])


def fill(storage: Storage, count: int) -> None:
    """Write accounts with keys, each of which has a name."""
    now = datetime.now(UTC)
    changes: list[Change] = []
    account = ""
    for number in range(count):
        if number % TEAM == 0:
            account = new_id("acc")
            changes.append(Insert(Account(account, f"team {number // TEAM}", now)))
        key = _key(number, account, now)
        changes.append(Insert(key))
        changes.append(Insert(ReservedName(NameKind.SUBDOMAIN, f"app-{number}", now, account, key.id)))
        if len(changes) > CHANGES_LIMIT - 3:
            storage.write(changes)
            changes = []
    storage.write(changes)


def secret_of(number: int) -> str:
    """Return the secret of one of the keys."""
    return f"sl_live_{number:064x}"


def _key(number: int, account: str, now: datetime) -> Key:
    secret = secret_of(number)
    digest = hashlib.sha256(secret.encode()).digest()
    return Key(
        new_id("key"), account, f"laptop {number % TEAM}", secret[:12], digest, now, ("http", "tcp"), (f"app-{number}",)
    )


def _storage_figures(storage: Storage, folder: Path, count: int) -> Table:
    table = Table(
        "SQLite with as many keys and names",
        "One thread; each write is a key with its event, and is on the disk when it returns.",
        ("what", "measured"),
    )
    size = os.path.getsize(folder / "full" / "sellia.db")
    table.rows.append(("size of the database", f"{size / count:,.0f} B a key with its name"))
    account = storage.directory().accounts[0].id
    now = datetime.now(UTC)
    started = time.perf_counter()
    for number in range(WRITES):
        storage.write([Insert(_key(count + number, account, now)), Insert(Event(now, "key.created", account))])
    table.rows.append(("a write", f"{(time.perf_counter() - started) * 1000 / WRITES:.2f} ms"))
    started = time.perf_counter()
    storage.write([Insert(Event(now, "link.opened", account, detail={"n": each})) for each in range(CHANGES_LIMIT)])
    table.rows.append((f"{CHANGES_LIMIT:,} events in one write", f"{time.perf_counter() - started:.2f} s"))
    started = time.perf_counter()
    storage.directory()
    table.rows.append(("reading all keys and names", f"{time.perf_counter() - started:.2f} s"))
    started = time.perf_counter()
    storage.backup(str(folder / "backup"))
    table.rows.append(("a backup", f"{time.perf_counter() - started:.2f} s"))
    return table


def _start(directory: Path) -> Start:
    started = time.perf_counter()
    with start_server("--state-dir", str(directory)) as server:
        seconds = time.perf_counter() - started
        return Start(seconds, settled_bytes(server) / 1024 / 1024)
