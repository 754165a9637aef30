"""Sources of settings: flags beat the environment, which beats the file."""

from pydantic import SecretStr

from sellia.settings import (
    FILE_LIMIT,
    Rank,
    gather,
)
from tests.settings.cases import SettingsCase, Whole


class OrderTests(SettingsCase):
    def test_defaults(self) -> None:
        self.assertEqual(self.load(), Whole())

    def test_flags_beat_environment_beats_file(self) -> None:
        file, environment, flags = "port: 1\n", {"T_PORT": "2"}, {"port": "3"}
        self.assertEqual(self.load(text=file).port, 1)
        self.assertEqual(self.load(text=file, environment=environment).port, 2)
        self.assertEqual(self.load(flags, environment, file).port, 3)

    def test_flag_not_given(self) -> None:
        self.assertEqual(self.load({"port": None}, {"T_PORT": "2"}).port, 2)

    def test_each_source_counts_for_itself(self) -> None:
        loaded = self.load({"port": "3"}, {"T_QUICK": "yes"}, "name: somebody\n")
        self.assertEqual((loaded.port, loaded.quick, loaded.name), (3, True, "somebody"))

    def test_ranks(self) -> None:
        given = gather(Whole, flags={"port": "1"}, environment={"T_QUICK": "1"}, config=self.write("name: x\n"))
        ranks = {name: each.rank for name, each in given.items()}
        self.assertEqual(ranks, {"port": Rank.FLAG, "quick": Rank.ENVIRONMENT, "name": Rank.FILE})

    def test_result_is_frozen(self) -> None:
        with self.assertRaises(ValueError):
            self.load().port = 3


class EnvironmentTests(SettingsCase):
    def test_empty_is_not_given(self) -> None:
        self.assertEqual(self.load(environment={"T_PORT": "", "T_KEY_FILE": ""}), Whole())

    def test_file_twin(self) -> None:
        """The line break that every editor adds is no part of the value; other blanks are."""
        loaded = self.load(environment={"T_KEY_FILE": self.write("a secret \r\n"), "T_PORT_FILE": self.write("81")})
        self.assertEqual(loaded.key.get_secret_value(), "a secret ")
        self.assertEqual(loaded.port, 81)

    def test_both_twins(self) -> None:
        error = self.bad(environment={"T_KEY": "SECRET", "T_KEY_FILE": "/x"})
        self.assertEqual(error.line, "T_KEY and T_KEY_FILE are both set")

    def test_unreadable(self) -> None:
        error = self.bad(environment={"T_KEY_FILE": "/nowhere/at\x1ball"})
        self.assertEqual(error.line, "T_KEY_FILE: cannot read /nowhere/at\\x1ball: No such file or directory")

    def test_not_a_path(self) -> None:
        self.assertIn("cannot read", self.bad(environment={"T_KEY_FILE": "a\0b"}).line)

    def test_unreadable_but_moot(self) -> None:
        self.assertEqual(self.load({"key": "k"}, {"T_KEY_FILE": "/nowhere"}).key, SecretStr("k"))

    def test_empty_file(self) -> None:
        self.assertIn("is empty", self.bad(environment={"T_KEY_FILE": self.write("\n")}).line)

    def test_not_text(self) -> None:
        self.assertIn("is not text in UTF-8", self.bad(environment={"T_KEY_FILE": self.write(b"\xff\xfe")}).line)

    def test_huge_file_is_not_read(self) -> None:
        self.assertIn("larger", self.bad(environment={"T_KEY_FILE": self.write(b"a" * (FILE_LIMIT + 1))}).line)
