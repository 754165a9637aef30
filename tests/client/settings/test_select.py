"""Which tunnels of a file are opened."""

from sellia.client.settings import NoSuchTunnel, choose, choose_again
from sellia.errors import SettingsError
from tests.client.settings.cases import LayersCase

FILE = (
    "server: https://a.example\ntunnels:\n  web: {target: 1}\n  api: {target: 2, autostart: true}\n  db: {target: 3}\n"
)


class ChooseTests(LayersCase):
    def chosen(self, *names: str, everything: bool = False) -> list[str] | None:
        self.give(home=FILE)
        found = choose(self.load(), names, everything)
        return [each.name for each in found.tunnels] if found is not None else None

    def test_names(self) -> None:
        self.assertEqual(self.chosen("db", "web", "db"), ["web", "db"])
        self.assertEqual(self.chosen(everything=True), ["web", "api", "db"])

    def test_those_that_start_by_themselves(self) -> None:
        self.assertEqual(self.chosen(), ["api"])
        self.give(home=FILE.replace("autostart: true", "autostart: false"))
        self.assertIsNone(choose(self.load(), ()))

    def test_a_mistyped_name(self) -> None:
        error = self.assertRaises(NoSuchTunnel, self.chosen, "wbe")
        self.assertEqual((error.line, error.hint), ("there is no tunnel wbe in the settings", "Did you mean web?"))
        error = self.assertRaises(NoSuchTunnel, self.chosen, "x\x1b")
        self.assertEqual(error.line, "there is no tunnel x\\x1b in the settings")
        self.assertEqual(error.hint, "The tunnels are: web, api, db.")

    def test_again(self) -> None:
        """A tunnel that the file no longer has is left out, and one that it has now is there."""
        self.give(home=FILE.replace("db:", "cache:"))
        settings = self.load()
        self.assertEqual([each.name for each in choose_again(settings, ("web", "db")).tunnels], ["web"])
        self.assertEqual(len(choose_again(settings, (), True).tunnels), 3)
        self.assertEqual([each.name for each in choose_again(settings, ()).tunnels], ["api"])
        error = self.assertRaises(SettingsError, choose_again, settings, ("db",))
        self.assertIn("none of the tunnels", error.line)
