"""What the API gives to take along: lines for shells and programs, test files, HAR files; and HAR files that are read.

All of it is without credentials unless ``redact=0`` asks for them.  A HAR file of all that is kept is made in slices,
between which the relay goes on.
"""

from typing import Any, Final, get_args

import msgspec
from twisted.internet.task import deferLater

import sellia
from sellia.client.inspector.answers import Answer, ApiError, as_json, encoded
from sellia.client.inspector.reading import Subject, exchange_of, filter_of
from sellia.client.inspector.table import Call
from sellia.inspector.decode.sockets import Readers
from sellia.inspector.exchange import Exchange
from sellia.inspector.har import KINDS, HarError, entry, har, read
from sellia.inspector.shapes import host_of
from sellia.inspector.snippets import Form, forms, snippet
from sellia.inspector.test_export import EXCHANGES, Framework, test_file

#: Bytes of a HAR file that are made at a time.
SLICE: Final = 256 * 1024


class HarFile(msgspec.Struct):
    """A HAR file: what its format says (HTTP Archive 1.2)."""

    log: dict[str, Any]


FORMS: Final = get_args(Form)
FRAMEWORKS: Final = get_args(Framework)

_TEXT: Final = b"text/plain; charset=utf-8"


def line(subject: Subject, call: Call) -> Answer:
    """Answer with an exchange's request as a line, or a few, that sends it again."""
    exchange = exchange_of(subject, call.path["id"])
    form = _chosen(call, FORMS)
    if form not in forms(exchange):
        raise ApiError(409, "no-such-form", f"This exchange cannot be had as {form}: {_list(forms(exchange))}.")
    text = snippet(exchange, form, _base(subject, exchange), call.flag("redact", True))
    return Answer(200, text.encode("utf-8", "replace"), _TEXT)


def test(subject: Subject, call: Call) -> Answer:
    """Answer with a file that tests what exchanges have shown."""
    exchanges = _named(subject, call)
    framework = _chosen(call, FRAMEWORKS)
    if len(exchanges) > EXCHANGES:
        raise ApiError(400, "bad-parameter", f"One file has up to {EXCHANGES} exchanges.")
    base = _base(subject, exchanges[0])
    try:
        text = test_file(exchanges, framework, base, call.flag("redact", True))
    except ValueError as error:
        raise ApiError(409, "nothing-to-test", f"A test cannot be made: {error}.") from None
    return Answer(200, text.encode("utf-8", "replace"), _TEXT)


async def written(subject: Subject, call: Call) -> Answer:
    """Answer with a HAR file of exchanges by their ids, or of all that pass the filter."""
    redact = call.flag("redact", True)
    if "ids" in call.query:
        chosen = _named(subject, call)
    else:
        shown = filter_of(subject, call)
        chosen = [each for each in subject.store.after(0) if shown(each)]
    frame = encoded(har([], sellia.__version__, redact))
    before, mark, behind = frame.partition(b'"entries":[')
    readers, parts, size = Readers(), [before, mark], 0
    for each in chosen:
        if each.evicted or each.kind not in KINDS:
            continue
        made = encoded(entry(each, redact, _scheme(subject, each), readers))
        parts += [b",", made] if size else [made]
        size += len(made)
        if size // SLICE != (size - len(made)) // SLICE:
            await deferLater(subject.clock, 0)
    name = b'attachment; filename="sellia.har"'
    return Answer(200, b"".join([*parts, behind]), headers={b"Content-Disposition": name})


def imported(subject: Subject, call: Call) -> Answer:
    """Read a HAR file, and answer with how many exchanges were in it, and what is wrong with others."""
    if call.media_type != "application/json":
        raise ApiError(415, "not-json", "The body must be JSON: say so with Content-Type: application/json.")
    try:
        made, wrong = read(call.body, subject.store)
    except HarError as error:
        raise ApiError(422, "no-har", str(error)) from None
    return as_json({"imported": len(made), "ids": [each.id for each in made], "wrong": wrong}, 201)


def _named(subject: Subject, call: Call) -> list[Exchange]:
    """Return the exchanges that ``ids`` names, in its order.  Raises ApiError."""
    ids = [each for each in call.query.get("ids", "").split(",") if each]
    if not ids:
        raise ApiError(400, "bad-parameter", "ids must name exchanges, as in ids=1,2.")
    return [exchange_of(subject, each) for each in ids]


def _chosen(call: Call, known: tuple[Any, ...]) -> Any:
    form = call.query.get("form", "")
    if form not in known:
        raise ApiError(400, "bad-parameter", f"form must be one of {_list(known)}.")
    return form


def _list(names: Any) -> str:
    return ", ".join(names) or "nothing"


def _scheme(subject: Subject, exchange: Exchange) -> str:
    """Return the scheme of the URL by which a tunnel is reached; https where that is not known."""
    known = [each for each in subject.tunnels() if exchange.tunnel in (each.get("subdomain"), each.get("name"))]
    urls = [each.get("url") or "" for each in known]
    return "http" if urls and urls[0].startswith("http:") else "https"


def _base(subject: Subject, exchange: Exchange) -> str:
    host = host_of(exchange)
    return f"{_scheme(subject, exchange)}://{host}" if host else ""
