"""The store of keys: whose they are, for which server, and who may have put them there."""

import os
import stat
from pathlib import Path

import keyring
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyring.compat import properties
from twisted.trial.unittest import SynchronousTestCase

from sellia.credentials import KEY_LIMIT, Credentials, Keyring, credentials, origin_of, prefix_of, session_keyring
from sellia.errors import SettingsError

SERVER = "https://example.com"
KEY = "k" * 40


class MemoryKeyring:
    """A keyring; ``locked`` raises whatever is asked of it."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], str] = {}
        self.locked = False

    def _check(self) -> None:
        if self.locked:
            raise RuntimeError(f"locked, with {self.found}")

    def get_password(self, service: str, username: str) -> str | None:
        self._check()
        return self.found.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._check()
        self.found[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._check()
        del self.found[service, username]


class OriginTests(SynchronousTestCase):
    def test_one_spelling(self) -> None:
        for url, origin in (
            ("https://Example.COM", "https://example.com"),
            ("https://example.com:443/", "https://example.com"),
            ("wss://example.com./ws", "https://example.com"),
            ("http://localhost:3000/tunnel", "http://localhost:3000"),
            ("ws://[0:0::1]:80", "http://[::1]"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
        ):
            self.assertEqual(origin_of(url), origin)

    def test_what_has_none(self) -> None:
        for url in (
            "example.com",
            "ftp://x",
            "https://",
            "https://u:p@x",
            "https://x:99999",
            "http://[::1",
            "a\0b",
            "",
        ):
            self.assertRaises(ValueError, origin_of, url)


class PrefixTests(SynchronousTestCase):
    def test_enough_to_recognise(self) -> None:
        self.assertEqual(prefix_of("f3a9" + "0" * 44), "f3a9…")
        self.assertEqual(prefix_of("sl_live_abcd" + "0" * 40), "sl_live_abcd…")

    def test_nothing_of_a_short_one(self) -> None:
        for key in ("secret", "f3a9", "sl_live_short", "x" * 15):
            self.assertNotIn(key[-4:], prefix_of(key))
        self.assertEqual(prefix_of("hunter2"), "…")

    def test_controls(self) -> None:
        self.assertNotIn("\x1b", prefix_of("\x1b[31m" + "0" * 44))


class StoreCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = Path(self.mktemp()).absolute()
        self.store = Credentials(str(self.home / "sellia" / "keys"))

    @property
    def file(self) -> Path:
        (found,) = Path(self.store.directory).iterdir()
        return found

    def refused(self, what: str) -> None:
        """The key is not given out, the sentence says why and what to do, and does not quote it."""
        for ask in (self.store.find, self.store.knows) if "may write there" in what else (self.store.find,):
            error = self.assertRaises(SettingsError, ask, SERVER)
            self.assertIn(what, error.line)
            self.assertTrue(error.hint)
            self.assertNotIn(KEY, str(error))


class StoreTests(StoreCase):
    def test_nothing_at_first(self) -> None:
        self.assertEqual((self.store.find(SERVER), self.store.knows(SERVER), self.store.servers()), (None, False, []))
        self.assertFalse(self.store.forget(SERVER))
        self.assertFalse(self.home.exists())

    def test_stored_and_forgotten(self) -> None:
        where = self.store.save("https://EXAMPLE.com:443/ws", KEY)
        self.assertEqual(where, str(self.file))
        self.assertEqual(self.store.place(SERVER), where)
        self.assertEqual((self.store.find(SERVER), self.store.knows(SERVER)), (KEY, True))
        self.store.save(SERVER, "another")
        self.assertEqual(self.store.find("wss://example.com"), "another")
        self.assertTrue(self.store.forget(SERVER))
        self.assertEqual((self.store.find(SERVER), self.store.servers(), self.store.place(SERVER)), (None, [], ""))

    def test_for_nobody_else_to_read(self) -> None:
        before = os.umask(0)
        try:
            self.store.save(SERVER, KEY)
        finally:
            os.umask(before)
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(self.store.directory).st_mode), 0o700)

    def test_the_file_has_the_key_alone(self) -> None:
        """So that other programs can be given it as it is."""
        self.store.save(SERVER, KEY)
        self.assertEqual(self.file.read_text(), KEY + "\n")

    def test_for_one_origin_only(self) -> None:
        """Not by the other scheme, on another port, or below another name."""
        self.store.save(SERVER, KEY)
        for other in (
            *("http://example.com", "ws://example.com", "https://example.com:8443", "http://example.com:443"),
            *("https://www.example.com", "https://example.com.evil.example", "https://example.com%2f.evil.example"),
            *("https://example.com@evil.example", "example.com", "https+example.com+443", "../keys/x", ""),
        ):
            self.assertEqual((self.store.find(other), self.store.knows(other)), (None, False), other)

    def test_names_stay_in_the_directory(self) -> None:
        for server in ("https://..", "https://a%2f..%2f..%2fb", "http://[::1]:3000", "http://[fe80::1%25eth0]"):
            try:
                self.store.save(server, KEY)
            except ValueError:
                continue
            self.assertEqual(self.store.find(server), KEY)
        self.assertEqual([each.name for each in self.home.iterdir()], ["sellia"])
        self.assertEqual([each.name for each in (self.home / "sellia").iterdir()], ["keys"])

    def test_servers(self) -> None:
        for server in ("https://b.example", "http://[::1]:3000", "https://a.example:8443", "http://localhost:3000"):
            self.store.save(server, KEY)
        for stranger in (".tmp1", "README", "https+a.example+x", "ftp+a+21", "https+A.example+443"):
            Path(self.store.directory, stranger).write_text("")
        expected = ["http://[::1]:3000", "http://localhost:3000", "https://a.example:8443", "https://b.example"]
        self.assertEqual(self.store.servers(), expected)

    def test_where_it_is(self) -> None:
        self.assertEqual(credentials({"XDG_CONFIG_HOME": "/x"}).directory, "/x/sellia/keys")
        self.assertEqual(credentials({"XDG_CONFIG_HOME": "x", "HOME": "/h"}).directory, "/h/.config/sellia/keys")
        self.assertTrue(os.path.isabs(credentials({}).directory))

    def test_nowhere(self) -> None:
        store = Credentials("")
        self.assertEqual((store.find(SERVER), store.servers()), (None, []))
        self.assertIn("no home", self.assertRaises(SettingsError, store.save, SERVER, KEY).line)

    def test_a_write_that_fails_leaves_the_old_key(self) -> None:
        self.store.save(SERVER, KEY)
        self.assertRaises(UnicodeEncodeError, self.store.save, SERVER, "\ud800")
        self.assertEqual((self.store.find(SERVER), len(os.listdir(self.store.directory))), (KEY, 1))

    def test_in_the_way(self) -> None:
        self.home.mkdir()
        (self.home / "sellia").write_text("")
        self.assertIn("cannot make", self.assertRaises(SettingsError, self.store.save, SERVER, KEY).line)


class StrangersTests(StoreCase):
    """Who else is on the machine."""

    def setUp(self) -> None:
        super().setUp()
        self.store.save(SERVER, KEY)

    def test_others_may_read_the_file(self) -> None:
        for mode in (0o640, 0o604, 0o644, 0o620, 0o601):
            self.file.chmod(mode)
            self.refused("other users of this machine may read or write it")
        self.file.chmod(0o400)
        self.assertEqual(self.store.find(SERVER), KEY)

    def test_others_may_put_files_there(self) -> None:
        """They could give the key of one server the name of another's."""
        for mode in (0o770, 0o707, 0o1777):
            os.chmod(self.store.directory, mode)
            self.refused("other users of this machine may write there")
            self.assertRaises(SettingsError, self.store.save, SERVER, KEY)
            self.assertRaises(SettingsError, self.store.forget, SERVER)
            self.assertRaises(SettingsError, self.store.servers)
        os.chmod(self.store.directory, 0o755)
        self.assertEqual(self.store.find(SERVER), KEY)

    def test_somebody_elses_file(self) -> None:
        if os.geteuid():
            return
        os.chown(self.file, 12345, -1)
        self.refused("belongs to another user")
        os.chown(self.file, 0, -1)
        os.chown(self.store.directory, 12345, -1)
        self.refused("belongs to another user")

    def test_links_and_pipes(self) -> None:
        file, elsewhere = self.file, self.home / "elsewhere"
        file.rename(elsewhere)
        file.symlink_to(elsewhere)
        self.refused("symbolic link")
        file.unlink()
        os.mkfifo(file, 0o600)
        self.refused("is not a file with a key")  # and nobody waits for who writes to it
        file.unlink()
        file.mkdir(0o700)
        self.refused("is not a file with a key")

    def test_no_key_in_it(self) -> None:
        for text in (b"", b"\n", b"a\nb\n", b"\x1b[31m", b"\xff" * 8, b"k" * (KEY_LIMIT + 1), b"k" * 100_000):
            self.file.write_bytes(text)
            self.refused("does not hold a key")
        self.file.write_bytes(b"k" * KEY_LIMIT + b"\r\n")
        self.assertEqual(self.store.find(SERVER), "k" * KEY_LIMIT)


class KeyringTests(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        self.keyring = MemoryKeyring()
        self.present = True
        self.store = Credentials(self.store.directory, self.find_keyring)

    def find_keyring(self) -> Keyring | None:
        return self.keyring if self.present else None

    def test_in_the_keyring(self) -> None:
        self.assertEqual(self.store.save(SERVER, KEY), "the keyring of this session")
        self.assertEqual(self.keyring.found, {("sellia", SERVER): KEY})
        self.assertEqual(self.file.read_text(), "")
        self.assertEqual((self.store.find(SERVER), self.store.servers()), (KEY, [SERVER]))
        self.assertEqual(self.store.place(SERVER), "the keyring of this session")
        self.assertTrue(self.store.forget(SERVER))
        self.assertEqual((self.keyring.found, self.store.find(SERVER)), ({}, None))

    def test_it_replaces_the_file(self) -> None:
        self.present = False
        self.store.save(SERVER, "old")
        self.present = True
        self.store.save(SERVER, KEY)
        self.assertEqual((self.file.read_text(), self.store.find(SERVER)), ("", KEY))
        self.keyring.locked = True
        self.store.save(SERVER, "new")
        self.assertEqual((self.file.read_text(), self.store.find(SERVER)), ("new\n", "new"))

    def test_locked_or_away(self) -> None:
        self.store.save(SERVER, KEY)
        self.keyring.locked = True
        self.refused("is in the keyring, which does not give it out")
        self.keyring.locked, self.present = False, False
        self.refused("is in the keyring, which does not give it out")
        self.assertTrue(self.store.forget(SERVER))


class Desktop(KeyringBackend):
    """A keyring as a desktop has one."""

    priority: float = 5

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class SystemKeyringTests(SynchronousTestCase):
    """What the package ``keyring`` finds."""

    def use(self, backend: KeyringBackend) -> Keyring | None:
        before = keyring.get_keyring()
        keyring.set_keyring(backend)
        self.addCleanup(keyring.set_keyring, before)
        return session_keyring()

    def test_none_that_keeps_anything(self) -> None:
        """As without a desktop, or where somebody has turned it off."""
        for backend in (fail.Keyring(), null.Keyring()):
            self.assertIsNone(self.use(backend))

    def test_one_that_cannot_work_here(self) -> None:
        class Broken(Desktop):
            @properties.classproperty
            def priority(cls) -> float:
                raise RuntimeError("no D-Bus")

        self.assertIsNone(self.use(Broken()))

    def test_one(self) -> None:
        backend = Desktop()
        self.assertIs(self.use(backend), backend)
        store = credentials({"XDG_CONFIG_HOME": os.path.abspath(self.mktemp())})
        self.assertEqual(store.save(SERVER, KEY), "the keyring of this session")
        self.assertEqual((store.find(SERVER), backend.kept), (KEY, {("sellia", SERVER): KEY}))
        self.assertTrue(store.forget(SERVER))
        self.assertEqual(backend.kept, {})
