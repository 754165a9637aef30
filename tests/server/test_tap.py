"""The flags of ``twistd sellia-server``; the process around them is tried in ``tests.e2e.test_startup``."""

import io
import os
import sys
from pathlib import Path
from typing import Any

from twisted.application.service import IService
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import SettingsError
from sellia.server import tap
from sellia.server.settings import ServerSettings
from tests.test_process import clean_environment, undo_process_changes


class OptionsTests(SynchronousTestCase):
    def setUp(self) -> None:
        clean_environment(self)

    def parse(self, *arguments: str) -> Any:
        options = tap.Options()
        options.parseOptions(arguments)
        return options.settings

    def test_all(self) -> None:
        settings = self.parse(
            *("--host", "127.0.0.1", "--port", "4000", "--domain", "example.com", "--https"),
            *("--require-auth", "--master-key", "k", "--trust-proxy", "127.0.0.1,::1", "--trust-proxy", "10.0.0.0/8"),
            *("--log-level", "debug"),
        )
        self.assertEqual((settings.host, settings.port, settings.domain), ("127.0.0.1", 4000, "example.com"))
        self.assertTrue(settings.https and settings.require_auth)
        self.assertEqual(settings.master_key.get_secret_value(), "k")
        self.assertEqual(settings.log_level, "debug")
        self.assertEqual(settings.trust_proxy, ("127.0.0.1", "::1", "10.0.0.0/8"))

    def test_listen_repeated(self) -> None:
        self.assertEqual(
            self.parse("--open", "--listen", "tcp:1", "--listen", "unix:/s").endpoints, ("tcp:1", "unix:/s")
        )

    def test_no_rate_limit(self) -> None:
        self.assertTrue(self.parse().rate_limit)
        self.assertFalse(self.parse("--no-rate-limit").rate_limit)

    def test_flags_not_given_leave_it_to_the_environment(self) -> None:
        self.patch(os, "environ", {"SELLIA_USE_HTTPS": "true", "SELLIA_OPEN": "true", "SELLIA_PORT": "99"})
        self.assertTrue(self.parse().https)
        self.assertEqual(self.parse("--port", "98").port, 98)

    def test_config(self) -> None:
        path = self.mktemp()
        with open(path, "w") as file:
            file.write("domain: example.com\n")
        self.assertEqual(self.parse("--config", path, "--open").domain, "example.com")

    def test_read_again(self) -> None:
        """From the same places, wherever the process has gone since; a file that is gone is not done without."""
        home = Path(os.environ["XDG_CONFIG_HOME"]) / "sellia"
        home.mkdir(parents=True)
        (home / "server.yaml").write_text("limits: {tunnels: 7}\n")
        options = tap.Options()
        options.parseOptions([])
        self.assertEqual(options.settings.tunnels, 7)
        (home / "server.yaml").write_text("limits: {tunnels: 8}\n")
        self.assertEqual(options.load_again().tunnels, 8)
        (home / "server.yaml").unlink()
        error = self.assertRaises(SettingsError, options.load_again)
        self.assertIn("server.yaml is gone, with which the server was started", error.line)

    def test_read_again_from_relative_paths(self) -> None:
        here = Path(self.mktemp())
        here.mkdir()
        (here / "mine.yaml").write_text("limits: {tunnels: 7}\n")
        options = tap.Options()
        options.parseOptions(["--config", str(here / "mine.yaml"), "--domain", "a.localhost"])
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir("/")
        settings = options.load_again()
        self.assertEqual((settings.tunnels, settings.domain), (7, "a.localhost"))

    def test_wrong_setting(self) -> None:
        error = self.assertRaises(UsageError, self.parse, "--port", "x")
        line, hint = str(error).splitlines()
        self.assertEqual(line, "--port: must be a valid integer, not x")
        self.assertTrue(hint.startswith("Hint: "))

    def test_check(self) -> None:
        """It ends with 78 for whatever would not start, and with 0 otherwise; nothing is put together."""
        out, errors = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", out)
        self.patch(sys, "stderr", errors)
        for arguments, status in (
            (("--port", "81"), 0),
            (("--domain", "t.example", "--open"), 0),
            (("--domain", "t.example"), 78),
            (("--port", "x"), 78),
        ):
            left = self.assertRaises(SystemExit, self.parse, "--check", *arguments)
            self.assertEqual(left.code, status, arguments)
        self.assertIn("port: 81 ", out.getvalue())
        self.assertIn("everybody could open tunnels here\nHint: ", errors.getvalue())

    def test_service(self) -> None:
        """makeService puts the service together and starts nothing."""
        undo_process_changes(self)
        options = tap.Options()
        options.parseOptions(["--port", "1"])
        service = tap.makeService(options)
        self.assertTrue(IService.providedBy(service))
        self.assertFalse(service.running)

    def test_as_many_connections_as_there_are_descriptors(self) -> None:
        """Clients have a quarter of them at least."""
        asked = ServerSettings(connections=1000, connections_per_address=900, sessions=1000, sessions_per_owner=800)
        with capturedLogs() as events:
            settings = tap._fitting(asked, lambda wanted: tap._OTHERS + 400)
        lines = [formatEvent(event) for event in events]
        self.assertEqual((settings.connections, settings.connections_per_address), (300, 300))
        self.assertEqual((settings.sessions, settings.sessions_per_owner), (100, 100))
        self.assertEqual(len(lines), 1)
        self.assertIn("300 connections and 100 clients are accepted at once, and not 2000 together: ", lines[0])
        settings = tap._fitting(asked, lambda wanted: tap._OTHERS + 1500)
        self.assertEqual((settings.connections, settings.sessions), (1000, 500))
        self.assertIs(tap._fitting(asked, lambda wanted: wanted), asked)

    def test_a_default_that_does_not_fit_is_only_told_where_little_is_left(self) -> None:
        for room, warned in ((8_000, 0), (4_000, 1)):
            with capturedLogs() as events:
                settings = tap._fitting(ServerSettings(), lambda wanted, room=room: room + tap._OTHERS)  # type: ignore[misc]
            self.assertEqual((settings.connections, settings.sessions), (room * 3 // 4, room // 4))
            self.assertEqual(sum(event["log_level"] is LogLevel.warn for event in events), warned)
