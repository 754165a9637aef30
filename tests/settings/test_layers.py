"""Layers of settings: whatever is given where, the strongest counts, and the origin that is told is the true one."""

import json
import os
from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sellia.settings import Count, Given, Origin, Rank, Settings, SettingsFile, check, gather, setting, shown_values
from sellia.settings import shown as shown_text
from sellia.settings.document import read_document


class Entry(Settings):
    """An entry of a mapping that is merged by name."""

    size: Count = setting(1, "A size.")


class Layered(Settings):
    """Settings of each kind of place."""

    plain: str = setting("", "A text.", flag="TEXT", variable="L_PLAIN")
    width: Count = setting(1, "A width.", path="group.width", flag="N", variable="L_WIDTH")
    depth: Count = setting(1, "A depth.", path="group.inner.depth")
    items: tuple[Count, ...] = setting((), "Items, which are replaced as a whole.")
    entries: Mapping[str, Entry] | None = setting(None, "Entries, which are merged by name.", merged=True)


_FILES = (Rank.SYSTEM, Rank.USER, Rank.PROJECT)

_TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=6)
_NAMES = st.sampled_from(["web", "api", "no", "3000", "a b", "é"])
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "plain": _TEXTS,
    "width": st.integers(1, 10**6),
    "depth": st.integers(1, 10**6),
    "items": st.lists(st.integers(1, 9), max_size=3),
    "entries": st.dictionaries(_NAMES, st.fixed_dictionaries({"size": st.integers(1, 99)}), max_size=3),
}
_LAYER = st.fixed_dictionaries({}, optional=_VALUES)
_TYPED = st.fixed_dictionaries({}, optional={name: _VALUES[name] for name in ("plain", "width")})


class Stage:
    """Files, variables and flags of one example."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.texts: dict[str, list[str]] = {}

    def file(self, rank: Rank, layer: Mapping[str, Any]) -> SettingsFile:
        """A file in JSON, which is YAML 1.2."""
        tree: dict[str, Any] = {}
        for name, value in layer.items():
            *groups, leaf = Layered.path(name).split(".")
            here = tree
            for group in groups:
                here = here.setdefault(group, {})
            here[leaf] = value
        path = os.path.join(self.directory, rank.name)
        text = json.dumps(tree, indent=1, ensure_ascii=False)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        self.texts[path] = text.split("\n")
        return SettingsFile(rank, path)

    def said(self, origin: Origin) -> str:
        """The text of a file from an origin on."""
        return self.texts[origin.path][origin.line - 1][origin.column - 1 :]


class OrderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = os.path.abspath(self.mktemp())
        os.mkdir(self.directory)

    @given(
        layers=st.fixed_dictionaries({}, optional=dict.fromkeys(_FILES, _LAYER)),
        named=st.none() | _LAYER,
        variables=_TYPED,
        in_files=st.booleans(),
        flags=_TYPED,
    )
    @settings(max_examples=100, deadline=None, derandomize=True)
    def test_any_merge(
        self,
        layers: dict[Rank, dict[str, Any]],
        named: dict[str, Any] | None,
        variables: dict[str, Any],
        in_files: bool,
        flags: dict[str, Any],
    ) -> None:
        stage = Stage(self.directory)
        files = [stage.file(rank, layers[rank]) for rank in reversed(_FILES) if rank in layers]
        config = stage.file(Rank.FILE, named).path if named is not None else None
        environment = self.environment(variables, in_files)
        found = gather(Layered, flags=flags, environment=environment, config=config, files=files)

        read = {Rank.FILE: named} if named is not None else dict(sorted(layers.items()))
        read |= {Rank.ENVIRONMENT: variables, Rank.FLAG: flags}
        self.assert_values(check(Layered, found), read)
        self.assert_origins(stage, found, read, in_files)
        self.assert_shown(found)

    def environment(self, variables: Mapping[str, Any], in_files: bool) -> dict[str, str]:
        """The variables, or their twins."""
        if not in_files:
            return {f"L_{name.upper()}": str(value) for name, value in variables.items()}
        found = {}
        for name, value in variables.items():
            path = found[f"L_{name.upper()}_FILE"] = os.path.join(self.directory, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"{value}\n")
        return found

    def assert_values(self, checked: Layered, read: Mapping[Rank, Mapping[str, Any]]) -> None:
        expected: dict[str, Any] = {}
        for layer in read.values():
            for name, value in layer.items():
                expected[name] = {**(expected.get(name) or {}), **value} if name == "entries" else value
        for name in Layered.model_fields:
            value = getattr(checked, name)
            if name in expected:
                value = {key: {"size": each.size} for key, each in value.items()} if name == "entries" else value
                self.assertEqual(list(value) if name == "items" else value, expected[name])
            else:
                self.assertEqual(value, Layered.model_fields[name].default)

    def assert_origins(
        self, stage: Stage, found: Mapping[str, Given], read: Mapping[Rank, Mapping[str, Any]], in_files: bool
    ) -> None:
        for name, each in found.items():
            strongest = max(rank for rank, layer in read.items() if name in layer)
            self.assertIs(each.rank, strongest)
            if strongest is Rank.FLAG:
                self.assertEqual(each.place, f"--{name}")
            elif strongest is Rank.ENVIRONMENT:
                self.assertEqual(each.place, f"L_{name.upper()}" + ("_FILE" if in_files else ""))
            else:
                self.assertEqual(each.origin.name, Layered.path(name))
                leaf = Layered.path(name).rpartition(".")[2]
                self.assertTrue(stage.said(each.named).startswith(f'"{leaf}": '))
                if not isinstance(each.value, list | dict):
                    self.assertTrue(stage.said(each.origin).startswith(json.dumps(each.value, ensure_ascii=False)))
            for entry, part in each.inside().items() if name == "entries" else ():
                giver = max(rank for rank, layer in read.items() if entry in layer.get("entries", {}))
                self.assertIs(part.rank, giver)
                self.assertTrue(stage.said(part.named).startswith(f"{json.dumps(entry, ensure_ascii=False)}: "))
                size = part.inside()["size"]
                self.assertRegex(stage.said(size.origin), rf"^{size.value}\b")

    def assert_shown(self, found: Mapping[str, Given]) -> None:
        """What is shown is a settings file that says the same, and says the same origins as programs get."""
        path = os.path.join(self.directory, "shown")
        with open(path, "w", encoding="utf-8") as file:
            file.write(shown_text([Layered], found, origins=True))
        again = gather(Layered, flags={}, environment={}, config=path)
        self.assertEqual(check(Layered, again), check(Layered, found))
        told = shown_values([Layered], found)
        self.assertEqual(
            {name: each["origin"] for name, each in told.items()},
            {Layered.path(name): each.origin.where for name, each in found.items()},
        )

    @given(_TEXTS)
    @settings(max_examples=150, deadline=None, derandomize=True)
    def test_any_text_is_shown_as_itself(self, text: str) -> None:
        given = {"plain": Given(text, Origin(Rank.USER, "plain"))}
        value, _ = read_document(shown_text([Layered], given), lambda *fault: self.fail(str(fault)))
        self.assertEqual(value, {"plain": text})
