"""Files with secrets; ``tests.test_settings`` asks the file system."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.settings.exposure import exposed_files
from sellia.settings.given import Given, Rank


class ExposureTests(SynchronousTestCase):
    def exposed(self, value: object, secrets: dict[str, frozenset[str]], path: str = __file__) -> int:
        given = {"it": Given(value, "place", Rank.FILE, path=path)}
        return len(list(exposed_files(given, secrets)))

    def test_only_what_is_secret(self) -> None:
        self.assertEqual(self.exposed("x", {}), 0)
        self.assertEqual(self.exposed([{"plain": "x"}], {"it": frozenset({"key"})}), 0)
        self.assertEqual(self.exposed([{"key": ""}, 5], {"it": frozenset({"key"})}), 0)

    def test_only_what_is_read_from_a_file(self) -> None:
        self.assertEqual(self.exposed("x", {"it": frozenset()}, path=""), 0)
        self.assertEqual(self.exposed("x", {"it": frozenset()}, path="/run/secrets/key"), 0)
        self.assertEqual(self.exposed("x", {"it": frozenset()}, path="/nowhere"), 0)
