"""Users of a tunnel: what is known at once, what has to be computed, and what nobody may write."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol.messages import TunnelOptions
from sellia.relay.passwords import USERS, PasswordHash, Users, checked_user, hash_password, without_secrets

SALT = b"0123456789abcdef"
#: Made with N = 16, so that no test waits.
QUICK = "$scrypt$ln=4,r=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$"


def quick(password: bytes) -> str:
    from base64 import b64encode
    from hashlib import scrypt

    return QUICK + b64encode(scrypt(password, salt=SALT, n=16, r=1, p=1, dklen=32)).decode().rstrip("=")


class HashTests(SynchronousTestCase):
    def test_there_and_back(self) -> None:
        text = hash_password("hunter2é")
        self.assertRegex(text, r"^\$scrypt\$ln=14,r=8,p=1\$[^$=]{22}\$[^$=]{43}$")
        self.assertTrue(PasswordHash(text).matches("hunter2é".encode()))
        self.assertFalse(PasswordHash(text).matches(b"hunter2"))
        self.assertNotEqual(text, hash_password("hunter2é"))

    def test_passlibs(self) -> None:
        """A line that another program has made: the example of its documents, with fewer rounds."""
        known = "$scrypt$ln=8,r=8,p=1$WKs1xljLudd6z9kb4zzn3A$6ILoqIwxaZ2bGFVY3RE8NOO/9frMsoTjvH5oyH0BSfI"
        self.assertFalse(PasswordHash(known).matches(b"not it"))

    def test_what_is_none(self) -> None:
        right = quick(b"x")
        for text in (
            *("", "secret", "$2y$10$abcdefghijklmnopqrstuv", "{SHA}x", right + "$", right[:-40], right + "\n"),
            right.replace("ln=4", "ln=x"),
            right.replace("ln=4", "ln=0"),
            right.replace("r=1", "r=0"),
            right.replace("MDEy", "!!!!"),
            right.replace("MDEyMzQ1Njc4OWFiY2RlZg", "MDEyMzQ"),
        ):
            error = self.assertRaises(ValueError, PasswordHash, text)
            self.assertIn("not a hash", str(error))
        self.assertEqual(repr(PasswordHash(right)), "<PasswordHash>")

    def test_what_would_take_too_much(self) -> None:
        right = quick(b"x")
        for parameters, passes in (
            ("ln=15,r=8,p=1", True),
            ("ln=16,r=8,p=1", False),
            ("ln=31,r=1,p=1", False),
            ("ln=15,r=8,p=2", False),
            ("ln=14,r=1,p=16", True),
            ("ln=14,r=1,p=17", False),
            ("ln=1,r=99,p=99", True),
        ):
            text = right.replace("ln=4,r=1,p=1", parameters)
            if passes:
                PasswordHash(text)
            else:
                self.assertIn("more memory or time", str(self.assertRaises(ValueError, PasswordHash, text)))


class UsersTests(SynchronousTestCase):
    def test_passwords_are_known_at_once(self) -> None:
        users = Users(["ann:a", "bob:b:c"], [])
        for credentials, right in ((b"ann:a", True), (b"bob:b:c", True), (b"ann:b:c", False), (b"eve:a", False)):
            self.assertIs(users.matches(credentials), right)

    def test_hashes_are_computed_once(self) -> None:
        users = Users(["ann:a"], [f"bob:{quick(b'b')}"])
        self.assertIs(users.matches(b"ann:x"), False)
        self.assertIsNone(users.matches(b"bob:b"))
        self.assertTrue(users.verify(b"bob:b"))
        self.assertIsNone(users.matches(b"bob:b"), "nothing is learnt by computing")
        users.learn(b"bob:b")
        self.assertIs(users.matches(b"bob:b"), True)
        self.assertIsNone(users.matches(b"bob:x"), "a wrong one takes as long as before")

    def test_nobody_learns_who_is_there(self) -> None:
        users = Users([], [f"bob:{quick(b'b')}"])
        self.assertIsNone(users.matches(b"eve:b"))
        self.assertFalse(users.verify(b"eve:b"))
        users.learn(b"eve:b")
        self.assertIsNone(users.matches(b"eve:b"))

    def test_what_is_refused(self) -> None:
        hashed = quick(b"b")
        for passwords, digests, said in (
            (["ann"], [], "USER:PASSWORD"),
            ([], ["ann"], "not a hash"),
            ([], [f":{hashed}"], "is not a user's name"),
            (["ann:a", "ann:b"], [], "two passwords"),
            (["ann:a"], [f"ann:{hashed}"], "two passwords"),
            ([], [f"ann:{hashed}"] * 2, "two passwords"),
            ([f"u{number}:p" for number in range(USERS + 1)], [], f"{USERS} users at most"),
        ):
            error = self.assertRaises(ValueError, Users, passwords, digests)
            self.assertIn(said, str(error))
            self.assertNotIn("ann", str(error))
        Users([f"u{number}:p" for number in range(USERS)], [])

    def test_equal(self) -> None:
        hashed = quick(b"b")
        self.assertEqual(Users(["a:a"], [f"b:{hashed}"]), Users(["a:a"], [f"b:{hashed}"]))
        self.assertEqual(len({Users(["a:a"], []), Users(["a:a"], [])}), 1)
        for others in (Users(["a:b"], [f"b:{hashed}"]), Users(["a:a"], [f"b:{quick(b'c')}"]), Users(["a:a"], [])):
            self.assertNotEqual(Users(["a:a"], [f"b:{hashed}"]), others)
        self.assertEqual(repr(Users(["a:a"], [f"b:{hashed}"])), "<Users 2>")

    def test_names(self) -> None:
        self.assertEqual(checked_user("jürgen@example.com"), "jürgen@example.com")
        for name in ("", "a:b", "a\n", "x" * 256):
            self.assertRaises(ValueError, checked_user, name)

    def test_options_without_secrets(self) -> None:
        options = TunnelOptions(passwords=["a:b"], digests=["c:d"], max_body=1)
        self.assertEqual(without_secrets(options), TunnelOptions(max_body=1))
