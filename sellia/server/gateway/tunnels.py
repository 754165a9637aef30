"""What clients say about tunnels: names claimed, and given up.

A name is never taken by its own owner's ghost.  When the session that has a name belongs to whoever asks for it, and
its link seems to be alive, that link is pinged first: a client that was killed, or whose network is gone, leaves links
behind that nobody has noticed to be dead.  If nothing at all comes within ``GHOST_TRIPS`` times its shortest round
trip, which is ``GHOST_LEAST`` seconds at least and ``GHOST_MOST`` at most, the new session gets the name; if something
does, there are two clients, and the name is taken.

Only the name changes hands then: a client that was busy keeps its session, its other names and what is under way.  A
session that has no name left and says nothing for ``GHOST_DEAD`` more seconds ends.
"""

from math import isfinite
from typing import TYPE_CHECKING, Final

from twisted.logger import Logger

from sellia.errors import ProblemError, ProtocolError
from sellia.problems import PROBLEMS
from sellia.protocol.messages import CloseTunnel, GoAway, OpenTunnel, TunnelReady, TunnelRefused
from sellia.relay.http.hosts import public_url
from sellia.relay.names import validate_name
from sellia.relay.registry import Tunnel
from sellia.relay.secrets import basic_auth_digest
from sellia.text import field, printable
from sellia.transports.link.keeper import Link
from sellia.transports.reactor.lines import line
from sellia.transports.reactor.waiting import wait_for

if TYPE_CHECKING:
    from sellia.server.gateway.gateway import Gateway
    from sellia.server.gateway.sessions import ServerSession

#: Round trips, and seconds, for the link of the session that has a name to show that it lives; between two looks at it.
GHOST_TRIPS: Final = 20
GHOST_LEAST: Final = 1.0
GHOST_MOST: Final = 3.0
GHOST_STEP: Final = 0.05

#: Seconds that a session which has lost its last name so has to show that it lives.
GHOST_DEAD: Final = 3.0

_TAKEN_OVER: Final = "another client of the same owner asked for its name, and this one did not answer in time"

#: Refusals after which the same claim may well be granted.
_PASSING: Final = ("name-taken", "overloaded", "internal", "server-draining", "rate-limited")

#: The limits that refusals stand for, by their words.
_LIMITS: Final = {"overloaded": "tunnels", "too-many-tunnels": "tunnels_per_key", "rate-limited": "tunnel_rate"}
_PER_CLIENT: Final = "This client has as many tunnels as it may."

_log = Logger()


class TunnelRequests:
    """The claims of all sessions of a gateway."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway

    def open(self, session: "ServerSession", wanted: OpenTunnel) -> None:
        """A client wants a name: it is told whether it gets it, at once or soon."""
        mine = self._gateway.registry.tunnels_of(session)
        if wanted.tunnel in session.claiming or any(tunnel.tunnel_id == wanted.tunnel for tunnel in mine):
            raise ProtocolError("a tunnel was opened twice")
        options = wanted.options
        if not all(isfinite(each) and each >= 0 for each in (options.request_timeout, options.upgrade_timeout)):
            raise ProtocolError("a timeout of a tunnel is not a number of seconds")
        self._claim(session, wanted, len(mine) + len(session.claiming), sure=False)

    def close(self, session: "ServerSession", message: CloseTunnel) -> None:
        """A client gives a name up.  What is under way goes on."""
        session.claiming.discard(message.tunnel)
        gateway = self._gateway
        for tunnel in gateway.registry.tunnels_of(session):
            if tunnel.tunnel_id == message.tunnel:
                gateway.registry.release(tunnel, gateway.clock.seconds())
                end = line(gateway.clock, "tunnel closed")
                if end is not None:
                    _log.info(
                        "tunnel closed: name={name} session={session}{end}",
                        name=field(tunnel.label),
                        session=field(session.name),
                        end=end,
                    )

    def leave(self, session: "ServerSession", message: GoAway) -> None:
        """A client will soon stop: its names are for nobody but its owner until it has, and visitors are told."""
        gateway = self._gateway
        session.claiming.clear()
        now = gateway.clock.seconds()
        released = gateway.registry.release_all(session, now, held=True)
        session.left = [left for left in session.left if gateway.registry.is_held(left[0], now)]
        session.left += [(tunnel.label, tunnel.owner) for tunnel in released]
        if session.stops and not released:
            return
        session.stops = True
        end = line(gateway.clock, "client stops")
        if end is not None:
            _log.info(
                "client stops: session={session} tunnels={tunnels} streams={streams} within={seconds:g}s{end}",
                session=field(session.name),
                tunnels=field(",".join(tunnel.label for tunnel in released)),
                streams=len(session.session.streams),
                seconds=message.seconds,
                end=end,
            )

    # --- inside --------------------------------------------------------------------------------------------

    def _claim(self, session: "ServerSession", wanted: OpenTunnel, count: int, *, sure: bool) -> None:
        gateway = self._gateway
        registry, now = gateway.registry, gateway.clock.seconds()
        try:
            if not sure and session.claims is not None and session.claims.take(now):
                raise ProblemError(PROBLEMS["rate-limited"], "This client asks for names too often.")
            if gateway.draining:
                raise ProblemError(PROBLEMS["server-draining"])
            if wanted.kind != "http":
                raise ProblemError(PROBLEMS["forbidden"], f"This server has no {printable(wanted.kind, 16)} tunnels.")
            if count >= gateway.settings.tunnels_per_client:
                raise ProblemError(PROBLEMS["too-many-tunnels"], _PER_CLIENT)
            name = validate_name(wanted.name) if wanted.name else registry.free_name(gateway.random, now)
            try:
                auth = basic_auth_digest(wanted.auth) if wanted.auth is not None else None
            except ValueError as error:
                raise ProblemError(PROBLEMS["forbidden"], f"{str(error)[:1].upper()}{str(error)[1:]}.") from None
            rival = None if sure else self._rival(session, name)
            if rival is not None:
                self._doubt(session, wanted, rival)
                return
            claim = registry.claim(
                name,
                session,
                session.owner,
                now,
                tunnel_id=wanted.tunnel,
                auth=auth,
                account=session.counts_as,
                options=wanted.options,
            )
        except ProblemError as error:
            self._refuse(session, wanted, error)
            return
        if session.link is None:
            registry.away(session)  # it was lost while its claim was in doubt
        if claim.displaced is not None:
            self._lost_name(claim.displaced)
        settings = gateway.settings
        url = public_url(name, settings.domain, gateway.public_port, settings.https)
        session.session.say(TunnelReady(wanted.tunnel, name, url))
        end = line(gateway.clock, "tunnel opened")
        if end is not None:
            _log.info(
                "tunnel opened: name={name} session={session} url={url}{end}",
                name=field(name),
                session=field(session.name),
                url=field(url),
                end=end,
            )

    def _refuse(self, session: "ServerSession", wanted: OpenTunnel, error: ProblemError) -> None:
        word = error.problem.code
        limit = "tunnels_per_client" if error.detail is _PER_CLIENT else _LIMITS.get(word)
        if limit is not None:
            self._gateway.guard.refused(limit, session.remote, word)
        elif (suppressed := self._gateway.guard.rate_limited_log(word)) is not None:
            _log.info(
                "tunnel refused: name={name} session={session} peer={peer} word={word} suppressed={suppressed}",
                name=field(printable(wanted.name or "", 64)),
                session=field(session.name),
                peer=field(session.remote),
                word=field(word),
                suppressed=suppressed,
            )
        session.session.say(TunnelRefused(wanted.tunnel, word, str(error), word not in _PASSING))

    def _lost_name(self, tunnel: "Tunnel[ServerSession]") -> None:
        """A session has lost a name to another one of the same owner."""
        session, gateway = tunnel.upstream, self._gateway
        if gateway.registry.tunnels_of(session):
            session.session.say(CloseTunnel(tunnel.tunnel_id, "name-taken", _TAKEN_OVER))
        elif session.link is None:
            gateway.end(session, "client-gone", "its client was started again", "started again")
        else:
            session.session.say(CloseTunnel(tunnel.tunnel_id, "name-taken", _TAKEN_OVER))
            self._watch(session, session.link)

    def _watch(self, session: "ServerSession", link: Link) -> None:
        """End a session without names, unless something comes over its link."""
        heard = link.heard
        gateway = self._gateway

        def shows() -> bool:
            return link.heard > heard or session.link is not link

        def end(_: object) -> None:
            if not shows() and not gateway.registry.tunnels_of(session):
                gateway.end(session, "client-gone", "its client was started again", "its link is dead")

        waited = wait_for(gateway.clock, shows, GHOST_DEAD, GHOST_STEP)
        waited.addCallback(end)
        waited.addErrback(lambda failure: _log.failure("a session could not be watched", failure=failure))

    def _rival(self, session: "ServerSession", name: str) -> "Tunnel[ServerSession] | None":
        """The tunnel of that name, if it is the same owner's and its link is one that nobody knows to be dead."""
        bound = self._gateway.registry.find(name)
        if bound is None or bound.owner != session.owner or bound.upstream is session or bound.upstream.link is None:
            return None
        return bound

    def _doubt(self, session: "ServerSession", wanted: OpenTunnel, tunnel: "Tunnel[ServerSession]") -> None:
        """Find out whether the session that has the name lives."""
        rival = tunnel.upstream
        link = rival.link
        assert link is not None
        session.claiming.add(wanted.tunnel)
        asked = link.ask()
        seconds = min(GHOST_MOST, max(GHOST_LEAST, GHOST_TRIPS * link.trip))
        waited = wait_for(
            self._gateway.clock, lambda: link.heard >= asked or rival.link is not link, seconds, GHOST_STEP
        )
        waited.addCallback(lambda _: self._decide(session, wanted, tunnel, link, link.heard >= asked))
        waited.addErrback(lambda failure: _log.failure("a claim could not be decided", failure=failure))

    def _decide(
        self,
        session: "ServerSession",
        wanted: OpenTunnel,
        tunnel: "Tunnel[ServerSession]",
        link: Link,
        alive: bool,
    ) -> None:
        if wanted.tunnel not in session.claiming or session.session.closed:
            return
        session.claiming.discard(wanted.tunnel)
        gateway = self._gateway
        if tunnel.upstream.link is link and not alive and gateway.registry.release(tunnel, gateway.clock.seconds()):
            self._lost_name(tunnel)
        count = len(gateway.registry.tunnels_of(session)) + len(session.claiming)
        self._claim(session, wanted, count, sure=True)
