"""Test case that loads a client's settings from flags, variables and files, its own and a project's."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.settings import ClientSettings, load
from sellia.errors import SettingsError
from sellia.settings import Rank, SettingsFile

BASE = {"server": "http://localhost:3000", "target": "8080"}


class ClientCase(SynchronousTestCase):
    def bad(self, flags: Any, environment: Any = None, config: str | None = None) -> SettingsError:
        error = self.assertRaises(SettingsError, load, flags, environment or {}, config)
        self.assertTrue(error.hint)
        return error

    def write(self, text: str) -> str:
        path = os.path.abspath(self.mktemp())
        with open(path, "w") as file:
            file.write(text)
        return path


class Stored:
    """Keys that are stored, by server."""

    def __init__(self, **keys: str) -> None:
        self.consents: list[tuple[str, str]] = []
        self.keys = {f"https://{name}.example": key for name, key in keys.items()}

    def knows(self, server: str) -> bool:
        return server in self.keys

    def find(self, server: str) -> str | None:
        return self.keys.get(server)

    def place(self, server: str) -> str:
        return "/keys/" + server

    def agreed(self, file: str, server: str) -> bool:
        return (file, server) in self.consents

    def servers(self) -> list[str]:
        return sorted(self.keys)


class LayersCase(ClientCase):
    """The system's, the user's and a project's file, in a directory of their own each."""

    def setUp(self) -> None:
        self.directory = os.path.realpath(tempfile.mkdtemp(prefix="sellia"))  # with a path that sockets can have
        self.addCleanup(shutil.rmtree, self.directory)
        self.files: dict[Rank, SettingsFile] = {}
        for name in ("etc", "home", "project"):
            os.makedirs(os.path.join(self.directory, name))

    def give(self, **texts: str) -> None:
        """Write files, by where they are: ``etc``, ``home`` or ``project``."""
        ranks = {"etc": Rank.SYSTEM, "home": Rank.USER, "project": Rank.PROJECT}
        for name, text in texts.items():
            path = os.path.join(self.directory, name, "sellia.yaml")
            with open(path, "w") as file:
                file.write(text)
            self.files[ranks[name]] = SettingsFile(ranks[name], path)

    def load(
        self, flags: Mapping[str, object] | None = None, known: Stored | None = None, /, **environment: str
    ) -> ClientSettings:
        return load(flags or {}, environment, None, tuple(self.files.values()), known)

    def faults(
        self, flags: Mapping[str, object] | None = None, known: Stored | None = None, /, **environment: str
    ) -> list[str]:
        """Return the line of each fault; all have a hint."""
        error = self.assertRaises(SettingsError, self.load, flags, known, **environment)
        self.assertTrue(all(each.hint for each in error.faults), error)
        return [each.line for each in error.faults]

    def fault(self, *arguments: Any, **environment: str) -> str:
        """Return the line of the only fault."""
        (line,) = self.faults(*arguments, **environment)
        return line
