"""Which server a command asks, and how."""

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.server_choice import Way, the_server, way_of
from sellia.cli.server_options import OPTIONS
from sellia.client.settings import ClientSettings
from sellia.credentials import Credentials
from sellia.errors import SettingsError
from sellia.settings import spelling
from tests.test_process import clean_environment

NO_FLAGS = {"server": None, "ca": None, "proxy": None, "profile": None}


class ServerChoiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        clean_environment(self)
        self.home = Path(os.environ["XDG_CONFIG_HOME"]) / "sellia"
        self.store = Credentials(str(self.home / "keys"))

    def way(self, environment: dict[str, str] | None = None, **flags: str) -> Way:
        return way_of({**NO_FLAGS, **flags}, {**os.environ, **(environment or {})})

    def write(self, text: str) -> None:
        self.home.mkdir(parents=True)
        (self.home / "sellia.yaml").write_text(text)

    def test_help_is_that_of_the_settings(self) -> None:
        for name, metavar, text in OPTIONS:
            described = spelling(ClientSettings, name, "flag"), ClientSettings.model_fields[name].description
            self.assertEqual((metavar, text), described)

    def test_the_strongest_counts(self) -> None:
        self.write("server: https://file.example\ntunnels: {web: {target: 80}}\n")
        variable = {"SELLIA_SERVER": "https://variable.example"}
        self.assertEqual(self.way().server, "https://file.example")
        self.assertEqual(self.way(variable).server, "https://variable.example")
        self.assertEqual(self.way(variable, server="wss://FLAG.example:443/ws").server, "https://flag.example")

    def test_profiles(self) -> None:
        self.write("server: https://a.example\nprofiles: {work: {server: 'https://w.example', api_key: k}}\n")
        self.assertEqual(self.way().server, "https://a.example")
        way = self.way(profile="work")
        self.assertEqual(way.server, "https://w.example")
        self.assertTrue(way.key_from.endswith("sellia.yaml:2:57: profiles.work.api_key"), way.key_from)
        self.assertEqual(self.way({"SELLIA_PROFILE": "work"}).server, "https://w.example")
        error = self.assertRaises(SettingsError, self.way, profile="wrok")
        self.assertIn("there is no profile wrok", error.line)
        self.assertIn("Did you mean work?", error.hint)

    def test_not_the_file_of_a_project(self) -> None:
        project = Path(self.mktemp()).absolute()
        (project / ".git").mkdir(parents=True)
        (project / "sellia.yaml").write_text("server: https://evil.example\n")
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(project)
        self.assertIsNone(self.way().server)

    def test_the_only_one_with_a_key(self) -> None:
        self.assertIn("Give --server", self.assertRaises(SettingsError, the_server, self.way(), self.store).hint)
        self.store.save("https://a.example", "k")
        self.assertEqual(the_server(self.way(), self.store), "https://a.example")
        self.assertEqual(the_server(self.way(server="https://b.example"), self.store), "https://b.example")
        self.store.save("https://c.example", "k")
        hint = self.assertRaises(SettingsError, the_server, self.way(), self.store).hint
        self.assertIn("https://a.example, https://c.example", hint)

    def test_the_way_there(self) -> None:
        proxy = self.way(proxy="http://u:p@proxy.example:3128").proxies.of_url("https://a.example")
        assert proxy is not None
        self.assertEqual((proxy.host, proxy.port), ("proxy.example", 3128))
        proxy = self.way({"HTTPS_PROXY": "http://other.example"}).proxies.of_url("https://a.example")
        assert proxy is not None
        self.assertEqual(proxy.host, "other.example")

    def test_wrong_ones(self) -> None:
        for flags, what in (
            ({"server": "ftp://x"}, "--server: is not an http, https, ws or wss URL"),
            ({"server": "https://u:secret@x"}, "--server: must not contain a user or password"),
            ({"ca": "/nowhere"}, "--ca: cannot read /nowhere"),
            ({"proxy": "socks5://u:secret@x"}, "--proxy: is a SOCKS proxy"),
        ):
            error = self.assertRaises(SettingsError, self.way, **flags)
            self.assertTrue(error.line.startswith(what), error.line)
            self.assertNotIn("secret", str(error))

    def test_a_key_from_elsewhere(self) -> None:
        self.assertEqual(self.way().key_from, "")
        self.assertEqual(self.way({"SELLIA_API_KEY": "secret"}).key_from, "SELLIA_API_KEY")
