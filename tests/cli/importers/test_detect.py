"""Which format a file has, and files that have none."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.importers.detect import FORMATS, import_text
from sellia.cli.importers.source import KEY_LIMIT, ImportFailure
from tests.cli.importers.golden import FILES

KINDS = {
    "ngrok2": "ngrok, version 2",
    "ngrok3": "ngrok, version 3",
    "cloudflared": "cloudflared",
    "frp": "frp",
    "frp-ini": "frp, in INI",
}


class DetectTests(SynchronousTestCase):
    def test_files(self) -> None:
        self.assertEqual(set(KINDS), set(FORMATS))
        found = dict.fromkeys(KINDS, 0)
        for path in FILES.iterdir():
            name = path.stem.rpartition("-")[0]
            self.assertEqual(import_text(path.read_text()).kind, KINDS[name], path.name)
            found[name] += 1
        self.assertGreaterEqual(min(found.values()), 3, "three files of each kind, or more")

    def test_format_that_is_named(self) -> None:
        for path in FILES.iterdir():
            name = path.stem.rpartition("-")[0]
            self.assertEqual(import_text(path.read_text(), name).kind, KINDS[name], path.name)

    def test_what_is_none(self) -> None:
        deep = "a: " + "[" * 5000
        bomb = "a: &a [1,2]\n" + "".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
        )
        for text, words in (
            ("", "has no keys"),
            ("hello", "has no keys"),
            ("a: [1", "is not valid YAML (line 2)"),
            (deep, "is not valid YAML"),
            ("authtoken: x\n" + bomb, f"has more than {KEY_LIMIT:,} keys"),
            ("colour: green", "is not known: settings of ngrok, cloudflared"),
            ("server: https://x\ntunnels: {}", "is a settings file of Sellia already"),
            ("serverAddr = 1.2.3.4\n", "is not valid TOML (line 1)"),
            ('serverAddr = "x"\nserverPort = {{ .Envs.PORT }}\n', "is not valid TOML (line 2): put the values in"),
            ("[common]\nhello\n", "is not valid INI"),
            ("a: \x01", "is not valid YAML"),
        ):
            error = self.assertRaises(ImportFailure, import_text, text)
            self.assertIn(words, str(error))

    def test_values_are_not_repeated(self) -> None:
        for text in ("authtoken: [hush", "[common]\nhush hush\n", "token = hush\n"):
            self.assertNotIn("hush", str(self.assertRaises(ImportFailure, import_text, text)))
