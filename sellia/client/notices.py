"""Notices of the server: visitors whose requests it answered itself, with a problem."""

from twisted.logger import Logger

from sellia.client.events import Report, RequestRefused
from sellia.protocol.messages import Notice
from sellia.text import decoded, field, printable, shown_target

_log = Logger()


def tell_notice(notice: Notice, tunnel: str, report: Report) -> None:
    """Tell the log and the listener of a visitor whom the server has refused; ``tunnel`` is the tunnel's name."""
    target = decoded(notice.target)
    _log.info(
        "refused by the server: tunnel={tunnel} method={method} target={target} visitor={visitor} status={status} "
        "word={word} suppressed={suppressed}",
        tunnel=field(tunnel),
        method=field(printable(notice.method, 32)),
        target=field(shown_target(target)),
        visitor=field(notice.visitor),
        status=notice.status,
        word=field(printable(notice.word, 64)),
        suppressed=notice.suppressed,
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
        )
    )
