"""Values of a client's settings: hosts, the URL of a server, files of certificates."""

import os
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from sellia.client.proxies import WRITE_PROXY, parse_proxy
from sellia.relay.http.hosts import is_loopback
from sellia.settings import Secret, wrong
from sellia.targets import Target, TargetError, host_of, parse_target
from sellia.text import printable

#: Path of a server's gateway, unless the server's URL has a path of its own.
GATEWAY_PATH: Final = "/ws"

_PATH: Final = re.compile(r"^(/[A-Za-z0-9._~-]+)*/?$")


class TargetText(str):
    """Text of a target, and the directory from which its relative paths start."""

    directory: str

    def __new__(cls, text: str, directory: str) -> "TargetText":
        made = super().__new__(cls, text)
        made.directory = directory
        return made


def checked_target(value: object) -> Target:
    """Return the target that a text or a port number describes; relative paths start from the working directory."""
    if isinstance(value, Target):
        return value
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise wrong("must be a port or an address")
    directory = value.directory if isinstance(value, TargetText) else os.getcwd()
    try:
        return parse_target(str(value), directory, os.path.expanduser("~"))
    except TargetError as error:
        raise wrong(str(error), error.hint) from None


def checked_host(text: str) -> str:
    """Return a host in the form that is dialled: an address without brackets, or a name in lower case and ASCII."""
    try:
        return host_of(text)
    except TargetError as error:
        raise wrong(str(error)) from None


def checked_authorities(path: str | None) -> str | None:
    """Check that the file of certificates at ``path`` can be read; return the path."""
    if path is not None:
        try:
            authorities_of(path)
        except ValueError as error:
            raise wrong(str(error)) from None
    return path


def authorities_of(path: str) -> object:
    """Read a file of certificates.  Raises ValueError with a line that names it."""
    from sellia.client.tls import authorities

    try:
        return authorities(path)
    except OSError as error:
        raise ValueError(f"cannot read {printable(path)}: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{printable(path)} {error}") from None


def checked_server(text: str) -> str:
    """Return the URL of a server in the one form that all its spellings have: ``http`` or ``https``, lower case."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise wrong("is not a URL") from None
    _check_parts(url, text)
    host = checked_host(url.hostname or "")
    where = f"[{host}]" if ":" in host else host
    path = url.path.rstrip("/")
    scheme = {"ws": "http", "wss": "https"}.get(url.scheme, url.scheme)
    return f"{scheme}://{where}" + (f":{port}" if port is not None else "") + path


def checked_proxy(value: Secret | None) -> Secret | None:
    """Check that a proxy can be used; return it."""
    if value is not None:
        try:
            parse_proxy(value.get_secret_value())
        except ValueError as error:
            raise wrong(str(error), WRITE_PROXY) from None
    return value


def link_url(server: str) -> str:
    """Return the URL of links to ``server``, ``ws:`` or ``wss:``, with its path, and with a port where it has one."""
    url = urlsplit(server)
    return f"{'wss' if url.scheme == 'https' else 'ws'}://{url.netloc}{url.path or GATEWAY_PATH}"


def _check_parts(url: SplitResult, text: str) -> None:
    """Refuse what a server's URL cannot have.  None of it is repeated, because a password may be in it."""
    if url.scheme not in ("http", "https", "ws", "wss") or not url.netloc:
        raise wrong("is not an http, https, ws or wss URL", _as_url(text))
    if url.username is not None or url.password is not None:
        raise wrong("must not contain a user or password", "Give the API key with --api-key or SELLIA_API_KEY.")
    if url.query or url.fragment or not _PATH.match(url.path):
        raise wrong("must not contain more than a host, a port and a path", "Write it as https://example.com.")
    if url.port == 0:
        raise wrong("has no valid port")


def _as_url(text: str) -> str:
    """Suggest a URL for a text that is none; of what could be a password nothing is repeated."""
    if not re.fullmatch(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?", text):
        return "Write it as http://localhost:3000 or https://example.com."
    scheme = "http" if is_loopback(text.partition(":")[0]) else "https"
    return f"Write it as {scheme}://{text}."
