"""Three files of each kind, as people have them: what becomes of each, which a person has read and found right."""

import os
from typing import Any

import yaml
from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.importers.detect import import_text
from sellia.cli.importers.writer import written
from sellia.client.settings import load
from tests.cli.importers.golden import EXPECTED, FILES, outcome

#: Secrets of other services in the files, which must get nowhere.
OTHERS = (
    "4nq9771b",
    "24yRd5U3",
    "2aBcDeFg",
    "oldoldold",
    "12345678",
    "hush",
    "abcdefg",
    "123456\n",
    "${TOKEN}",
    "shhh",
)

#: Secrets that are carried over, but that no message has.
OURS = ("bobpassword", "s3cret", "longpassword", "pa:ss", "proxypass", "passwd", "p%40ss")


class FilesTests(SynchronousTestCase):
    def test_outcomes(self) -> None:
        """After a change that is meant: ``python -m tests.cli.importers.golden``, and read the difference."""
        for path in sorted(FILES.iterdir()):
            self.assertEqual(outcome(path), (EXPECTED / f"{path.name}.yaml").read_text(), path.name)

    def test_secrets_of_others_get_nowhere(self) -> None:
        for path in FILES.iterdir():
            text = outcome(path)
            for secret in OTHERS:
                self.assertNotIn(secret, text, path.name)
            for note in import_text(path.read_text()).notes:
                for secret in OURS:
                    self.assertNotIn(secret, note.advice + note.key)

    def test_the_settings_are_ours(self) -> None:
        """What is written loads without a complaint, also what is withheld, once somebody takes the marks away."""
        for path in sorted(FILES.iterdir()):
            imported = import_text(path.read_text())
            for tunnel in imported.tunnels:
                for name in ("local_ca", "cert", "key"):
                    tunnel.settings.pop(name, None)  # files that are not here
            given = [each for each in imported.tunnels if not each.withheld]
            if not given:
                continue
            text = written(imported, path.name, "https://tunnel.example.com")
            config = os.path.abspath(self.mktemp())
            with open(config, "w") as file:
                file.write(text)
            loaded = load({}, {}, config)
            self.assertEqual({each.name for each in loaded.tunnels}, {each.name for each in given}, path.name)
            self.assertEqual([each for each in loaded.cautions if "secret" not in each], [], path.name)

    def test_every_key_is_accounted_for(self) -> None:
        """Each is carried over or named: whatever stands in a file, unknown keys too."""
        for path in FILES.iterdir():
            if path.suffix == ".ini":
                continue
            text = path.read_text()
            imported = import_text(text)
            keys = [*imported.carried, *(note.key for note in imported.notes)]
            for leaf in leaves(_tree(text), ""):
                accounted = any(leaf == key or leaf.startswith((f"{key}.", f"{key}[")) for key in keys)
                self.assertTrue(accounted, f"{path.name}: {leaf}")

    def test_every_key_of_an_ini_file_is_accounted_for(self) -> None:
        for path in FILES.glob("*.ini"):
            imported = import_text(path.read_text())
            keys = {*imported.carried, *(note.key for note in imported.notes)}
            section = ""
            for line in path.read_text().splitlines():
                if line.startswith("["):
                    section = line
                elif "=" in line and line[0] not in "#;":
                    self.assertIn(f"{section} {line.partition('=')[0].strip()}", keys, path.name)


def _tree(text: str) -> Any:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return yaml.safe_load(text)


def leaves(value: Any, path: str) -> list[str]:
    """Return the paths of all values of a tree."""
    if isinstance(value, dict) and value:
        return [leaf for key, each in value.items() for leaf in leaves(each, f"{path}.{key}".removeprefix("."))]
    if isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        return [leaf for index, each in enumerate(value) for leaf in leaves(each, f"{path}[{index}]")]
    return [path]
