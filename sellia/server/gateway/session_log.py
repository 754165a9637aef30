"""Log lines about sessions and their links, each kind with a bound on how many there are in a second."""

from collections.abc import Iterable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sellia.server.gateway.sessions import ServerSession
from sellia.text import field
from sellia.transports.reactor.causes import tell_cause
from sellia.transports.reactor.lines import line
from sellia.why.cause import cause_id
from sellia.why.link import link_cause

_log = Logger()


class SessionLog:
    """Writes what happens to the sessions of one gateway."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock

    def opened(self, session: ServerSession) -> None:
        """Log that a client has a session."""
        end = line(self._clock, "session opened")
        if end is not None:
            _log.info(
                "session opened: session={session} peer={peer} agent={agent}{end}",
                session=field(session.name),
                peer=field(session.remote),
                agent=field(session.agent),
                end=end,
            )

    def ignored(self, session: ServerSession, peer: str) -> None:
        """Log that a hello was older than the one that the session went on with."""
        end = line(self._clock, "link ignored")
        if end is not None:
            _log.info(
                "link ignored, because it is older than the present one: session={session} peer={peer}{end}",
                session=field(session.name),
                peer=field(peer),
                end=end,
            )

    def lost(self, session: ServerSession, reason: str, window: float) -> None:
        """Log the loss of a link."""
        id = cause_id(session.name, session.attempt, "l")
        tell_cause(self._clock, link_cause(id, reason, "server", streams=len(session.mux.streams)), "")
        end = line(self._clock, "link lost")
        if end is not None:
            _log.info(
                "link lost: session={session} peer={peer} reason={reason} streams={streams} window={window:g}s{end}",
                session=field(session.name),
                peer=field(session.remote),
                reason=field(reason),
                streams=len(session.mux.streams),
                window=window,
                end=end,
            )

    def resumed(self, session: ServerSession, after: float, resent: tuple[int, int], *, took_over: bool) -> None:
        """Log that a session goes on over another link."""
        end = line(self._clock, "link back")
        if end is not None:
            _log.info(
                "link back: session={session} peer={peer} after={after:.3f}s took_over={took_over} "
                "resent_messages={messages} resent_bytes={size} ended={ended} pings_answered={answered}{end}",
                session=field(session.name),
                peer=field(session.remote),
                after=after,
                took_over=took_over,
                messages=resent[0],
                size=resent[1],
                ended=0 if took_over else len(session.at_loss - session.mux.streams.keys()),
                answered=0 if took_over else session.pings_answered,
                end=end,
            )

    def ended(self, session: ServerSession, why: str, labels: Iterable[str], streams: int) -> None:
        """Log the end of a session that had these names and so many streams."""
        end = line(self._clock, "session ended")
        if end is not None:
            _log.info(
                "session ended: session={session} reason={why} tunnels={tunnels} streams={streams}{end}",
                session=field(session.name),
                why=field(why),
                tunnels=field(",".join(labels)),
                streams=streams,
                end=end,
            )
