"""Error responses of Sellia's own: a `Problem` as HTML, JSON or text, whichever the visitor can read best.

Everything in them that comes from outside is shown escaped, so an answer can neither carry a script into a visitor's
browser nor an escape sequence to a terminal.  They are never cached, and an HTML answer may load nothing.
"""

from __future__ import annotations

import json
from html import escape
from http import HTTPStatus
from typing import Final, NamedTuple

from sellia.problems import (
    BAD_SERVICE_RESPONSE,
    METHOD_NOT_ALLOWED,
    OVERLOADED,
    RATE_LIMITED,
    RETRY_AFTER_SECONDS,
    SERVICE_DIED,
    SERVICE_REFUSED,
    SERVICE_TLS_FAILED,
    SERVICE_UNHEALTHY,
    SERVICE_UNREACHABLE,
    UPGRADE_REFUSED,
    UPGRADE_REQUIRED,
    Problem,
)
from sellia.protocol.messages import Headers
from sellia.relay.secrets import challenge
from sellia.text import printable

SHOWN_LENGTH: Final = 200
"""Characters of a host or target that an answer repeats."""

ACCEPT_LENGTH_LIMIT: Final = 1024
"""Bytes of ``Accept`` that are looked at."""

ALLOWED_METHODS: Final = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

_READABLE: Final = (
    (b"Access-Control-Allow-Origin", b"*"),
    (b"Access-Control-Expose-Headers", b"Sellia-Error, Retry-After"),
)

_OWNERS: Final = frozenset(
    (
        *(SERVICE_REFUSED, SERVICE_UNREACHABLE, SERVICE_TLS_FAILED, SERVICE_DIED, BAD_SERVICE_RESPONSE),
        *(UPGRADE_REFUSED, SERVICE_UNHEALTHY),
    )
)
"""Problems between a client and its service."""

_HTML: Final = b"text/html; charset=utf-8"
_JSON: Final = b"application/json"
_TEXT: Final = b"text/plain; charset=utf-8"

_KIND_BY_RANGE: Final = {
    b"text/html": _HTML,
    b"application/xhtml+xml": _HTML,
    b"application/json": _JSON,
    b"application/problem+json": _JSON,
    b"application/*": _JSON,
    b"text/plain": _TEXT,
    b"text/*": _TEXT,
    b"*/*": _TEXT,
}


class Answer(NamedTuple):
    """Complete response, but for what the connection adds."""

    status: int
    headers: Headers
    body: bytes


def answer(
    problem: Problem,
    *,
    accept: bytes = b"",
    host: str | bytes = "",
    target: str | bytes = "",
    detail: str = "",
    realm: str = "",
    retry_after: int = RETRY_AFTER_SECONDS,
    cross_origin: bool = False,
    allow: bytes = b"",
) -> Answer:
    """What a visitor who can read `accept` is told about `problem`, which must be one that has a status.

    `host` and `target` are what the visitor asked for; `detail` is a sentence that says more than the catalogue does.
    `realm` counts for a 401, `allow` for a 405, `retry_after`, in seconds, for 429 and 503.  `cross_origin` says that
    the request had an ``Origin``: its page may read the answer, whatever site it is of, or it would see a CORS error
    and not this one.
    """
    if problem.status is None:
        raise ValueError(f"{problem.code} is not an answer to a request")
    kind = preferred(accept)
    asked = printable(host, SHOWN_LENGTH) + printable(target, SHOWN_LENGTH)
    body = _BODIES[kind](problem, problem.status, asked, printable(detail, SHOWN_LENGTH))
    headers = [
        (b"Content-Type", kind),
        (b"Content-Length", b"%d" % len(body)),
        (b"Sellia-Error", problem.code.encode("ascii")),
        (b"Cache-Control", b"no-store"),
        (b"Vary", b"Accept"),
        (b"X-Content-Type-Options", b"nosniff"),
    ]
    if cross_origin:
        headers += _READABLE
    if kind is _HTML:
        headers.append((b"Content-Security-Policy", b"default-src 'none'; style-src 'unsafe-inline'"))
    if problem.status == 401:
        headers.append((b"WWW-Authenticate", challenge(realm or "Sellia tunnel")))
    if problem.status == METHOD_NOT_ALLOWED.status:
        headers.append((b"Allow", allow or ALLOWED_METHODS))
    if problem.status == UPGRADE_REQUIRED.status:
        # RFC 9110, section 15.5.22, and RFC 6455, section 4.4
        headers += [(b"Upgrade", b"websocket"), (b"Connection", b"Upgrade"), (b"Sec-WebSocket-Version", b"13")]
    if problem.status in (RATE_LIMITED.status, OVERLOADED.status):
        headers.append((b"Retry-After", b"%d" % max(1, retry_after)))
    return Answer(problem.status, headers, body)


def concerns_service(problem: Problem) -> bool:
    """Return whether a problem arose between a client and its service."""
    return problem in _OWNERS


def public_detail(problem: Problem, detail: str) -> str:
    """Return a client's detail for visitors: nothing where it can name private hosts and ports."""
    return "" if problem in _OWNERS else detail


def to_bytes(response: Answer, *, head: bool = False, close: bool = False) -> bytes:
    """Encode the answer as HTTP/1.1.

    `head`: it answers a HEAD request, so its body is left out, though its length is told.  `close`: it is the last on
    its connection, and says so.
    """
    lines = [b"HTTP/1.1 %d %s" % (response.status, HTTPStatus(response.status).phrase.encode("ascii"))]
    lines += [name + b": " + value for name, value in response.headers]
    if close:
        lines.append(b"Connection: close")
    lines += [b"", b"" if head else response.body]
    return b"\r\n".join(lines)


def preferred(accept: bytes) -> bytes:
    """Return the content type, of the three of answers, that ``Accept`` likes best (RFC 9110, section 12.5.1).

    HTML only for those who name it; text for those who name none of the three, refuse them all, or write nonsense,
    since an error that can be read is better than a 406.  Among equals, what is named exactly comes before a
    wildcard, then what stands first.
    """
    best, best_rank = _TEXT, (0.0, False)
    for item in accept[:ACCEPT_LENGTH_LIMIT].lower().split(b","):
        media_range, *parameters = [part.strip() for part in item.split(b";")]
        kind = _KIND_BY_RANGE.get(media_range)
        if kind is None:
            continue
        rank = (_quality(parameters), not media_range.endswith(b"*"))
        if rank[0] > 0 and rank > best_rank:
            best, best_rank = kind, rank
    return best


def _quality(parameters: list[bytes]) -> float:
    """Return the q-value among the parameters: 1 if there is none, 0 if it is no number from 0 to 1."""
    for parameter in parameters:
        name, _, value = parameter.partition(b"=")
        if name.rstrip() == b"q":
            digits = value.strip()
            if not digits.replace(b".", b"", 1).isdigit() or len(digits) > 5:
                return 0.0
            return min(float(digits), 1.0)
    return 1.0


def _as_json(problem: Problem, status: int, asked: str, detail: str) -> bytes:
    fields: dict[str, str | int] = {
        "error": problem.code,
        "status": status,
        "message": problem.sentence,
        "remedy": problem.remedy,
    }
    if detail:
        fields["detail"] = detail
    if asked:
        fields["asked"] = asked
    return json.dumps(fields).encode("ascii") + b"\n"


def _as_text(problem: Problem, status: int, asked: str, detail: str) -> bytes:
    sentence = f"{problem.sentence} {detail}" if detail else problem.sentence
    return f"{status} {problem.code}: {sentence}\n{problem.remedy}\n".encode("utf-8", "replace")


def _as_html(problem: Problem, status: int, asked: str, detail: str) -> bytes:
    return _PAGE.format(
        status=status,
        phrase=escape(HTTPStatus(status).phrase),
        word=escape(problem.code),
        sentence=escape(problem.sentence),
        detail=f"<p>{escape(detail)}</p>\n" if detail else "",
        remedy=escape(problem.remedy),
        asked=f"<p>You asked for <code>{escape(asked)}</code>.</p>\n" if asked else "",
    ).encode("utf-8", "replace")


_BODIES: Final = {_HTML: _as_html, _JSON: _as_json, _TEXT: _as_text}

_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{status} {phrase}</title>
<style>
:root {{ color-scheme: light dark; --text: #1d2329; --faint: #5d6873; --ground: #f7f8f9; --line: #d5dade; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --text: #e4e8eb; --faint: #98a3ad; --ground: #15191d; --line: #333b43; }}
}}
body {{ margin: 0; background: var(--ground); color: var(--text); font: 1.0625rem/1.6 system-ui, sans-serif; }}
main {{ max-width: 36rem; margin: 18vh auto 0; padding: 0 1.5rem; }}
h1 {{ margin: 0 0 1rem; font-size: 1.6rem; line-height: 1.3; }}
p {{ margin: 0 0 1rem; overflow-wrap: anywhere; }}
.status, footer {{ color: var(--faint); font-size: 0.9rem; }}
footer {{ margin-top: 2.5rem; padding-top: 1rem; border-top: 1px solid var(--line); }}
code {{ font: 0.95em ui-monospace, monospace; }}
</style>
</head>
<body>
<main>
<p class="status">{status} {phrase}</p>
<h1>{sentence}</h1>
{detail}<p>{remedy}</p>
<footer>
{asked}<p>This answer comes from Sellia, not from the service behind the tunnel: <code>{word}</code></p>
</footer>
</main>
</body>
</html>
"""
