"""What is known of the keys that are stored: asked of their servers, and shown as text or JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, gatherResults

from sellia.cli.failures import explain
from sellia.cli.http_calls import run
from sellia.cli.server_api import ServerApi
from sellia.cli.server_choice import Way
from sellia.cli.texts import safe
from sellia.credentials import Credentials, prefix_of
from sellia.errors import RefusedError, SelliaError, SettingsError, UnreachableError
from sellia.problems import KEY_REQUIRED
from sellia.protocol.http_api import ANY_NAME, KeyReport

#: Names that are shown of those that a key may ask for.
_NAMES_SHOWN = 10

#: What scopes begin with that open no tunnels.
_ADMIN = "admin:"


@dataclass(slots=True)
class StoredKey:
    """The key of one server: where it is, and what its server says of it, or why nothing is known."""

    server: str
    key: str = ""
    place: str = ""
    report: KeyReport | None = None
    error: SelliaError | None = None

    @property
    def accepted(self) -> bool | None:
        """Whether its server accepts it; None where nobody could be asked."""
        if self.report is not None:
            return True
        return False if isinstance(self.error, RefusedError) and not self._asked_too_often else None

    @property
    def _asked_too_often(self) -> bool:
        return isinstance(self.error, RefusedError) and self.error.problem.status in (429, 503)

    def as_json(self) -> dict[str, Any]:
        """Return what is known as a JSON object; it never has the key."""
        found: dict[str, Any] = {
            "server": self.server,
            "key_prefix": prefix_of(self.key) if self.key else None,
            "stored_in": self.place or None,
            "accepted": self.accepted,
            "error": None,
        }
        if self.error is not None:
            message = self.error.line if isinstance(self.error, SettingsError | UnreachableError) else str(self.error)
            found["error"] = {"code": getattr(self.error, "word", None), "message": message}
        return found | (msgspec.to_builtins(self.report) if self.report is not None else {})

    def as_text(self) -> str:
        """Return what is known as a few lines."""
        lines = [self.server]
        if self.key:
            lines.append(f"  key       {prefix_of(self.key)}, in {safe(self.place)}")
        if self.report is not None:
            lines += [f"  {name:9} {text}" for name, text in _abilities(self.report)]
        if self.error is not None:
            head, *more = explain(self.error).splitlines()
            lines += [f"  problem   {safe(head)}", *(f"            {safe(each)}" for each in more)]
        return "\n".join(lines)


def stored_keys(servers: Iterable[str], store: Credentials, way: Way) -> list[StoredKey]:
    """Return what is known of the keys of servers; all servers are asked at once."""
    found = []
    for server in servers:
        entry = StoredKey(server)
        found.append(entry)
        try:
            entry.place = store.place(server)
            entry.key = store.find(server) or ""
        except SettingsError as error:
            entry.error = error
        if not entry.key and entry.error is None:
            entry.error = RefusedError(KEY_REQUIRED.code, "no key is stored for this server")
    ask([each for each in found if each.key], way)
    return found


def ask(entries: Sequence[StoredKey], way: Way) -> None:
    """Ask the servers what the keys may do; once in a process."""
    if not entries:
        return

    async def one(reactor: Any, entry: StoredKey) -> None:
        try:
            entry.report = await ServerApi(entry.server, reactor, way.ca, way.proxies).key(entry.key)
        except SelliaError as error:
            entry.error = error

    async def work(reactor: Any) -> None:
        await gatherResults([Deferred.fromCoroutine(one(reactor, entry)) for entry in entries])

    run(work)


def summary(report: KeyReport) -> str:
    """Return what a key may do, as lines."""
    return "\n".join(f"  {name:9} {text}" for name, text in _abilities(report))


def _abilities(report: KeyReport) -> list[tuple[str, str]]:
    names = [safe(each) for each in report.names[:_NAMES_SHOWN]]
    more = f" and {len(report.names) - _NAMES_SHOWN} more" if len(report.names) > _NAMES_SHOWN else ""
    where = "any name" if ANY_NAME in report.names else f"the names {', '.join(names)}{more}" if names else "no name"
    scopes = [safe(each) for each in report.scopes[:_NAMES_SHOWN]]
    kinds = " and ".join(each for each in scopes if not each.startswith(_ADMIN)) or "no"
    used, limits = report.in_use, report.limits
    admin = [each.removeprefix(_ADMIN) for each in scopes if each.startswith(_ADMIN)]
    found = [("account", safe(report.account))] if report.account else []
    found += [("admin", f"may {' and '.join(admin)}")] if admin else []
    found += [
        ("may open", f"{kinds} tunnels under {where}"),
        ("in use", f"{used.tunnels} of {limits.tunnels} tunnels, {used.clients} of {limits.clients} clients"),
    ]
    if report.expires_at is not None:
        found.append(("expires", safe(report.expires_at)))
    if not report.key_required:
        found.append(("note", "this server requires no key"))
    return found
