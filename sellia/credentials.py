"""Credential store: the API keys that ``sellia auth login`` has checked, one for each server.

Need
    A key is given once, and found by whatever opens a tunnel to that server later, without ever standing in a shell's
    history, in the arguments of a process or in a settings file.

Invariants
    * A key belongs to an origin (scheme, host, port), and is found for that one only: what was stored for ``https:`` is
      never sent over ``http:``.
    * A file that another user could have read or put there is refused with a sentence, and never used.
    * A file is replaced as a whole: a process that dies while it writes leaves the old key or the new one.
    * No message has a key in it.

Where
    ``$XDG_CONFIG_HOME/sellia/keys/``, or ``~/.config/sellia/keys/``: a file for each server, with the key and nothing
    else in it, so it can also be given to ``SELLIA_API_KEY_FILE`` and to systemd's ``LoadCredential=``.  Where the
    extra ``sellia[keyring]`` is installed and the session has a keyring, the key is in the keyring, and the file is
    empty and its name ends in ``.keyring``.

Bounds
    Keys of ``KEY_LIMIT`` characters, and ``SERVERS_LIMIT`` servers that are listed.

Designs not chosen
    *One file for all servers*: two logins at once would have to lock it.  *Encryption with a key that lies beside it*:
    keeps out nobody whom the file's mode does not.
"""

import errno
import os
import stat
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, Final, Protocol
from urllib.parse import quote, unquote, urlsplit

from sellia.directories import user_directory
from sellia.errors import SettingsError
from sellia.text import printable

#: Characters of a key, as settings have it.
KEY_LIMIT: Final = 4096

#: Servers that are listed.
SERVERS_LIMIT: Final = 1000

#: End of the name of a file whose key is in the keyring.
_IN_KEYRING: Final = ".keyring"

#: Name under which keyrings show the keys.
_SERVICE: Final = "sellia"

_PORTS: Final = {"http": 80, "https": 443}

#: Characters that are shown of a key, and the length below which that would be too large a part of it.
_SHOWN: Final = 4
_LONG_ENOUGH: Final = 16

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Keyring(Protocol):
    """A keyring, as the package of that name has it."""

    def get_password(self, service: str, username: str) -> str | None:
        """Return what was stored under these names, or None."""

    def set_password(self, service: str, username: str, password: str) -> None:
        """Store a secret under these names."""

    def delete_password(self, service: str, username: str) -> None:
        """Delete what was stored under these names."""


def origin_of(server: str) -> str:
    """Return the origin of a server's URL, such as ``https://example.com``.  Raises ValueError for what has none."""
    url = urlsplit(server)
    scheme = {"ws": "http", "wss": "https"}.get(url.scheme, url.scheme)
    if scheme not in _PORTS or url.username is not None or url.password is not None:
        raise ValueError("not the URL of a server")
    host = (url.hostname or "").removesuffix(".")
    try:
        address = ip_address(host)
        host = f"[{address}]" if address.version == 6 else str(address)
    except ValueError:
        host = host.encode("idna").decode("ascii").lower()
    if not host:
        raise ValueError("not the URL of a server")
    port = url.port
    return f"{scheme}://{host}" if port in (None, _PORTS[scheme]) else f"{scheme}://{host}:{port}"


#: What is shown of a key that is too short to show anything of.
PREFIX_OF_SHORT: Final = "…"


def prefix_of(key: str) -> str:
    """Return the beginning of a key, by which its owner recognises it; nothing of a short one.

    Keys that a server has made say what they are for first, as in ``sl_live_``, and that is shown as well.
    """
    kind = key[: key.rfind("_", 0, 12) + 1] if key.startswith("sl_") else ""
    secret = key[len(kind) :]
    return printable(kind + secret[:_SHOWN]) + "…" if len(secret) >= _LONG_ENOUGH else PREFIX_OF_SHORT


def credentials(environment: Mapping[str, str], keyring: Callable[[], Keyring | None] | None = None) -> "Credentials":
    """Return the store of the user whose environment this is."""
    own = user_directory(environment)
    return Credentials(os.path.join(own, "keys") if own else "", keyring or session_keyring)


def session_keyring() -> Keyring | None:
    """Return the keyring of this session, if there is one and the extra is installed."""
    try:
        import keyring
    except ImportError:
        return None
    backend: Any = keyring.get_keyring()
    try:
        return backend if backend.priority >= 1 else None
    except Exception:  # of a backend that cannot work here, which says so in its own way
        return None


class Credentials:
    """The store in ``directory``, which is made when it is needed; nothing is ever found in an empty one's name.

    ``keyring`` is asked where a key is stored, and where one is to be read that is in it.
    """

    def __init__(self, directory: str, keyring: Callable[[], Keyring | None] = lambda: None) -> None:
        self.directory = directory
        self._keyring = keyring

    def find(self, server: str) -> str | None:
        """Return the key that is stored for a server, or None.  Raises SettingsError for one that cannot be used."""
        name = _name_of(server)
        if name is None or not self._is_there():
            return None
        key = self._read(name)
        if key is None and os.path.lexists(self._path(name + _IN_KEYRING)):
            return self._ask_keyring(server)
        return key

    def knows(self, server: str) -> bool:
        """Return whether a key is stored for a server, without reading it.  Raises SettingsError as `find` does."""
        name = _name_of(server)
        return name is not None and self._is_there() and self._kind_of(name) is not None

    def servers(self) -> list[str]:
        """Return the origins of the servers for which a key is stored, in alphabetical order."""
        if not self._is_there():
            return []
        found = {_origin_of_name(name.removesuffix(_IN_KEYRING)) for name in os.listdir(self.directory)}
        return sorted(each for each in found if each)[:SERVERS_LIMIT]

    def save(self, server: str, key: str) -> str:
        """Store a key for a server; return where it is, for people.  Raises SettingsError if it cannot be."""
        origin, name = origin_of(server), _name_of(server)
        assert name is not None
        self._make_directory()
        keyring = self._keyring()
        if keyring is not None:
            with suppress(Exception):  # a keyring that is locked, or of a session that has ended: then the file
                keyring.set_password(_SERVICE, origin, key)
                self._write(name + _IN_KEYRING, "")
                self._remove(name)
                return "the keyring of this session"
        self._write(name, key + "\n")
        self._remove(name + _IN_KEYRING)
        return self._path(name)

    def forget(self, server: str) -> bool:
        """Delete the key that is stored for a server; return whether there was one."""
        name = _name_of(server)
        if name is None or not self._is_there():
            return False
        keyring = self._keyring() if os.path.lexists(self._path(name + _IN_KEYRING)) else None
        if keyring is not None:
            with suppress(Exception):  # there is none in it any more, or it cannot be opened
                keyring.delete_password(_SERVICE, origin_of(server))
        in_file, in_keyring = self._remove(name), self._remove(name + _IN_KEYRING)
        return in_file or in_keyring

    def place(self, server: str) -> str:
        """Return where the key of a server is, for people; empty if there is none."""
        name = _name_of(server)
        kind = self._kind_of(name) if name is not None else None
        return {None: "", "file": self._path(name or ""), "keyring": "the keyring of this session"}[kind]

    # --- inside --------------------------------------------------------------------------------------------

    def _path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def _kind_of(self, name: str) -> str | None:
        if os.path.lexists(self._path(name)):
            return "file"
        return "keyring" if os.path.lexists(self._path(name + _IN_KEYRING)) else None

    def _is_there(self) -> bool:
        """Return whether there is a directory.  Raises SettingsError if others could have put files there."""
        try:
            found = os.stat(self.directory) if self.directory else None
        except OSError:
            return False
        if found is None or not stat.S_ISDIR(found.st_mode):
            return False
        _check_owner(self.directory, found)
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            shown = printable(self.directory)
            raise SettingsError(
                f"{shown} holds API keys, and other users of this machine may write there",
                f"`chmod 700 {shown}` ends that; then look whose keys are in it, and log in again.",
            )
        return True

    def _make_directory(self) -> None:
        if not self.directory:
            raise SettingsError(
                "there is no place for the key: this user has no home directory",
                "Set HOME or XDG_CONFIG_HOME, or give the key with SELLIA_API_KEY_FILE each time.",
            )
        try:
            os.makedirs(os.path.dirname(self.directory), exist_ok=True)
            with suppress(FileExistsError):  # of an earlier login
                os.mkdir(self.directory, 0o700)
        except OSError as error:
            raise _cannot("make", error.filename or self.directory, error) from None
        if not self._is_there():
            raise _cannot("make", self.directory, NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)))

    def _read(self, name: str) -> str | None:
        path = self._path(name)
        try:
            # A pipe would make us wait for whoever writes to it.
            number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _cannot("read", path, error) from None
        try:
            _check_file(path, os.fstat(number))
            data = os.read(number, 4 * KEY_LIMIT + 2)
        except OSError as error:
            raise _cannot("read", path, error) from None
        finally:
            os.close(number)
        return _key_in(data, path)

    def _ask_keyring(self, server: str) -> str:
        keyring, found = self._keyring(), None
        if keyring is not None:
            with suppress(Exception):  # locked, or of a session that has ended
                found = keyring.get_password(_SERVICE, origin_of(server))
        if found is None:
            raise SettingsError(
                f"the key for {printable(server)} is in the keyring, which does not give it out",
                "Unlock the keyring of this session, or log in again with `sellia auth login`.",
            )
        return found

    def _write(self, name: str, text: str) -> None:
        path = self._path(name)
        try:
            number, temporary = tempfile.mkstemp(prefix=".", dir=self.directory)  # of mode 0600
            try:
                with open(number, "w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, path)
            except BaseException:
                os.unlink(temporary)
                raise
        except OSError as error:
            raise _cannot("write", path, error) from None

    def _remove(self, name: str) -> bool:
        path = self._path(name)
        try:
            os.unlink(path)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _cannot("delete", path, error) from None
        return True


def _name_of(server: str) -> str | None:
    """Return the name of a server's file: scheme, host and port; None for what is no URL of a server."""
    try:
        url = urlsplit(origin_of(server))
        host, port = url.hostname or "", url.port or _PORTS[url.scheme]
    except ValueError:
        return None
    return f"{url.scheme}+{quote(host, safe='')}+{port}"


def _origin_of_name(name: str) -> str:
    """Return the origin that a file's name stands for, or an empty string."""
    scheme, _, rest = name.partition("+")
    host, _, port = rest.partition("+")
    host = unquote(host)
    try:
        origin = origin_of(f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}")
    except ValueError:
        return ""
    return origin if _name_of(origin) == name else ""


def _check_owner(path: str, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise SettingsError(
            f"{printable(path)} belongs to another user of this machine, and its keys are not used",
            "Run sellia as that user, or give the key with SELLIA_API_KEY_FILE.",
        )


def _check_file(path: str, found: os.stat_result) -> None:
    """Refuse a file that another user could have read or written.  Raises SettingsError."""
    shown = printable(path)
    if not stat.S_ISREG(found.st_mode):
        raise SettingsError(
            f"{shown} is not a file with a key", "Delete it, and log in again with `sellia auth login`."
        )
    _check_owner(path, found)
    if found.st_mode & _OTHERS:
        raise SettingsError(
            f"{shown} holds an API key, and other users of this machine may read or write it",
            f"`chmod 600 {shown}` ends that; if they may have read it, ask the owner of the server for a new key.",
        )


def _key_in(data: bytes, path: str) -> str:
    text = data.decode("utf-8", "replace").rstrip("\r\n")
    if not text or len(text) > KEY_LIMIT or not text.isprintable() or "\ufffd" in text:
        raise SettingsError(
            f"{printable(path)} does not hold a key", "Log in again with `sellia auth login`, which replaces it."
        )
    return text


def _cannot(what: str, path: str, error: OSError) -> SettingsError:
    words = "it is a symbolic link" if error.errno == errno.ELOOP else error.strerror
    return SettingsError(
        f"cannot {what} {printable(str(path))}: {words}", "Keys are kept there: check its owner and its mode."
    )
