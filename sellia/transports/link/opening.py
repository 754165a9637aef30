"""Answers to the client's opening handshake that are no link: what stands there instead of a server, and what to do.

Pure: the head of an answer in, a sentence out.  It goes on after the address of the server.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from sellia.problems import problem_of
from sellia.text import printable

#: The largest head of an answer that is read, in bytes.
HEAD_LIMIT: Final = 65_536

_STATUS_LINE: Final = re.compile(rb"HTTP/([0-9.]{1,5}) ([0-9]{3})(?: ([^\r\n]*))?$")

#: How servers say, in the body of a 400, that their port does TLS (nginx, Go, Apache).
_SPEAKS_TLS: Final = re.compile(rb"(?i)to (?:an )?HTTPS (?:port|server)|SSL-enabled server port")

#: A record of TLS with an alert in it.
_TLS_ALERT: Final = re.compile(rb"\x15\x03[\x00-\x04]")

_REDIRECTS: Final = (301, 302, 303, 307, 308)

_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class Answer:
    """Head of an answer to a handshake; names of ``fields`` are in lower case."""

    status: int
    fields: dict[str, str]
    rest: bytes = b""


def read_answer(data: bytes) -> Answer | str | None:
    """Return the answer at the front of ``data``: its head, or what came instead of HTTP; None if more must come."""
    if _TLS_ALERT.match(data):
        return "speaks TLS: use https:// in the server's URL"
    if data[:5] != b"HTTP/"[: len(data)]:
        return f"is not a web server: it said {_first_line(data)}"
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        return None if len(data) <= HEAD_LIMIT else "gave an answer without an end"
    lines = head.split(b"\r\n")
    found = _STATUS_LINE.match(lines[0])
    if found is None:
        return f"is not a web server: it said {_first_line(data)}"
    fields: dict[str, str] = {}
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        fields.setdefault(name.decode("latin-1").strip().lower(), value.decode("latin-1").strip())
    return Answer(int(found[2]), fields, rest)


def _first_line(data: bytes) -> str:
    line = re.split(rb"[\r\n]", data[: 4 * _SHOWN], maxsplit=1)[0]
    return f'"{printable(line, _SHOWN)}"'


def moved_to(answer: Answer, url: str) -> str | None:
    """Return the ``wss`` URL that an answer to a handshake at ``url`` (``ws``) leads to, if it is the same host's."""
    if answer.status not in _REDIRECTS or urlsplit(url).scheme != "ws":
        return None
    try:
        to = urlsplit(answer.fields.get("location", ""))
        port = to.port
    except ValueError:
        return None
    if to.scheme != "https" or to.hostname != urlsplit(url).hostname or to.username or to.password:
        return None
    if to.query or to.fragment or not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", to.path):
        return None
    return f"wss://{to.netloc}{to.path}" if port != 443 else f"wss://{to.netloc.rpartition(':')[0]}{to.path}"


def why_no_link(answer: Answer, path: str) -> str:
    """Return what an answer other than 101 means, and what to do; ``path`` is where a link was asked for."""
    status = answer.status
    known = problem_of(answer.fields.get("sellia-error", ""))
    if known.sentence:
        return f"is a Sellia server and answered {status} {known.code}: {known.sentence} {known.remedy}".rstrip(".")
    said = f"{status}{_server(answer)}"
    if status == 101:
        return f"agreed to a WebSocket in a way that breaks RFC 6455{_server(answer)}: is it a Sellia server?"
    if status in _REDIRECTS:
        return f"redirects elsewhere ({said}){_target(answer)}"
    if status == 400 and _SPEAKS_TLS.search(answer.rest):
        return "speaks TLS: use https:// in the server's URL"
    if status in (401, 403, 407):
        return f"asks for a login before Sellia is reached ({said}): let {path} through without one"
    if status in (404, 410):
        return f"is a web server, and has no Sellia at {path} ({said}): check the URL, its path too"
    if status in (502, 503, 504):
        return f"is a proxy, and the Sellia server behind it does not answer ({said}): is it running?"
    if status == 429:
        return f"says that too many connections came from here ({said}): wait a while"
    if status >= 500:
        return f"failed inside ({said}): look into its log"
    if status == 426:
        return f"asks for an upgrade ({said}): a proxy in between has removed it, and must pass WebSockets on"
    if status == 400:
        return f"took the handshake for a bad request ({said}): a proxy in between must pass WebSockets on"
    return f"is a web server, and did not open a WebSocket at {path} ({said}): is it a Sellia server?"


def _server(answer: Answer) -> str:
    name = answer.fields.get("server", "")
    return f", {printable(name, 40)}" if name else ""


def _target(answer: Answer) -> str:
    location = answer.fields.get("location", "").partition("?")[0].partition("#")[0]
    if not location:
        return ", and does not say where"
    if "@" in location:
        return ": check the URL"
    return f", to {printable(location, _SHOWN)}: if that is the Sellia server, give its URL with --server"
