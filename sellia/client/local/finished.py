"""Exchanges that have ended here, for as long as the server may yet refuse their responses or lose their visitors.

A response that was complete, and was told as such, may break a rule that only the server knows, or its visitor may
leave before all of it is delivered.  The server's reset then names a stream that is over here, and the log and the
listener have to learn which request that was.

The table is bounded by ``FINISHED_LIMIT``; of an older exchange nothing is told.
"""

from typing import Final, TypeAlias

from twisted.logger import Logger

from sellia.client.events import VISITOR_LEFT, Report, RequestFinished
from sellia.problems import BAD_SERVICE_RESPONSE, VISITOR_GONE
from sellia.protocol.messages import Reset
from sellia.relay.mux.causes import believed
from sellia.text import decoded, printable, shown_target
from sellia.why.cause import Cause
from sellia.why.exchange import ExchangeEnd, exchange_cause

#: Finished exchanges that are remembered, for each service.
FINISHED_LIMIT: Final = 256

_log = Logger()


#: One exchange, from which its end can be told anew: method, target, status, bytes of both bodies, listener.  A plain
#: tuple, because one is made of every request.
Finished: TypeAlias = tuple[bytes, bytes, int | None, int, int, Report | None]


class FinishedExchanges:
    """The last exchanges of one service that were told as complete, by stream number."""

    def __init__(self) -> None:
        self._known: dict[int, Finished] = {}

    def add(self, number: int, exchange: Finished) -> None:
        """Remember an exchange that has ended without a fault known here."""
        known = self._known
        known[number] = exchange
        if len(known) > FINISHED_LIMIT:
            del known[next(iter(known))]

    def clear(self) -> None:
        """Forget all, because the session is over and its numbers with it."""
        self._known.clear()

    def reset(self, number: int, reset: Reset, tunnel: str, id: str = "") -> Cause | None:
        """Tell the listener, and the log of a refusal, that the server has reset a stream after its end here.

        Returns the cause, with this id, or None for an exchange that is not known.
        """
        refused = reset.word == BAD_SERVICE_RESPONSE.code
        found = self._known.pop(number, None) if refused or reset.word == VISITOR_GONE.code else None
        if found is None:
            return None
        method, target, status, bytes_in, bytes_out, report = found
        cause = VISITOR_LEFT
        if refused:
            status, bytes_in, bytes_out = BAD_SERVICE_RESPONSE.status, 0, 0
            cause = server_refused(reset.message)
            _log.warn(
                "{method} {target} failed: {word}: {cause}",
                id=number,
                method=printable(method, 32),
                target=shown_target(target),
                word=BAD_SERVICE_RESPONSE.code,
                cause=cause,
            )
        problem, message = (BAD_SERVICE_RESPONSE, cause) if refused else (VISITOR_GONE, "")
        end = ExchangeEnd(id, "server", problem, message, told=believed(reset.why), status=status)
        why = exchange_cause(end)
        if report is not None:
            what, where = decoded(method), decoded(target)
            report(RequestFinished(number, what, where, status, 0.0, bytes_in, bytes_out, cause, tunnel, cause=why))
        return why


def server_refused(message: str) -> str:
    """Return the sentence about a response that the server did not pass on."""
    return f"The server refused the answer: {printable(message, 200).rstrip('.') or 'it did not say why'}."
