"""Settings of a client that are looked at: what counts, and the origin of each, whatever is given where."""

import json
import os
from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.settings import ClientSettings, examine
from sellia.settings import Rank, SettingsFile, shown_values

_NAMES = ("web", "api", "docs")
_TUNNELS = st.dictionaries(
    st.sampled_from(_NAMES), st.integers(1, 65535).map(lambda port: {"target": port}), min_size=1, max_size=3
)
_LEVELS = st.sampled_from(["info", "debug"])
_TIMES = st.sampled_from(["20s", "1m", 45, "1h30m"])

#: What a project's file may say, and what a user's may.
_PROJECT = st.fixed_dictionaries({}, optional={"tunnels": _TUNNELS, "log_level": _LEVELS, "ping_timeout": _TIMES})
_SERVERS = st.sampled_from(["https://one.example", "https://two.example"])
_PROFILES = st.fixed_dictionaries({"work": _SERVERS.map(lambda server: {"server": server})})
_OWN = st.fixed_dictionaries(
    {},
    optional={
        "tunnels": _TUNNELS,
        "log_level": _LEVELS,
        "ping_timeout": _TIMES,
        "server": _SERVERS,
        "profiles": _PROFILES,
    },
)
_VARIABLES = st.fixed_dictionaries({}, optional={"log_level": _LEVELS, "server": _SERVERS})
_FLAGS = st.fixed_dictionaries({}, optional={"log_level": _LEVELS, "server": _SERVERS})


class ExamineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = os.path.abspath(self.mktemp())
        os.mkdir(self.directory)

    def file(self, rank: Rank, layer: Mapping[str, Any]) -> SettingsFile:
        tree: dict[str, Any] = {}
        for name, value in layer.items():
            group, _, leaf = ClientSettings.path(name).rpartition(".")
            (tree.setdefault(group, {}) if group else tree)[leaf] = value
        path = os.path.join(self.directory, rank.name)
        with open(path, "w") as file:
            json.dump(tree, file)
        return SettingsFile(rank, path)

    @given(system=_OWN, user=_OWN, project=_PROJECT, variables=_VARIABLES, flags=_FLAGS, profile=st.booleans())
    @settings(max_examples=80, deadline=None, derandomize=True)
    def test_what_counts_and_where_it_came_from(
        self,
        system: dict[str, Any],
        user: dict[str, Any],
        project: dict[str, Any],
        variables: dict[str, Any],
        flags: dict[str, Any],
        profile: bool,
    ) -> None:
        profile = profile and ("profiles" in system or "profiles" in user)
        files = [self.file(Rank.SYSTEM, system), self.file(Rank.USER, user), self.file(Rank.PROJECT, project)]
        environment = {f"SELLIA_{name.upper()}": value for name, value in variables.items()}
        chosen: dict[str, Any] = {**flags, **({"profile": "work"} if profile else {})}
        found = examine(chosen, environment, None, files)
        self.assertEqual(found.faults, ())
        told = shown_values(found.models, found.given)
        layers = [(Rank.SYSTEM, system), (Rank.USER, user), (Rank.PROJECT, project)]
        layers += [(Rank.ENVIRONMENT, variables), (Rank.FLAG, flags)]
        expected: dict[str, tuple[Rank, object]] = {}
        tunnels: dict[str, tuple[Rank, int]] = {}
        for rank, layer in layers:
            for name, value in layer.items():
                expected[name] = rank, value
            tunnels |= {name: (rank, each["target"]) for name, each in layer.get("tunnels", {}).items()}
        if profile and "server" not in flags:
            # A profile that a flag has chosen counts for as much as the flag.
            rank, profiles = expected["profiles"]
            expected["server"] = rank, profiles["work"]["server"]  # type: ignore[index]
        for name in ("log_level", "ping_timeout", "server"):
            path = ClientSettings.path(name)
            if name not in expected:
                self.assertNotIn(path, told)
                continue
            rank, value = expected[name]
            self.assertEqual((told[path]["value"], told[path]["source"]), (value, rank.name.lower()), name)
            self.assertEqual(told[path]["origin"], self.place(rank, name, value, found.given[name].origin.where))
        got = found.given["tunnels"].inside() if "tunnels" in found.given else {}
        self.assertEqual({name: (each.rank, each.inside()["target"].value) for name, each in got.items()}, tunnels)
        if found.settings is not None:
            assert isinstance(found.settings, ClientSettings)
            self.assertEqual(found.settings.server, expected["server"][1])
            self.assertEqual(
                {each.name: each.routes[0].target.port for each in found.settings.tunnels},
                {name: port for name, (_, port) in tunnels.items()},
            )

    def place(self, rank: Rank, name: str, value: object, where: str) -> str:
        """Where a value must be said to come from; in a file, where it stands there."""
        if rank is Rank.FLAG:
            return f"--{name.replace('_', '-')}"
        if rank is Rank.ENVIRONMENT:
            return f"SELLIA_{name.upper()}"
        path, line, column = where.rsplit(":", 2)
        self.assertEqual((path, line), (os.path.join(self.directory, rank.name), "1"))
        with open(path) as file:
            self.assertTrue(file.read()[int(column) - 1 :].startswith(json.dumps(value)))
        return where


class MissingTests(SynchronousTestCase):
    def test_what_flags_can_add_is_no_fault(self) -> None:
        found = examine({}, {})
        self.assertEqual((found.faults, found.settings), ((), None))
        self.assertEqual(examine({"target": "8080"}, {}).faults, ())
        [fault] = examine({"server": "x"}, {}).faults
        self.assertTrue(fault.line.startswith("--server: is not"), fault.line)
