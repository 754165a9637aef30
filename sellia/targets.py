"""Targets: what a tunnel leads to, parsed from what a person writes and written back the same way.

Need
    The command line, the settings file, events and logs name a target by one text, so that what is shown can be typed.

Forms
    ``8080`` (or ``:8080``), ``localhost:8080``, ``[::1]:8080``, ``http://host:port``, ``https://host``,
    ``https+insecure://host``, ``tcp://host:port``, ``unix:/run/app.sock``, ``./dist`` (a directory or a file),
    ``file:///srv/www``, ``text:hello``.

Bounds
    A text of at most ``TARGET_LIMIT`` characters; a unix socket's path of at most ``SOCKET_PATH_LIMIT`` bytes.

Nothing is looked up here, neither names nor files: whether a path is a directory is found out where it is served.
A message never repeats a target that could have a password in it.
"""

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address
from typing import Final

from sellia.text import printable

#: Most characters of a target.
TARGET_LIMIT: Final = 64 * 1024

#: Most bytes of a unix socket's path: ``sun_path`` has 108, the last of which is NUL.
SOCKET_PATH_LIMIT: Final = 107

#: Characters of a wrong target that a message repeats.
_SHOWN: Final = 80

#: Characters of a static text that are shown.
_TEXT_SHOWN: Final = 40

_HOST: Final = re.compile(r"^(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*$")

#: A scheme, a host and a port, of which only the host is always there.
_ADDRESS: Final = re.compile(
    r"^(?:(?P<scheme>https?|https\+insecure|tcp|udp)://)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]?#\\]+)(?::(?P<port>[0-9]{1,5}))?/?$",
    re.IGNORECASE,
)
_SCHEME: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://")

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_FORMS: Final = (
    "Write a port (8080), an address (192.168.1.5:80), a URL without a path (https://localhost:8443), a unix socket "
    "(unix:/run/app.sock), a directory or file (./dist), or text:hello."
)
_URL: Final = "Write it as https://localhost:8443, without a path, a user name or a password."


class TargetError(ValueError):
    """Text that names no target.  `str` says why, to go on after the text's place; `hint` is what to write instead."""

    def __init__(self, line: str, hint: str = _FORMS) -> None:
        super().__init__(line)
        self.hint = hint


class TargetKind(Enum):
    """Ways to reach what a target names."""

    ADDRESS = "address"  #: TCP, over TLS where the scheme is https
    UNIX = "unix"  #: a unix socket, over which HTTP is spoken
    FILES = "files"  #: a directory, or one file, that the client itself serves
    TEXT = "text"  #: a text that answers every request


@dataclass(frozen=True, slots=True)
class Target:
    """One target, with all that is needed to reach it.

    ``host`` is a name in lower case and ASCII, or an address without brackets; ``path`` is absolute.  ``verify`` says
    whether the certificate of an https service must be valid, which by default (None) it must except on loopback;
    ``ca`` is the path of a file with further authorities.  ``spa`` and ``listing`` belong to `TargetKind.FILES`:
    whether index.html answers for pages that are no files, and whether a directory without one is listed.
    """

    kind: TargetKind
    scheme: str = "http"
    host: str = ""
    port: int = 0
    path: str = ""
    text: str = ""
    verify: bool | None = None
    ca: str | None = None
    spa: bool = False
    listing: bool = False

    @property
    def static(self) -> bool:
        """Whether the client serves it by itself."""
        return self.kind in (TargetKind.FILES, TargetKind.TEXT)

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken to it."""
        return self.kind is TargetKind.ADDRESS and self.scheme == "https"

    @property
    def insecure(self) -> bool:
        """Whether it was asked that any certificate is accepted, wherever the service is."""
        return self.secure and self.verify is False

    @property
    def where(self) -> str:
        """Its address for people, as ``localhost:8080``, ``[::1]:8080`` or ``unix:/run/app.sock``."""
        if self.kind is TargetKind.ADDRESS:
            return f"[{self.host}]:{self.port}" if ":" in self.host else f"{printable(self.host)}:{self.port}"
        if self.kind is TargetKind.UNIX:
            return f"unix:{printable(self.path)}"
        if self.kind is TargetKind.FILES:
            return printable(self.path)
        return "text:" + printable(self.text, _TEXT_SHOWN)

    @property
    def authority(self) -> str:
        """Host and port as a URL of the service has them; a default port is left out."""
        if self.kind is not TargetKind.ADDRESS:
            return "localhost"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if _DEFAULT_PORTS.get(self.scheme) == self.port else f"{host}:{self.port}"

    def __str__(self) -> str:
        """Return the text that `parse_target` reads as this target; a long text, or one of several lines, is cut."""
        if self.kind is not TargetKind.ADDRESS:
            return self.where
        return f"{self.scheme}{'+insecure' if self.insecure else ''}://{self.where}"


def parse_target(text: str, base_directory: str = "", home: str = "") -> Target:
    """Parse a target; relative paths begin at ``base_directory``, and ``~`` is ``home``.

    Raises TargetError.
    """
    said = text.strip() if not text.startswith("text:") else text
    if not said:
        raise TargetError("is empty")
    if len(said) > TARGET_LIMIT:
        raise TargetError(f"is longer than {TARGET_LIMIT} characters")
    lowered = said[:12].lower()
    if said.startswith("text:"):
        return Target(TargetKind.TEXT, text=said[5:])
    if lowered.startswith("unix:"):
        return _unix(said[5:], base_directory, home)
    if lowered.startswith("file:"):
        return _files(_local(said[5:]), base_directory, home)
    if said[0] in "./~\\" or said in (".", ".."):
        if not re.match(r"^(/|\.{1,2}(/|$)|~(/|$))", said):
            raise TargetError(f"{printable(said)[:_SHOWN]} is not a path", "Begin it with ./, ../ or /, as in ./dist.")
        return _files(said, base_directory, home)
    return _address(said)


def split_routes(arguments: Sequence[str]) -> str | dict[str, str] | None:
    """Return the targets that arguments name: None for no argument, one text, or texts by the paths that lead there.

    An argument is a target, or ``/api=8000``; the one without a path is for all that has no other.  ``/ =8000`` are two
    arguments that mean one.  Raises TargetError.
    """
    joined: list[str] = []
    for each in arguments:
        if each.startswith("=") and joined and joined[-1].startswith("/") and "=" not in joined[-1]:
            joined[-1] += each
        else:
            joined.append(each)
    if len(joined) <= 1 and not any(each.startswith("/") and "=" in each for each in joined):
        return joined[0] if joined else None
    routes: dict[str, str] = {}
    for each in joined:
        path, equals, target = each.partition("=") if each.startswith("/") else ("", "", "")
        if not equals:
            path, target = "/", each
        if path in routes:
            hint = "Say which path leads to each, as in /=5173 /api=8000."
            raise TargetError(f"two targets are for the path {printable(path)[:_SHOWN]}", hint)
        routes[path] = target
    return routes


def host_of(text: str) -> str:
    """Return a host in the form that is dialled: an address without brackets, or a name in lower case and ASCII.

    Raises TargetError for what is neither.
    """
    bare = text.removeprefix("[").removesuffix("]") if text.startswith("[") else text
    try:
        return str(ip_address(bare))
    except ValueError:
        pass
    try:
        name = bare.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        name = ""
    if len(name) > 253 or not _HOST.match(name):
        raise TargetError(f"{printable(text)[:_SHOWN]} is not a host name or an address")
    return name


def _address(said: str) -> Target:
    digits = said.removeprefix(":")
    if digits.isascii() and digits.isdigit():
        return Target(TargetKind.ADDRESS, host="localhost", port=_port(digits))
    found = _ADDRESS.match(said)
    if found is None:
        raise _no_address(said)
    scheme, host, number = (found["scheme"] or "").lower(), found["host"], found["port"]
    if not number and scheme not in ("http", "https", "https+insecure"):
        if scheme:
            raise TargetError("has no port", f"Write it as {scheme}://{printable(host)[:_SHOWN]}:5432.")
        raise _bare_word(host)
    insecure = scheme == "https+insecure"
    plain = "https" if insecure else scheme or "http"
    port = _port(number) if number else _DEFAULT_PORTS[plain]
    return Target(TargetKind.ADDRESS, plain, host_of(host), port, verify=False if insecure else None)


def _no_address(said: str) -> TargetError:
    scheme = _SCHEME.match(said)
    if scheme is not None and not _ADDRESS.match(f"http{said[scheme.end(1) :]}"):
        # It is not repeated, because a password may be in it.
        return TargetError("is not the address of a service", _URL)
    if scheme is not None:
        name = printable(scheme[1])[:_SHOWN]
        return TargetError(
            f"has the scheme {name}, which no target has", "Use http, https, https+insecure, tcp or udp."
        )
    if re.search("[/@]", said):
        return TargetError("is not the address of a service", _URL)
    return TargetError(f"{printable(said)[:_SHOWN]} is not a target")


def _bare_word(word: str) -> TargetError:
    shown = printable(word)[:_SHOWN]
    host = shown if "." in word or word == "localhost" else ""
    hint = f"Write {host}:8080 for a port there, or ./{shown} for a directory or file." if host else ""
    return TargetError(f"{shown} is not a target", hint or f"Write ./{shown} for a directory or file. {_FORMS}")


def _port(digits: str) -> int:
    number = int(digits) if len(digits) <= 5 else 0
    if not 1 <= number <= 65535:
        raise TargetError("has a port that is not one", "A port is a number from 1 to 65535.")
    return number


def _unix(said: str, base_directory: str, home: str) -> Target:
    path = _path(_local(said), base_directory, home)
    if len(path.encode("utf-8", "surrogateescape")) > SOCKET_PATH_LIMIT:
        raise TargetError(
            f"has a path of more than {SOCKET_PATH_LIMIT} bytes, which no unix socket has",
            "Put the socket into a directory with a shorter path, such as /run.",
        )
    return Target(TargetKind.UNIX, path=path)


def _files(said: str, base_directory: str, home: str) -> Target:
    path = _path(said, base_directory, home)
    if path == "/":
        raise TargetError("would publish every file of this machine", "Name the directory that is meant, as in ./dist.")
    return Target(TargetKind.FILES, path=path)


def _local(path: str) -> str:
    """Return the path of a URL without an authority, as in ``unix:///run/app.sock``; others as they are."""
    if path.startswith("//"):
        host, slash, rest = path[2:].partition("/")
        if host not in ("", "localhost") or not slash:
            raise TargetError("names another machine", "Write the whole path, as in unix:/run/app.sock.")
        return "/" + rest
    return path


def _path(path: str, base_directory: str, home: str) -> str:
    """Return an absolute path without dot segments at its end."""
    if not path:
        raise TargetError("has no path", "Write the path behind it, as in unix:/run/app.sock.")
    if "\0" in path:
        raise TargetError("has a NUL in its path")
    if path == "~" or path.startswith("~/"):
        if not home:
            raise TargetError("begins with ~, and there is no home directory", "Write the whole path.")
        path = home + path[1:]
    whole = posixpath.join(base_directory or "/", path)
    # Not normpath, which takes a symbolic link and the `..` behind it for nothing.
    parts = [part for part in whole.split("/") if part not in ("", ".")]
    return "/" + "/".join(parts)
