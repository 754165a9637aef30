"""What becomes of ngrok's web interface: settings that load, and nothing that shows traffic to others."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.importers.ngrok_inspector import LEAST_MEMORY, set_inspected, set_inspector
from sellia.cli.importers.result import Imported
from sellia.cli.importers.source import Source
from sellia.client.settings import inspector


class InspectorTests(SynchronousTestCase):
    def imported(self, **agent: Any) -> tuple[dict[str, Any], list[str]]:
        source, imported = Source(agent), Imported("ngrok")
        set_inspector(source, (), imported)
        self.assertFalse([key for key in agent if source.has(key)], "each key is carried over or named")
        return imported.settings.get("inspector", {}), [note.advice for note in source.notes]

    def test_nothing_is_said(self) -> None:
        for agent in ({}, {"web_addr": "localhost:4040"}, {"web_addr": "127.0.0.1:4040", "inspect_db_size": 0}):
            self.assertEqual(self.imported(**agent), ({}, []))

    def test_where_it_listens(self) -> None:
        for given, becomes in (
            ("127.0.0.1:5050", "127.0.0.1:5050"),
            ("localhost:5050", "localhost:5050"),
            ("[::1]:5050", "[::1]:5050"),
            (5050, "127.0.0.1:5050"),
        ):
            self.assertEqual(self.imported(web_addr=given), ({"listen": becomes}, []))

    def test_others_are_not_shown_what_passes(self) -> None:
        for given in ("0.0.0.0:4040", ":4040", "192.168.1.5:4040", "[::]:4040"):
            settings, (advice,) = self.imported(web_addr=given)
            self.assertEqual(settings, {})
            self.assertIn("together with inspector.password", advice)

    def test_what_is_no_address(self) -> None:
        for given in ("somewhere", "inspect.example.com:4040", "127.0.0.1:99999", "http://localhost:4040"):
            settings, (advice,) = self.imported(web_addr=given)
            self.assertEqual(settings, {})
            self.assertIn("inspector.listen has a port", advice)

    def test_off(self) -> None:
        for agent in ({"web_addr": False}, {"web_addr": "false"}, {"inspect_db_size": -1}):
            self.assertEqual(self.imported(**agent), ({"off": True}, []))
        settings, notes = self.imported(web_addr="false", inspect_db_size=1 << 30, web_allow_hosts=["a.example"])
        self.assertEqual((settings, len(notes)), ({"off": True}, 2))

    def test_how_much_it_keeps(self) -> None:
        self.assertEqual(LEAST_MEMORY, inspector.LEAST_MEMORY)
        self.assertEqual(self.imported(inspect_db_size=LEAST_MEMORY), ({"memory": LEAST_MEMORY}, []))
        settings, (advice,) = self.imported(inspect_db_size=LEAST_MEMORY - 1)
        self.assertEqual(settings, {"memory": LEAST_MEMORY})
        self.assertIn("1 MiB", advice)
        settings, (advice,) = self.imported(inspect_db_size="much")
        self.assertEqual(settings, {})
        self.assertIn("inspector.memory", advice)

    def test_names(self) -> None:
        settings, (advice,) = self.imported(web_allow_hosts=["A.example", "a.example", "10.1.2.3", "::1", "10.0.0.0/8"])
        self.assertEqual(settings, {"hosts": ["a.example"]})
        self.assertIn("10.0.0.0/8 was left out", advice)

    def test_one_tunnel(self) -> None:
        for given, becomes in ((False, {"inspect": False}), ("false", {"inspect": False}), (True, {}), ("some", {})):
            source, settings = Source({"inspect": given}), dict[str, object]()
            set_inspected(source, ("inspect",), settings)
            self.assertEqual(settings, becomes)
            self.assertEqual(source.has("inspect"), given == "some")
