"""Where settings come from, and what is said about a wrong one."""

import os
import time
from typing import Any

from pydantic import SecretStr
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import SettingsError
from sellia.settings import (
    DEPTH_LIMIT,
    FILE_LIMIT,
    Count,
    Given,
    Port,
    Rank,
    Seconds,
    Secret,
    Settings,
    Size,
    check,
    gather,
    setting,
)


class Part(Settings):
    port: Port = setting(..., "A port.")
    key: Secret | None = setting(None, "A key.")


class Whole(Settings):
    port: Port = setting(80, "A port.", flag="PORT", variable="T_PORT")
    name: str = setting("nobody", "A name.")
    key: Secret | None = setting(None, "A key.", variable="T_KEY")
    quick: bool = setting(False, "true or false.", variable="T_QUICK")
    limit: Size = setting(1, "A size.")
    pause: Seconds = setting(1.0, "A time.")
    count: Count = setting(1, "A number.")
    parts: tuple[Part, ...] = setting((), "Parts.")


class SettingsCase(SynchronousTestCase):
    def load(self, flags: Any = None, environment: Any = None, text: str | bytes | None = None) -> Any:
        config = self.write(text) if text is not None else None
        given = gather(Whole, flags=flags or {}, environment=environment or {}, config=config)
        return check(Whole, given)

    def write(self, text: str | bytes) -> str:
        path = os.path.abspath(self.mktemp())
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path

    def bad(self, *arguments: Any, **named: Any) -> SettingsError:
        error = self.assertRaises(SettingsError, self.load, *arguments, **named)
        self.assertEqual(len(str(error).splitlines()), 2, "one line and a hint")
        self.assertTrue(error.hint)
        return error


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


class FileTests(SettingsCase):
    def test_empty(self) -> None:
        self.assertEqual(self.load(text="# nothing\n"), Whole())

    def test_null_is_not_given(self) -> None:
        self.assertEqual(self.load(text="port:\n").port, 80)

    def test_yaml_1_2(self) -> None:
        """`no` is a word and 010 is ten: neither is in YAML 1.1."""
        self.assertEqual(self.load(text="name: 'no'\nport: 010\n").port, 10)
        self.assertEqual(self.load(text="name: no\n").name, "no")

    def test_byte_order_mark(self) -> None:
        self.assertEqual(self.load(text="\ufeffport: 5\n").port, 5)

    def test_unknown_name(self) -> None:
        error = self.bad(text="name: x\nprot: 1\n")
        self.assertTrue(error.line.endswith(", line 2: prot is not a setting"), error.line)
        self.assertEqual(error.hint, "Did you mean port?")
        self.assertIn("port, name, key", self.bad(text="zzz: 1\n").hint)

    def test_place_of_a_nested_value(self) -> None:
        error = self.bad(text="parts:\n- port: 1\n- port: 2\n  key: 5\n")
        self.assertTrue(error.line.endswith(", line 4: parts[1].key: must be text"), error.line)
        error = self.bad(text="parts:\n- key: a\n")
        self.assertTrue(error.line.endswith(", line 2: parts[0]: port is missing"), error.line)
        error = self.bad(text="parts:\n- prot: 1\n  port: 1\n")
        self.assertEqual(error.hint, "Did you mean port?")

    def test_not_a_mapping(self) -> None:
        self.assertIn("is not a list of settings", self.bad(text="- a\n").line)

    def test_larger_than_a_file_of_settings(self) -> None:
        self.assertEqual(self.load(text="port: 5\n".ljust(FILE_LIMIT, "#")).port, 5)
        error = self.bad(text="#" * (FILE_LIMIT + 1))
        self.assertTrue(error.line.endswith(" is larger than 256 KiB"), error.line)

    def test_malformed(self) -> None:
        for text in ("a: [", "a: b: c", "\tx: 1", "a: *b", "a: !b c", "a: \x00", "%FOO", "a: 'b"):
            self.assertIn("is not valid YAML", self.bad(text=text).line)

    def test_aliases(self) -> None:
        """With them a few lines could be a document without end."""
        laughs = "\n".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))
        for text in ("a: &a [*a]\n", "port: &a 5\nname: *a\n", f"a0: &a0 [x]\n{laughs}\n"):
            self.assertIn("an alias refers to this", self.bad(text=text).line)

    def test_names_with_parts(self) -> None:
        for text in ("? [a]\n: b\n", "{a: b}: c\n", "a: &a [? *a]\n", "parts:\n  - ? {x: y}\n    : z\n"):
            error = self.bad(text=text)
            self.assertTrue(error.line.endswith(": a name has parts"), error.line)
        self.assertIn(", line 2: ", error.line)

    def test_deeper_than_anybody_means(self) -> None:
        for text in ("[" * 600, "a: " + "{b: " * 600, "- " * 600, "? " * 600, "[a: " * 600, "- [" * 600):
            self.assertTrue(self.bad(text=text).line.endswith(", line 1: nested too deeply"), text)
        error = self.bad(text="port: 1\nparts:\n- port: 2\n  key: " + "[" * 600)
        self.assertTrue(error.line.endswith(", line 4: nested too deeply"), error.line)

    def test_as_deep_as_may_be(self) -> None:
        """One level is the mapping of all settings."""
        for deep in ("port: " + "[" * (DEPTH_LIMIT - 1), "parts:\n  - port: " + "[" * (DEPTH_LIMIT - 3)):
            closed = deep + "]" * deep.count("[")
            self.assertIn("port: must be", self.bad(text=closed).line)
            self.assertIn("nested too deeply", self.bad(text=deep + "[").line)

    def test_a_hostile_file_is_refused_soon(self) -> None:
        """Nesting is found where it gets too deep, not when all of it has been read."""
        before = time.process_time()
        for text in ("[" * 5000, "port: " + "{a: " * 5000, "- " * 100_000, "? [" * 50_000, "[" * FILE_LIMIT):
            self.assertIn("nested too deeply", self.bad(text=text).line)
        self.assertLess(time.process_time() - before, 0.1)

    def test_no_code_runs(self) -> None:
        self.bad(text="name: !!python/object/apply:os.system ['exit 1']\n")

    def test_given_twice(self) -> None:
        error = self.bad(text="key: SECRET\nkey: SECRET\n")
        self.assertTrue(error.line.endswith("line 2: a key is given twice"), error.line)

    def test_missing_file(self) -> None:
        given = {"flags": {}, "environment": {}, "config": "/nowhere.yaml"}
        error = self.assertRaises(SettingsError, gather, **given)
        self.assertEqual(error.line, "--config: cannot read /nowhere.yaml: No such file or directory")


class SecretTests(SettingsCase):
    """The value of a secret is in no message, whatever is wrong with it or with what stands beside it."""

    def test_never_shown(self) -> None:
        for text in (
            "key: SECRET\nkey: SECRET\n",
            "key: *SECRET\n",
            "key: !SECRET x\n",
            "key: 'SECRET\n",
            "key: SECRET: x\n",
            "key: [SECRET]\n",
            "key: {SECRET: SECRET}\n",
            "key: SECRET\nport: x\n",
            'key: "SECRET\\n"\n',
            "parts:\n- key: [SECRET]\n  port: 1\n",
            "key: SECRET\n\tx",
        ):
            error = self.bad(text=text)
            self.assertNotIn("SECRET", f"{error!s} {error!r}", text)
        error = self.bad(environment={"T_KEY": "SECRET\x07"})
        self.assertEqual(error.line, "T_KEY: contains a line break or another control character")
        self.assertNotIn("SECRET", self.bad({"key": "SECRET" * 1000}).line)

    def test_not_in_representations(self) -> None:
        loaded = self.load({"key": "SECRET"})
        self.assertNotIn("SECRET", repr(loaded))
        given = gather(Whole, flags={"key": "SECRET"}, environment={}, config=None)
        self.assertNotIn("SECRET", repr(given))

    def test_number_needs_quotes(self) -> None:
        self.assertTrue(self.bad(text="key: 12345\n").hint.startswith("Put the value into quotes."))

    def test_empty(self) -> None:
        self.assertEqual(self.bad({"key": ""}).line, "--key: is empty")


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

    def test_count(self) -> None:
        for value in ("0", "-1", "1.5", True):
            self.bad({"count": value})

    def test_flag_word(self) -> None:
        for text, value in (("true", True), ("1", True), ("no", False), ("off", False)):
            self.assertIs(self.load(environment={"T_QUICK": text}).quick, value)
        self.assertTrue(self.bad(environment={"T_QUICK": "maybe"}).line.startswith("T_QUICK: must be"))


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
        given = gather(model, flags={}, environment=environment, config=config)
        return check(model, given).cautions

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


class MisspeltTests(SynchronousTestCase):
    def test_what_is_missing_is_misspelt(self) -> None:
        class Needs(Settings):
            server: str = setting(..., "A server.")

        for given in ({"sevrer": Given("x", "line 1: sevrer", Rank.FILE)},):
            error = self.assertRaises(SettingsError, check, Needs, given)
            self.assertIn("sevrer is not a setting", error.line)
            self.assertEqual(error.hint, "Did you mean server?")


class OldNameTests(SynchronousTestCase):
    def test_still_works(self) -> None:
        import sellia.settings

        self.assertIs(sellia.settings.BadSetting, SettingsError)
        [warning] = self.flushWarnings([self.test_still_works])
        self.assertEqual(warning["category"], DeprecationWarning)
        self.assertIn("sellia.errors.SettingsError", warning["message"])
        self.assertFalse(hasattr(sellia.settings, "WorseSetting"))
