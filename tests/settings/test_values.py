"""Kinds of values, and what is said of a wrong one."""

from sellia.errors import SettingsError
from tests.settings.cases import SettingsCase


class ValueTests(SettingsCase):
    def test_wrong_value_is_repeated(self) -> None:
        error = self.bad({"port": "x\x1b" * 50})
        self.assertTrue(error.line.startswith("--port: must be a valid integer, not x\\x1bx\\x1b"), error.line)
        self.assertLess(len(error.line), 100)
        self.assertEqual(error.hint, "A port.")
        self.assertEqual(str(error), f"{error.line}\nHint: A port.")
        self.assertIsInstance(error, SettingsError)

    def test_port(self) -> None:
        for value in ("0", "65536", "-1", "8 0", "1.5", True):
            self.assertTrue(self.bad({"port": value}).line.startswith("--port: must be"), value)
        self.assertEqual(self.load({"port": "65535"}).port, 65535)

    def test_octets(self) -> None:
        for text, value in (("64 KiB", 65536), ("4MiB", 4 << 20), ("1 gib", 1 << 30), ("12", 12), ("3 B", 3)):
            self.assertEqual(self.load({"limit": text}).limit, value)
        for text in ("64 KB", "x", "1.5 MiB", "", "9" * 30, "0", "-1"):
            self.bad({"limit": text})

    def test_seconds(self) -> None:
        self.assertEqual(self.load({"pause": "0.5"}).pause, 0.5)
        for value in ("0", "-1", "inf", "nan", "soon", True):
            self.bad({"pause": value})

    def test_units_of_time(self) -> None:
        for text, value in (
            *(("30s", 30), ("2m", 120), ("1h30m", 5400), ("1d", 86400), ("500ms", 0.5), ("1.5s", 1.5), ("45", 45)),
            *(("1H 30M", 5400), ("1d2h3m4s5ms", 93784.005)),
        ):
            self.assertAlmostEqual(self.load({"pause": text}).pause, value)
        for text in ("", "0s", "1m1h", "1x", "s", "-1s", "1.5h", "1h30", "9" * 400, "9" * 20 + "s"):
            error = self.bad({"pause": text})
            self.assertTrue(error.line.startswith("--pause: must be"), error.line)

    def test_count(self) -> None:
        for value in ("0", "-1", "1.5", True):
            self.bad({"count": value})

    def test_flag_word(self) -> None:
        for text, value in (("true", True), ("1", True), ("no", False), ("off", False)):
            self.assertIs(self.load(environment={"T_QUICK": text}).quick, value)
        self.assertTrue(self.bad(environment={"T_QUICK": "maybe"}).line.startswith("T_QUICK: must be"))
