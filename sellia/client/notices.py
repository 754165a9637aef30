"""Notices of the server: visitors whose requests it answered itself, with a problem."""

from typing import Any, Final

from twisted.logger import Logger

from sellia.client.events import Report, RequestRefused
from sellia.problems import problem_of
from sellia.protocol.messages import Notice
from sellia.text import decoded, field, printable, shown_target
from sellia.transports.reactor.causes import book_of
from sellia.why.cause import cause_id
from sellia.why.link import refusal_cause

#: Most characters of an id.
_ID: Final = 32

_log = Logger()


def tell_notice(notice: Notice, tunnel: str, report: Report, clock: Any) -> None:
    """Tell the log and the listener of a visitor whom the server has refused; ``tunnel`` is the tunnel's name."""
    target = decoded(notice.target)
    problem = problem_of(notice.word)
    id = printable(notice.id, _ID) or cause_id("", 0, "n")
    cause = refusal_cause(
        id, problem, notice.message, status=notice.status or None, suppressed=notice.suppressed or None
    )
    book_of(clock).add(cause)
    _log.info(
        "refused by the server: tunnel={tunnel} method={method} target={target} visitor={visitor} status={status} "
        "word={word} suppressed={suppressed} cause={cause}",
        tunnel=field(tunnel),
        method=field(printable(notice.method, 32)),
        target=field(shown_target(target)),
        visitor=field(notice.visitor),
        status=notice.status,
        word=field(printable(notice.word, 64)),
        suppressed=notice.suppressed,
        cause=field(id),
    )
    report(
        RequestRefused(
            tunnel,
            notice.method,
            target,
            notice.visitor,
            notice.status,
            notice.word,
            notice.message,
            notice.websocket,
            notice.suppressed,
            cause=cause,
        )
    )
