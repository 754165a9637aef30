"""Filters of exchanges, in the words of browsers' developer tools.

``method:POST status:5xx path:/api -host:x larger-than:10k is:websocket has:error close:1006 body:"text"``: all terms
must match, a ``-`` in front turns one round, values separated by commas are alternatives, and ``*`` stands for any
text.  A term without a name is looked for in method, host, target, status and type.  Case makes no difference.

Need
    One language for the list of the page, its address, the API and the command line, and an error in it says what to
    type instead.

Bounds
    ``LENGTH`` characters and ``TERMS`` terms.  Bodies and messages are decoded to be searched, up to ``SEARCHED`` bytes
    of each; terms that need that are asked last, and ``heavy`` tells that there are some, so that whoever looks through
    many exchanges does it in slices.

Designs not chosen
    *Regular expressions*: one that backtracks would stop the client, tunnels and all.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

from sellia.inspector.decode.content import content_of
from sellia.inspector.decode.sockets import Readers
from sellia.inspector.exchange import Exchange
from sellia.inspector.matching import FilterError, Searched, matcher, seconds_of, size_of, values_of
from sellia.inspector.model import TEXT, Body
from sellia.inspector.shapes import field_of, host_of, media_type
from sellia.protocol.messages import Headers
from sellia.text import decoded, printable

#: Characters of a filter, its terms, and bytes of each body or message that are searched.
LENGTH: Final = 2000
TERMS: Final = 50
SEARCHED: Final = 1 << 20

_TERM: Final = re.compile(r'\s*(-?)(?:([A-Za-z][A-Za-z-]*):)?((?:"(?:[^"\\]|\\.)*"|[^\s"])+)')
_STATUS: Final = re.compile(r"([1-5])xx|(\d{3})-(\d{3})|(<=|>=|<|>)?(\d{3})", re.IGNORECASE)


Test: TypeAlias = Callable[[Exchange, Readers], bool]


class Term(NamedTuple):
    """One term: what it asks for, and whether that must not be."""

    test: Test
    negated: bool
    heavy: bool


class Filter:
    """A filter that has been read; an empty one matches everything."""

    def __init__(self, text: str, terms: Sequence[Term]) -> None:
        self.text = text
        self._terms = sorted(terms, key=lambda term: term.heavy)

    def __bool__(self) -> bool:
        return bool(self._terms)

    @property
    def heavy(self) -> bool:
        """Whether bodies or messages are searched."""
        return any(term.heavy for term in self._terms)

    def matches(self, exchange: Exchange, readers: Readers | None = None) -> bool:
        """Whether an exchange is what is looked for; ``readers`` are those whose contexts may be used again."""
        known = readers if readers is not None else Readers()
        return all(term.test(exchange, known) is not term.negated for term in self._terms)


def parse(text: str) -> Filter:
    """Read a filter.  Raises FilterError."""
    if len(text) > LENGTH:
        raise FilterError(f"a filter has at most {LENGTH} characters, and this one has {len(text)}")
    terms: list[Term] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TERM.match(text, at)
        if match is None:
            raise FilterError(f"the quotation mark at character {at + 1} has no other one: put one behind the text")
        at = match.end()
        terms.append(_term(match[2], match[3], negated=bool(match[1])))
        if len(terms) > TERMS:
            raise FilterError(f"a filter has at most {TERMS} terms")
    return Filter(text.strip(), terms)


def _term(name: str | None, value: str, *, negated: bool) -> Term:
    if name is None:
        return Term(_anywhere(value), negated, False)
    make = _NAMES.get(name.lower())
    if make is None:
        if value.startswith("//"):
            return Term(_anywhere(f"{name}:{value}"), negated, False)
        known = ", ".join(sorted(_NAMES))
        raise FilterError(f'there is no "{printable(name, 40)}:" to filter by: it can be {known}')
    return Term(make(value), negated, name.lower() in _HEAVY)


# --- terms ---------------------------------------------------------------------------------------------------


def _anywhere(value: str) -> Test:
    test = matcher(value)

    def anywhere(exchange: Exchange, _: Readers) -> bool:
        line = (
            f"{decoded(exchange.method)} {host_of(exchange)}{decoded(exchange.target)} "
            f"{exchange.status or ''} {media_type(exchange.response_headers) or ''} {exchange.tunnel} {exchange.kind}"
        )
        return test(line)

    return anywhere


def _of(get: Callable[[Exchange], str], *, whole: bool = False) -> Callable[[str], Test]:
    """Return what makes a term of a text of exchanges."""

    def make(value: str) -> Test:
        test = matcher(value, whole=whole)
        return lambda exchange, _: test(get(exchange))

    return make


def _path(exchange: Exchange) -> str:
    return decoded(exchange.target).partition("?")[0]


def _query(exchange: Exchange) -> str:
    return decoded(exchange.target).partition("?")[2]


def _url(exchange: Exchange) -> str:
    return f"https://{host_of(exchange)}{decoded(exchange.target)}"


def _status(value: str) -> Test:
    ranges = []
    for each in values_of(value):
        match = _STATUS.fullmatch(each)
        if match is None:
            raise FilterError(f'"{printable(each, 40)}" is no status: write 404, 5xx, 400-499 or >=400')
        if match[1]:
            ranges.append((int(match[1]) * 100, int(match[1]) * 100 + 99))
        elif match[2]:
            ranges.append((int(match[2]), int(match[3])))
        else:
            number = int(match[5])
            bounds = {"<": (0, number - 1), "<=": (0, number), ">": (number + 1, 999), ">=": (number, 999)}
            ranges.append(bounds.get(match[4] or "", (number, number)))
    return lambda exchange, _: exchange.status is not None and any(a <= exchange.status <= b for a, b in ranges)


def _header(value: str) -> Test:
    name, _, wanted = value.partition("=")
    named = matcher(name, whole=True)
    test = matcher(wanted) if wanted else None

    def header(exchange: Exchange, _: Readers) -> bool:
        every = (*exchange.request_headers, *exchange.response_headers)
        return any(named(decoded(each)) and (test is None or test(decoded(told))) for each, told in every)

    return header


def _cookie(value: str) -> Test:
    test = matcher(value)
    names = (b"cookie", b"set-cookie")

    def cookie(exchange: Exchange, _: Readers) -> bool:
        every = (*exchange.request_headers, *exchange.response_headers)
        return any(name.lower() in names and test(decoded(told)) for name, told in every)

    return cookie


def _larger(value: str) -> Test:
    size = size_of("larger-than", value)
    return lambda exchange, _: _total(exchange) > size


def _smaller(value: str) -> Test:
    size = size_of("smaller-than", value)
    return lambda exchange, _: _total(exchange) < size


def _slower(value: str) -> Test:
    wanted = seconds_of("slower-than", value)
    return lambda exchange, _: exchange.ended is not None and exchange.ended - exchange.started > wanted


def _faster(value: str) -> Test:
    wanted = seconds_of("faster-than", value)
    return lambda exchange, _: exchange.ended is not None and exchange.ended - exchange.started < wanted


def _total(exchange: Exchange) -> int:
    total = exchange.request_body.length + exchange.response_body.length
    line = exchange.timeline
    return total if line is None else total + line.visitor.octets + line.service.octets


def _close(value: str) -> Test:
    wanted = values_of(value)
    for each in wanted:
        if not (each.isascii() and each.replace("-", "").replace("x", "").isalnum()):
            raise FilterError(f'"{printable(each, 40)}" is no close code: write 1006, or a code of docs/errors.rst')
    return lambda exchange, _: exchange.end is not None and str(exchange.end.code) in wanted


def _cause(value: str) -> Test:
    test = matcher(value)

    def cause(exchange: Exchange, _: Readers) -> bool:
        told = exchange.cause
        return told is not None and (test(told.what) or test(told.who) or test(told.id) or test(told.sentence))

    return cause


def _is(value: str) -> Test:
    return _word("is", _IS, value)


def _has(value: str) -> Test:
    return _word("has", _HAS, value)


def _word(name: str, words: dict[str, Callable[[Exchange], bool]], value: str) -> Test:
    wanted = [each.lower() for each in values_of(value)]
    for each in wanted:
        if each not in words:
            raise FilterError(f"there is no {name}:{printable(each, 40)}: it can be {', '.join(sorted(words))}")
    tests = [words[each] for each in wanted]
    return lambda exchange, _: any(test(exchange) for test in tests)


def _bad(exchange: Exchange) -> bool:
    """Whether something went wrong: a status of 4xx or 5xx, a record of why, a close that is not 1000 or 1001."""
    end = exchange.end
    if exchange.cause is not None or (exchange.status or 0) >= 400:
        return True
    return end is not None and (isinstance(end.code, str) or end.code not in (None, 1000, 1001))


def _truncated(exchange: Exchange) -> bool:
    return exchange.request_body.truncated or exchange.response_body.truncated or _gap(exchange)


def _gap(exchange: Exchange) -> bool:
    return exchange.timeline is not None and exchange.timeline.gap is not None


def _messages(exchange: Exchange) -> bool:
    return exchange.timeline is not None and exchange.timeline.count > 0


def _deflated(exchange: Exchange) -> bool:
    return exchange.timeline is not None and exchange.timeline.deflate is not None


_IS: Final[dict[str, Callable[[Exchange], bool]]] = {
    "websocket": lambda exchange: exchange.kind == "websocket",
    "http": lambda exchange: exchange.kind == "http",
    "upgrade": lambda exchange: exchange.kind == "upgrade",
    "tcp": lambda exchange: exchange.kind == "tcp",
    "udp": lambda exchange: exchange.kind == "udp",
    "open": lambda exchange: exchange.open,
    "running": lambda exchange: exchange.open,
    "closed": lambda exchange: not exchange.open,
    "replayed": lambda exchange: exchange.replay_of is not None,
    "edited": lambda exchange: exchange.edited,
    "composed": lambda exchange: exchange.origin == "inspector" and exchange.replay_of is None,
    "imported": lambda exchange: exchange.origin == "import",
    "kept": lambda exchange: exchange.kept,
    "compressed": _deflated,
    "truncated": _truncated,
}

_HAS: Final[dict[str, Callable[[Exchange], bool]]] = {
    "error": _bad,
    "cause": lambda exchange: exchange.cause is not None,
    "body": lambda exchange: bool(exchange.request_body.length or exchange.response_body.length),
    "request-body": lambda exchange: bool(exchange.request_body.length),
    "response-body": lambda exchange: bool(exchange.response_body.length),
    "messages": _messages,
    "gap": _gap,
    "query": lambda exchange: b"?" in exchange.target,
    "cookies": lambda exchange: field_of(exchange.request_headers, b"cookie") is not None,
    "trailers": lambda exchange: bool(exchange.request_trailers or exchange.response_trailers),
    "link-loss": lambda exchange: bool(exchange.marks),
}


# --- bodies and messages -------------------------------------------------------------------------------------


def _body(value: str) -> Test:
    test = Searched(value)

    def body(exchange: Exchange, _: Readers) -> bool:
        sides = (exchange.request_body, exchange.request_headers), (exchange.response_body, exchange.response_headers)
        return any(_in_body(test, each, headers) for each, headers in sides)

    return body


def _request_body(value: str) -> Test:
    test = Searched(value)
    return lambda exchange, _: _in_body(test, exchange.request_body, exchange.request_headers)


def _response_body(value: str) -> Test:
    test = Searched(value)
    return lambda exchange, _: _in_body(test, exchange.response_body, exchange.response_headers)


def _in_body(test: Callable[[bytes], bool], body: Body, headers: Headers) -> bool:
    return bool(body.length) and test(content_of(body, headers, SEARCHED).data)


def _message(value: str) -> Test:
    test = Searched(value)

    def message(exchange: Exchange, readers: Readers) -> bool:
        if exchange.timeline is None:
            return False
        for each in exchange.timeline.messages():
            if each.opcode < 3 * TEXT and test(readers.content(exchange, each).data[:SEARCHED]):
                return True
        return False

    return message


_HEAVY: Final = frozenset({"body", "request-body", "response-body", "message"})

_NAMES: Final[dict[str, Callable[[str], Test]]] = {
    "method": _of(lambda exchange: decoded(exchange.method), whole=True),
    "status": _status,
    "status-code": _status,
    "path": _of(_path),
    "query": _of(_query),
    "url": _of(_url),
    "host": _of(host_of),
    "domain": _of(host_of),
    "tunnel": _of(lambda exchange: exchange.tunnel),
    "kind": _of(lambda exchange: exchange.kind, whole=True),
    "id": _of(lambda exchange: exchange.id, whole=True),
    "visitor": _of(lambda exchange: exchange.visitor),
    "remote": _of(lambda exchange: exchange.visitor),
    "type": _of(lambda exchange: media_type(exchange.response_headers) or ""),
    "mime-type": _of(lambda exchange: media_type(exchange.response_headers) or ""),
    "subprotocol": _of(lambda exchange: exchange.timeline.subprotocol if exchange.timeline is not None else ""),
    "by": _of(lambda exchange: exchange.end.by if exchange.end is not None else "", whole=True),
    "header": _header,
    "has-response-header": _header,
    "cookie": _cookie,
    "larger-than": _larger,
    "smaller-than": _smaller,
    "slower-than": _slower,
    "faster-than": _faster,
    "close": _close,
    "cause": _cause,
    "is": _is,
    "has": _has,
    "body": _body,
    "request-body": _request_body,
    "response-body": _response_body,
    "message": _message,
}
