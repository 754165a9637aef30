"""``sellia inspect``: what it says of a recording, and where the inspector of a client is."""

import os
from pathlib import Path
from typing import Any

from sellia.cli.commands import inspect
from sellia.cli.control import Running
from sellia.inspector.recording.reader import Recorded
from sellia.inspector.recording.schema import Missing
from sellia.inspector.store import MIB, Store
from tests.cli.case import CommandCase

STATUS: dict[str, Any] = {"pid": 4711, "command": "sellia http", "tunnels": [{"name": "web"}]}


class ClientTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(inspect, "running", lambda: [Running(Path("/x/4711.sock"), 4711, STATUS)])
        self.answers: list[dict[str, Any]] = [{"inspector": {"url": "http://127.0.0.1:4040/?token=abc"}}]
        self.patch(inspect, "ask", lambda client, asked: iter(self.answers))

    def test_the_url(self) -> None:
        for which in ((), ("web",), ("4711",)):
            self.assertEqual(self.invoke("inspect", *which), "http://127.0.0.1:4040/?token=abc\n")

    def test_a_client_that_ends(self) -> None:
        self.answers = []
        self.assertIn("sellia http (process 4711) has ended", self.invoke("inspect", status=1))

    def test_no_such_client(self) -> None:
        self.assertIn("Did you mean web?", self.invoke("inspect", "wbe", status=1))


class RecordingTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.served: list[Any] = []
        self.patch(inspect, "serve", lambda settings, recorded: self.served.append((settings, recorded)))

    def test_a_file_that_is_none(self) -> None:
        self.assertIn("none.sqlite does not exist", self.invoke("inspect", "none.sqlite", status=1))
        self.assertIn("is not a recording of Sellia", self.invoke("inspect", __file__, status=1))

    def test_wrong_flags(self) -> None:
        told = self.invoke("inspect", __file__, "--memory", "much", status=1)
        self.assertIn("--memory: must be a size", told)
        told = self.invoke("inspect", __file__, "--inspector", "0.0.0.0:1", status=1)
        self.assertIn("--inspector: would show all that passes", told)

    def test_a_recording(self) -> None:
        from sellia.inspector.recording.writer import prepare

        path = self.mktemp()
        prepare(path)
        told = self.invoke("inspect", path, "--memory", "2 MiB", "--inspector", "0")
        self.assertEqual(told, f"{path}: 0 exchanges\n")
        ((settings, recorded),) = self.served
        self.assertEqual(settings.inspector_place, ("127.0.0.1", 0))
        self.assertEqual(recorded.store.memory, 2 * MIB)
        self.assertTrue(os.path.exists(path))

    def test_what_is_missing(self) -> None:
        store = Store(MIB)
        store.lost.exchanges = 5
        recorded = Recorded("a\x1bb", store, exchanges=7, damaged=2, missing=Missing(3, 4, 5))
        self.assertEqual(
            inspect.about(recorded).splitlines(),
            [
                "a\\x1bb: 7 exchanges",
                "Only the newest 0 have room: give more with --memory SIZE.",
                "2 exchanges cannot be read, because the file is damaged.",
                "3 exchanges, 4 frames, 5 bytes were not recorded, because the disk was too slow or full.",
            ],
        )
