"""Private names of libraries: all that the source uses are listed, and an upgrade that takes one away is noticed."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import sellia
from sellia.errors import SettingsError
from sellia.private_names import PRIVATE_NAMES, PrivateName, has, require

PACKAGE = Path(sellia.__file__).parent

#: Names that begin with an underscore and are documented: named tuples', enumerations', the system's.
DOCUMENTED = {"_replace", "_asdict", "_fields", "_value2member_map_", "_exit"}

#: Fields of HAR files beyond the format, which begin with an underscore there.
DOCUMENTED |= {"_resourceType", "_webSocketMessages", "_encoding", "_wire"}

_PRIVATE = re.compile(r"_[a-z]\w+\Z")


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        if module != "sellia.private_names":
            yield module, ast.parse(path.read_text("utf-8"))


def defined(tree: ast.Module) -> Iterator[str]:
    """Names that Sellia gives itself: of functions, classes and variables, and of attributes of ``self``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.alias):
            yield node.asname or node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
                yield node.attr


def used(tree: ast.Module) -> Iterator[str]:
    """Private names that are looked up, also by their words, and those in the paths of imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("sellia"):
            yield from (node.module or "").split(".")
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (part for alias in node.names for part in alias.name.split("."))


class ListTests(SynchronousTestCase):
    def test_every_private_name_in_the_source_is_listed(self) -> None:
        """A name that Sellia has not given itself is somebody else's."""
        trees = dict(sources())
        own = {name for tree in trees.values() for name in defined(tree)} | DOCUMENTED
        listed = {each.name for each in PRIVATE_NAMES} | {
            part for each in PRIVATE_NAMES for part in each.owner.split(".")
        }
        found = [
            f"{module}: {name}"
            for module, tree in trees.items()
            for name in sorted({each for each in used(tree) if _PRIVATE.match(each)})
            if name not in own | listed
        ]
        self.assertEqual(found, [])

    def test_every_name_is_used_where_the_list_says(self) -> None:
        for each in PRIVATE_NAMES:
            path = PACKAGE.parent / (each.used_in.replace(".", "/") + ".py")
            found = re.search(rf"\b{each.name}\b", path.read_text("utf-8"))
            self.assertTrue(found, f"{each.used_in}: {each.name}")

    def test_the_list_says_what_each_is_for(self) -> None:
        for each in PRIVATE_NAMES:
            self.assertTrue(each.purpose, each.name)
            self.assertFalse(each.purpose.endswith(".") or each.otherwise.endswith("."), each.name)


class UpgradeTests(SynchronousTestCase):
    """Whoever upgrades a library and sees this fail: look at each place that ``used_in`` names, then at the list."""

    def test_the_libraries_have_them(self) -> None:
        self.assertEqual([(each.owner, each.name) for each in PRIVATE_NAMES if not each.exists], [])

    def test_both_sides_start(self) -> None:
        require("server")
        require("client")


class RequireTests(SynchronousTestCase):
    """What people are told."""

    def entry(self, used_in: str = "sellia.server.service", otherwise: str = "") -> tuple[PrivateName, ...]:
        owner = "twisted.internet.abstract.FileDescriptor"
        return (PrivateName("Twisted", owner, "_gone", used_in, "a test", otherwise),)

    def test_a_name_that_is_missing(self) -> None:
        error = self.assertRaises(SettingsError, require, "server", self.entry())
        self.assertRegex(
            str(error),
            r"\ATwisted [0-9.]+ lacks FileDescriptor\._gone, which this Sellia needs for a test\.\nHint: install the ",
        )

    def test_a_name_that_the_other_side_needs(self) -> None:
        require("client", self.entry())
        self.assertRaises(SettingsError, require, "client", self.entry("sellia.transports.link.base"))

    def test_a_name_without_which_sellia_degrades(self) -> None:
        require("server", self.entry(otherwise="it is slower"))

    def test_an_owner_that_is_missing(self) -> None:
        for owner in ("twisted.internet.nowhere.Class", "twisted.internet.abstract.Nobody", "_no_such_module"):
            name = PrivateName("Twisted", owner, "x", "sellia.process", "a test")
            self.assertFalse(name.exists)
            self.assertRaises(SettingsError, require, "server", (name,))

    def test_names_of_instances(self) -> None:
        """Those that only a method sets are found, too."""

        class Owner:
            on_class = 1

            def __init__(self) -> None:
                self.on_instance = 1

        self.assertEqual([has(Owner, name) for name in ("on_class", "on_instance", "nowhere")], [True, True, False])
