"""Consents to the server that a project's file names."""

import os
import stat

from sellia.client.settings import UnknownServer, load
from sellia.client.settings.consent import CONSENT_LIMIT, Consents, Known
from sellia.errors import SettingsError
from tests.client.settings.cases import LayersCase, Stored


class ConsentTests(LayersCase):
    def setUp(self) -> None:
        super().setUp()
        self.environment = {"XDG_CONFIG_HOME": os.path.join(self.directory, "config")}
        self.consents = Consents.of(self.environment)

    def test_one_file_and_one_server(self) -> None:
        self.assertFalse(self.consents.has("/p/sellia.yaml", "https://a.example"))
        self.consents.add("/p/sellia.yaml", "https://a.example")
        self.consents.add("/q/sellia\udcff.yaml", "https://b.example")
        self.consents.add("/p/sellia.yaml", "https://a.example")
        again = Consents.of(self.environment)
        self.assertTrue(again.has("/p/sellia.yaml", "https://a.example"))
        self.assertTrue(again.has("/q/sellia\udcff.yaml", "https://b.example"))
        self.assertFalse(again.has("/p/sellia.yaml", "https://b.example"))
        self.assertFalse(again.has("/r/sellia.yaml", "https://a.example"))
        self.assertEqual(stat.S_IMODE(os.stat(self.consents.path).st_mode), 0o600)

    def test_the_latest_are_kept(self) -> None:
        for number in range(CONSENT_LIMIT + 1):
            self.consents.add(f"/{number}", "https://a.example")
        self.assertFalse(self.consents.has("/0", "https://a.example"))
        self.assertTrue(self.consents.has("/1", "https://a.example"))

    def test_a_file_that_others_may_write(self) -> None:
        self.consents.add("/p", "https://a.example")
        os.chmod(self.consents.path, 0o622)
        self.assertFalse(self.consents.has("/p", "https://a.example"))

    def test_what_is_no_file_of_consents(self) -> None:
        os.makedirs(os.path.dirname(self.consents.path))
        for text in ("[]\n", "{}\n", "x\n", '["/p"]\n', "\xff\n", "[" * 100_000):
            with open(self.consents.path, "w", encoding="latin-1") as file:
                file.write(text)
            self.assertFalse(self.consents.has("/p", "https://a.example"))
        os.unlink(self.consents.path)
        os.mkfifo(self.consents.path)
        self.assertFalse(self.consents.has("/p", "https://a.example"))
        os.unlink(self.consents.path)
        os.symlink("elsewhere", self.consents.path)
        self.assertFalse(self.consents.has("/p", "https://a.example"))

    def test_no_place_for_them(self) -> None:
        nowhere = Consents("")
        self.assertFalse(nowhere.has("/p", "https://a.example"))
        error = self.assertRaises(SettingsError, nowhere.add, "/p", "https://a.example")
        self.assertIn("--server https://a.example", error.hint)

    def test_it_counts(self) -> None:
        """For the file of the project, and no key goes there by it."""
        self.give(home="api_key: SECRET\n", project="server: https://evil.example\ntunnels: {web: {target: 1}}\n")
        files = tuple(self.files.values())
        error = self.assertRaises(UnknownServer, load, {}, {}, None, files, Known(self.environment))
        self.consents.add(error.file, error.server)
        settings = load({}, {"SELLIA_API_KEY": "SECRET"}, None, files, Known(self.environment))
        self.assertEqual((settings.server, settings.api_key), ("https://evil.example", None))
        self.give(project="server: https://worse.example\ntunnels: {web: {target: 1}}\n")
        self.assertRaises(UnknownServer, load, {}, {}, None, files, Known(self.environment))
        self.assertRaises(UnknownServer, load, {}, {}, None, files, Stored())
