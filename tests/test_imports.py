"""The arrows of the architecture, proved on every import in the source, including those inside functions.

``protocol <- relay <- transports <- server | client <- tap, cli, plugins``: a room imports from itself and from the
rooms that its row in ``ALLOWED`` names, and no two modules import each other, ``TYPE_CHECKING`` included.  The pure
rooms do no I/O and read no clock, and only a tap or the command line picks up the reactor that belongs to the process.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import sellia

PACKAGE = Path(sellia.__file__).parent
ROOT = PACKAGE.parent

#: Settings and errors in every room's reach, and the two pure rooms that all others build on.
_BASE = {"settings", "protocol", "relay", "relay.limits"}
_RELAY = _BASE | {"relay.http", "relay.mux"}
_TRANSPORTS = _RELAY | {f"transports{each}" for each in ("", ".reactor", ".websocket", ".tcp", ".udp", ".link")}
_SERVER = _TRANSPORTS | {
    "",
    "private_names",
    "server.settings",
    "server.limiter",
    "server.places",
    "server.notices",
    "server.passwords",
}
_CLIENT = _TRANSPORTS | {"", "private_names", "client.settings", "client.events", "client.tls", "client.reasons"}
_CLIENT |= {"client.proxies", "inspector", "inspector.decode", "inspector.recording"}

#: What each room may import of Sellia besides itself. A room is a folder, or a module that stands apart from one.
ALLOWED = {
    "": set(),
    "settings": set(),
    "protocol": {"settings"},
    "protocol.original": {"protocol"},
    "relay": {"settings", "protocol", "relay.limits"},
    "relay.limits": {"protocol"},
    "relay.http": {"protocol", "relay"},
    "relay.mux": {"protocol", "relay.limits"},
    "transports": {"settings"},
    "transports.reactor": _BASE,
    "transports.websocket": _RELAY | {"transports", "transports.reactor"},
    "transports.udp": _RELAY | {"transports", "transports.reactor"},
    "transports.tcp": _RELAY | {"transports", "transports.reactor"},
    "transports.link": _RELAY | {"transports", "transports.reactor", "transports.websocket"},
    "transports.original": _TRANSPORTS | {"protocol.original"},
    "transports.original.server_side": _TRANSPORTS | {"protocol.original", "transports.original"},
    "transports.original.client_side": _TRANSPORTS | {"protocol.original", "transports.original"},
    "server.settings": _RELAY | {"storage"},
    "server.limiter": _TRANSPORTS | {"server.settings", "server.places", "server.passwords"},
    "server.passwords": _RELAY,
    "server.places": _TRANSPORTS | {"server.settings"},
    "server.notices": _TRANSPORTS | {"server.settings", "server.limiter"},
    "server.ingress": _SERVER,
    "server.gateway": _SERVER | {"transports.original.server_side"},
    "server.listeners": _SERVER | {"server.ingress"},
    "server.base_domain": _SERVER | {"server.ingress", "server.gateway"},
    "server.embedding": _SERVER | {"server.ingress"},
    "server.accounts": _SERVER | {"server.gateway", "server.ingress", "transports.original.server_side", "storage"},
    "client.settings": _RELAY | {"credentials", "client.tls", "client.proxies"},
    "client.proxies": _RELAY,
    "client.events": _BASE,
    "client.tls": _RELAY | {"transports", "private_names"},
    "client.reasons": _RELAY | {"transports", "transports.reactor"},
    "client.link": _CLIENT | {"transports.original.client_side"},
    "client.local": _CLIENT | {"client.local.static"},
    "client.local.static": _CLIENT | {"client.local"},
    "process": {"", "settings", "terminal"},
    "options": {"settings", "process"},
    "terminal": set(),
    "storage": set(),
    "storage.migrations": {"storage"},
    "storage.migrations.steps": set(),
    "credentials": set(),
    "ui": set(),
    "private_names": set(),
    "inspector": {"settings", "protocol", "relay", "relay.http", "relay.mux", "inspector.decode"},
    "inspector.recording": {"settings", "protocol", "relay.mux", "inspector"},
    "inspector.decode": {"protocol", "relay", "relay.http", "inspector"},
}
_ACCOUNTS = {"server.gateway", "server.base_domain", "server.listeners", "server.accounts", "storage", "ui"}
ALLOWED["server.admin"] = _SERVER | _ACCOUNTS | {"server.admin.calls"}
ALLOWED["server.admin.calls"] = _SERVER | _ACCOUNTS | {"server.admin"}
ALLOWED["server"] = {each for each in ALLOWED if each.startswith("server.")} | _SERVER
ALLOWED["client.inspector"] = _CLIENT | {"client", "client.local", "client.control", "transports.original", "ui"}
ALLOWED["client.control"] = _CLIENT | {"client", "client.local"}
ALLOWED["client"] = {each for each in ALLOWED if each.startswith("client.")} | _CLIENT
ALLOWED["server.tap"] = ALLOWED["server"] | {"server", "process", "options"}
ALLOWED["client.tap"] = ALLOWED["client"] | {"client", "process", "options"}
ALLOWED["cli.importers"] = {"", "relay", "relay.http"}
ALLOWED["__main__"] = {"cli"}
_COMMANDS = tuple(f"cli.commands{each}" for each in ("", ".admin", ".auth", ".config", ".service"))
_CLI = ("cli", "cli.admin", "cli.screen", *_COMMANDS)
ALLOWED |= dict.fromkeys(_CLI, {*ALLOWED, *_CLI})

#: Rooms that may be imported from anywhere, and import each other at most.
FOR_ALL = {"admin_problems", "directories", "errors", "problem", "problems", "targets", "text", "why"}
ALLOWED |= {each: set() for each in FOR_ALL}

#: What the pure rooms must not import: sockets, threads, clocks, and what brings them along.
IMPURE = {"twisted", "autobahn", "txaio", "zope", "treq", "OpenSSL", "asyncio", "socket", "ssl", "select", "selectors"}
IMPURE |= {"threading", "subprocess", "time", "sched", "signal", "datetime"}

#: What settings may be made with, besides the standard library.
SETTINGS_LIBRARIES = {"pydantic", "pydantic_core", "sellia", "yaml"}


@dataclass(frozen=True)
class Import:
    """One import: ``module`` imports ``target``, a full dotted name down to the name imported."""

    module: str
    target: str
    line: int

    def __str__(self) -> str:
        return f"{self.module}, line {self.line}, imports {self.target}"


def imports(source: str, module: str, package: bool = False) -> Iterator[Import]:
    """Every import in ``source``, which is ``module``, wherever it stands; relative ones in full."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                parts = parts[: len(parts) - node.level + (1 if package else 0)]
                base = ".".join([*parts, base]).rstrip(".")
            for alias in node.names:
                yield Import(module, f"{base}.{alias.name}", node.lineno)


def all_imports() -> list[Import]:
    """Every import in the package and in the plugins."""
    found: list[Import] = []
    for path in sorted([*PACKAGE.rglob("*.py"), *(ROOT / "twisted" / "plugins").glob("*.py")]):
        parts = path.relative_to(ROOT).with_suffix("").parts
        package = parts[-1] == "__init__"
        module = ".".join(parts[:-1] if package else parts)
        found.extend(imports(path.read_text("utf-8"), module, package))
    return found


def room(name: str) -> str:
    """The room of a dotted name below ``sellia``: the longest in ``ALLOWED`` that it begins with, or its folder."""
    parts = name.split(".")[1:]
    for end in range(len(parts), 0, -1):
        known = ".".join(parts[:end])
        if known in ALLOWED:
            return known
        if (PACKAGE / Path(*parts[:end])).is_dir():
            return known
    return parts[0] if parts and (PACKAGE / f"{parts[0]}.py").exists() else ""


def module_of(target: str) -> str | None:
    """The module of Sellia that a dotted name is in, or None."""
    parts = target.split(".")
    for end in range(len(parts), 0, -1):
        path = ROOT / Path(*parts[:end])
        if path.with_suffix(".py").exists() or (path / "__init__.py").exists():
            return ".".join(parts[:end]) if parts[0] == "sellia" else None
    return None


def circles(found: list[Import]) -> list[list[str]]:
    """The groups of modules that import each other, in whatever number of steps (Tarjan's algorithm)."""
    graph: dict[str, set[str]] = {}
    for each in found:
        target = module_of(each.target)
        if target is not None and target != each.module:
            graph.setdefault(each.module, set()).add(target)
    numbers: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(module: str) -> None:
        numbers[module] = lowest[module] = len(numbers)
        stack.append(module)
        for target in sorted(graph.get(module, ())):
            if target not in numbers:
                visit(target)
            if target in stack:
                lowest[module] = min(lowest[module], lowest[target])
        if lowest[module] == numbers[module]:
            group = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(group) > 1:
                groups.append(sorted(group))

    for module in sorted(graph):
        if module not in numbers:
            visit(module)
    return groups


def wrong_arrows(found: list[Import]) -> list[str]:
    """The imports within Sellia that point the wrong way."""
    wrong = []
    for each in found:
        if each.target.split(".")[0] != "sellia" or each.module.split(".")[0] != "sellia":
            continue
        origin, target = room(each.module), room(each.target)
        if origin != target and target not in ALLOWED[origin] | FOR_ALL:
            wrong.append(str(each))
    return wrong


def impurities(found: list[Import]) -> list[str]:
    """The imports of the pure rooms that bring I/O or a clock."""
    return [
        str(each)
        for each in found
        if room(each.module).split(".")[0] in ("protocol", "relay", *FOR_ALL)
        and each.module.startswith("sellia.")
        and each.target.split(".")[0] in IMPURE
    ]


def reactors(found: list[Import]) -> list[str]:
    """The imports of the global reactor by those who have no business with it."""
    return [
        str(each)
        for each in found
        if each.target.startswith("twisted.internet.reactor")
        and room(each.module) not in ("server.tap", "client.tap", "cli", "cli.commands")
    ]


class ArrowTests(SynchronousTestCase):
    """The source as it is."""

    def setUp(self) -> None:
        self.found = all_imports()

    def test_something_was_read(self) -> None:
        self.assertIn("sellia.settings", {each.module for each in self.found})
        self.assertIn("twisted.plugins.sellia_server", {each.module for each in self.found})

    def test_every_room_is_known(self) -> None:
        """A new room has to say what it may import."""
        rooms = {room(each.module) for each in self.found if each.module.startswith("sellia")}
        self.assertEqual(rooms - set(ALLOWED), set())

    def test_imports_point_to_the_left(self) -> None:
        self.assertEqual(wrong_arrows(self.found), [])

    def test_no_modules_import_each_other(self) -> None:
        self.assertEqual(circles(self.found), [])

    def test_pure_rooms_are_pure(self) -> None:
        self.assertEqual(impurities(self.found), [])

    def test_the_reactor_is_passed_in(self) -> None:
        self.assertEqual(reactors(self.found), [])

    def test_settings_need_little(self) -> None:
        allowed = SETTINGS_LIBRARIES | set(sys.stdlib_module_names)
        targets = {each.target.split(".")[0] for each in self.found if room(each.module) == "settings"}
        self.assertEqual(targets - allowed, set())

    def test_plugins_name_their_tap_by_string(self) -> None:
        """twistd loads every plugin to list them: ours cost it nothing."""
        targets = [each.target for each in self.found if each.module.startswith("twisted.plugins")]
        self.assertEqual(set(targets), {"twisted.application.service.ServiceMaker"})

    def test_plugin_directory_is_no_package_of_ours(self) -> None:
        self.assertFalse((ROOT / "twisted" / "plugins" / "__init__.py").exists())
        self.assertFalse((ROOT / "twisted" / "__init__.py").exists())


class CheckTests(SynchronousTestCase):
    """The checks find what they are for."""

    def check(self, source: str, module: str) -> list[Import]:
        return list(imports(source, module))

    def test_wrong_arrow(self) -> None:
        found = self.check("def f():\n    from sellia.server import service\n", "sellia.client.service")
        self.assertEqual(wrong_arrows(found), ["sellia.client.service, line 2, imports sellia.server.service"])
        self.assertEqual(len(wrong_arrows(self.check("import sellia.relay.names", "sellia.protocol.native"))), 1)
        self.assertEqual(len(wrong_arrows(self.check("from ...server import service", "sellia.relay.mux.session"))), 1)
        self.assertEqual(len(wrong_arrows(self.check("from sellia.server import tap", "sellia.server.service"))), 1)

    def test_right_arrow(self) -> None:
        found = self.check(
            "from sellia.relay.mux.session import Session\nfrom . import keeper", "sellia.transports.link.base"
        )
        self.assertEqual(wrong_arrows(found), [])

    def test_impurity(self) -> None:
        for source in ("import time", "from time import monotonic", "from twisted.internet import defer"):
            self.assertEqual(len(impurities(self.check(source, "sellia.relay.mux.session"))), 1)
            self.assertEqual(impurities(self.check(source, "sellia.server.service")), [])

    def test_reactor(self) -> None:
        for source in ("from twisted.internet import reactor", "import twisted.internet.reactor"):
            self.assertEqual(len(reactors(self.check(source, "sellia.server.service"))), 1)
            self.assertEqual(reactors(self.check(source, "sellia.server.tap")), [])
