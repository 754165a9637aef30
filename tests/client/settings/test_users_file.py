"""A file of users: its lines, what is wrong with them, and what a settings file says of it."""

from pathlib import Path

from pydantic import ValidationError
from twisted.trial.unittest import TestCase

from sellia.client.changes import differ
from sellia.client.settings import TunnelSettings
from sellia.client.settings.users_file import FILE_LIMIT, read_users
from sellia.relay.passwords import USERS
from tests.relay.test_passwords import quick

HASH = quick(b"b")


class UsersFileTests(TestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def fault(self, text: str | bytes) -> str:
        self.path.write_bytes(text.encode() if isinstance(text, str) else text)
        return str(self.assertRaises(ValueError, read_users, str(self.path)))

    def test_lines(self) -> None:
        self.path.write_text(f"# users\n\nann:{HASH}\r\n  bob:{HASH}  \n")
        self.assertEqual(read_users(str(self.path)).lines, (f"ann:{HASH}", f"bob:{HASH}"))

    def test_faults(self) -> None:
        for text, said in (
            ("", "has no user in it"),
            ("# none\n", "has no user in it"),
            ("\nhush\n", ":2 is not USER:HASH"),
            (f"ann:{HASH}\nann:{HASH}\n", ":2 has a user who is there twice"),
            ("ann:hush", ":1 is not a hash of the kind $scrypt$"),
            ("ann:$2y$10$hush", "sellia auth hash"),
            (f":{HASH}", ":1 is not a user's name"),
            (b"\xff\xfe", "is not text in UTF-8"),
            ("#" * (FILE_LIMIT + 1), "is larger than 64 KiB"),
            ("".join(f"u{number}:{HASH}\n" for number in range(USERS + 1)), f"more than {USERS} users"),
        ):
            fault = self.fault(text)
            self.assertIn(said, fault)
            self.assertIn(str(self.path), fault)
            self.assertNotIn("hush", fault)
        self.assertIn("No such file", str(self.assertRaises(ValueError, read_users, "/none/such")))

    def test_in_settings(self) -> None:
        self.path.write_text(f"bob:{HASH}\n")
        tunnel = TunnelSettings(target=80, auth=["ann:a", "cy:c"], auth_file=str(self.path))
        options = tunnel.options
        self.assertEqual((tunnel.logins, options.passwords), (("ann:a", "cy:c"), ["cy:c"]))
        self.assertEqual(options.digests, [f"bob:{HASH}"])
        error = self.assertRaises(ValidationError, TunnelSettings, target=80, auth="bob:b", auth_file=str(self.path))
        self.assertIn("a user has two passwords", str(error))

    def test_other_lines_are_a_change(self) -> None:
        self.path.write_text(f"bob:{HASH}\n")
        before, same = (TunnelSettings(target=80, auth_file=str(self.path)) for _ in range(2))
        self.assertFalse(differ(before, same))
        self.path.write_text(f"bob:{quick(b'c')}\n")
        self.assertTrue(differ(before, TunnelSettings(target=80, auth_file=str(self.path))))

    def test_lists_of_auth(self) -> None:
        self.assertEqual(TunnelSettings(target=80, auth=["ann:a"]).logins, ("ann:a",))
        self.assertEqual(TunnelSettings(target=80).logins, ())
        for value, said in (
            ([], "has no user in it"),
            (["ann"], "USER:PASSWORD"),
            (["ann:hush\nbob:b"], "control character"),
            (["ann:hush", "ann:hush"], "two passwords"),
            ([5], "must be text"),
            (["ann:a", None], "must be text"),
            (5, "must be text"),
        ):
            error = str(self.assertRaises(ValidationError, TunnelSettings, target=80, auth=value))
            self.assertIn(said, error)
            self.assertNotIn("hush", error)
        self.assertNotIn("hush", repr(TunnelSettings(target=80, auth=["ann:hush", "bob:hush"])))
