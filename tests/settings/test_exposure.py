"""Files with secrets that every user can read."""

import os

from twisted.trial.unittest import SynchronousTestCase

from sellia.settings import (
    Given,
    Origin,
    Rank,
    Secret,
    Settings,
    check,
    gather,
    setting,
)
from sellia.settings.exposure import exposed_files


def given(value: object, origin: Origin) -> Given:
    """A value with all of its parts."""
    if isinstance(value, list):
        return Given.of([given(each, origin) for each in value], origin)
    if isinstance(value, dict):
        return Given.of({name: given(each, origin) for name, each in value.items()}, origin)
    return Given(value, origin)


class ExposureTests(SynchronousTestCase):
    def exposed(self, value: object, secrets: dict[str, frozenset[str]], path: str = __file__) -> int:
        return len(list(exposed_files({"it": given(value, Origin(Rank.FILE, "it", path))}, secrets)))

    def test_only_what_is_secret(self) -> None:
        self.assertEqual(self.exposed("x", {}), 0)
        self.assertEqual(self.exposed([{"plain": "x"}], {"it": frozenset({"key"})}), 0)
        self.assertEqual(self.exposed([{"key": ""}, 5], {"it": frozenset({"key"})}), 0)

    def test_only_what_is_read_from_a_file(self) -> None:
        self.assertEqual(self.exposed("x", {"it": frozenset()}, path=""), 0)
        self.assertEqual(self.exposed("x", {"it": frozenset()}, path="/run/secrets/key"), 0)
        self.assertEqual(self.exposed("x", {"it": frozenset()}, path="/nowhere"), 0)


class Secretive(Settings):
    key: Secret | None = setting(None, "A key.", variable="KEY")
    plain: str = setting("", "No secret.")


class Several(Settings):
    items: tuple[Secretive, ...] = setting((), "Some.")


class CautionTests(SynchronousTestCase):
    """Files with secrets that others can read; whose directory is closed to others, cannot be."""

    def setUp(self) -> None:
        self.directory = os.path.abspath(self.mktemp())
        os.mkdir(self.directory)
        self.path = os.path.join(self.directory, "file")

    def cautions(self, text: str, mode: int, model: type[Settings] = Secretive, **environment: str) -> tuple[str, ...]:
        with open(self.path, "w") as file:
            file.write(text)
        os.chmod(self.path, mode)
        config = None if environment else self.path
        found = gather(model, flags={}, environment=environment, config=config)
        return check(model, found).cautions

    def open_up(self) -> None:
        """Let everybody reach the directory; where that is impossible the machine is closed to others as it is."""
        where = self.directory
        while where != os.path.dirname(where):
            if not os.stat(where).st_mode & 0o001:
                os.chmod(where, os.stat(where).st_mode | 0o001)
                self.addCleanup(os.chmod, where, os.stat(where).st_mode & ~0o001)
            where = os.path.dirname(where)

    def test_readable(self) -> None:
        self.open_up()
        [caution] = self.cautions("key: SECRET\n", 0o644)
        self.assertEqual(
            caution,
            f"{self.path} holds a secret, and every user of this machine can read it: "
            f"`chmod o-r {self.path}` ends that.",
        )
        self.assertEqual(len(self.cautions("items: [{key: SECRET}]\n", 0o604, Several)), 1)
        self.assertEqual(len(self.cautions("SECRET\n", 0o644, KEY_FILE=self.path)), 1)

    def test_nothing_to_say(self) -> None:
        self.open_up()
        self.assertEqual(self.cautions("key: SECRET\n", 0o640), ())
        self.assertEqual(self.cautions("plain: text\n", 0o644), ())
        self.assertEqual(self.cautions("items: [{plain: text}]\n", 0o644, Several), ())
        self.assertEqual(self.cautions("plain: text\n", 0o644, KEY="SECRET"), ())
        self.assertEqual(Secretive(key="x").cautions, ())

    def test_out_of_reach(self) -> None:
        self.open_up()
        os.chmod(self.directory, 0o700)
        self.assertEqual(self.cautions("key: SECRET\n", 0o644), ())
