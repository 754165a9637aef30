"""Holds (breakpoints): requests and messages that fit a rule are stopped until somebody lets them go, or time is over.

Need
    Whoever debugs wants to stop what passes, look at it, change it, and see what the other end makes of it.  What is
    forgotten must not hang for ever.

Bounds
    ``RULES`` rules, ``HELD`` things at once (what comes beyond passes), each held ``LONGEST`` seconds at most.  A
    request that is held takes no more from its visitor than a stream's credit; for messages see `gates`.

Cost
    Without a rule for requests a stream pays for one look at an attribute; without one for messages no gate stands on
    any leg.
"""

import base64
from collections.abc import Callable
from itertools import count
from typing import Any, Final, Literal, Protocol

import msgspec
from twisted.internet.interfaces import IDelayedCall

from sellia.client.events import Report
from sellia.client.inspector.answers import ApiError
from sellia.client.inspector.gates import MessageGate, Parcel
from sellia.client.inspector.held_request import HeldRequest, Release
from sellia.client.tunnel import Tunnel
from sellia.inspector.capture import SessionCapture, exchange_of
from sellia.inspector.exchange import Exchange
from sellia.inspector.filters import Filter, parse
from sellia.inspector.matching import FilterError
from sellia.inspector.shapes import headers_of
from sellia.inspector.store import Store
from sellia.protocol.messages import HttpRequest, Opening, WebSocketRequest
from sellia.relay.mux.leg import Leg
from sellia.relay.mux.stream import Stream
from sellia.text import decoded
from sellia.transports.reactor.waiting import cancel
from sellia.transports.websocket.pipe import WebSocketLeg

#: Rules, things that are held at once, seconds that one may be held, and bytes of it that are shown.
RULES: Final = 32
HELD: Final = 100
LONGEST: Final = 600.0
SHOWN: Final = 1 << 20


class NewHold(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A rule.  ``filter`` is about the exchange; ``direction`` and ``contains``, a text, are about messages."""

    what: Literal["requests", "messages"]
    filter: str = ""
    direction: Literal["both", "to-service", "to-visitor"] = "both"
    contains: str = ""
    seconds: float = 30.0
    once: bool = False


class LetGo(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What becomes of something that is held: ``release`` lets it go, with changes if there are any; or it is dropped.

    ``payload`` is for messages, the rest for requests.
    """

    action: Literal["release", "drop"] = "release"
    payload: str | None = None
    payload_base64: str | None = None
    method: str | None = None
    target: str | None = None
    headers: list[tuple[str, str]] | None = None
    body: str | None = None
    body_base64: str | None = None


class Rule(msgspec.Struct):
    """A rule that counts."""

    id: str
    hold: NewHold
    filter: Filter
    wanted: bytes


class Held(msgspec.Struct, eq=False):
    """Something that is held.  ``subject`` is a held request, or the gate and the message."""

    id: str
    rule: str
    since: float
    until: float
    subject: HeldRequest | tuple[MessageGate, Parcel]
    timer: IDelayedCall


class Owner(Protocol):
    """Inspector whose client's exchanges are held."""

    store: Store
    clock: Any

    @property
    def client(self) -> Any:
        """The client, a `ClientService`.  Raises ApiError where there is none."""

    def now(self) -> float:
        """Return the time, in seconds since 1970."""


class Holds:
    """All holds of one inspector; ``changed`` is called when there is something new to show."""

    def __init__(self, owner: Owner, changed: Callable[[], None]) -> None:
        self._owner = owner
        self._changed = changed
        self._rules: dict[str, Rule] = {}
        self._held: dict[str, Held] = {}
        self._gates: set[MessageGate] = set()
        self._numbers = count(1)

    # --- for the API --------------------------------------------------------------------------------------------

    def add(self, hold: NewHold) -> Rule:
        """Add a rule.  Raises ApiError."""
        if len(self._rules) >= RULES:
            raise ApiError(409, "too-many-holds", f"{RULES} holds are set already: remove one of them.")
        if not 0 < hold.seconds <= LONGEST:
            raise ApiError(422, "bad-body", f"seconds must be a number above 0, {LONGEST:g} at most.")
        try:
            filter = parse(hold.filter)
        except FilterError as error:
            raise ApiError(422, "bad-filter", f"The filter cannot be read: {error}.") from None
        rule = Rule(f"h{next(self._numbers)}", hold, filter, hold.contains.encode("utf-8", "surrogatepass"))
        self._rules[rule.id] = rule
        self.watch()
        self._changed()
        return rule

    def remove(self, id: str) -> None:
        """Remove a rule, and let go of what it holds.  Raises ApiError."""
        if self._rules.pop(id, None) is None:
            raise ApiError(404, "no-such-hold", "There is no hold with this id.")
        for held in [each for each in self._held.values() if each.rule == id]:
            self._release(held)
        self.watch()
        self._changed()

    def clear(self) -> None:
        """Remove all rules, and let go of everything."""
        self._rules.clear()
        for held in list(self._held.values()):
            self._release(held)
        self.watch()
        self._changed()

    def let_go(self, id: str, release: Release, payload: bytes | None, *, drop: bool) -> None:
        """Let go of something, changed or not, or drop it.  Raises ApiError."""
        held = self._held.get(id)
        if held is None:
            raise ApiError(404, "no-such-hold", "Nothing is held by this id: it may have been let go of meanwhile.")
        if isinstance(held.subject, HeldRequest):
            held.subject.check(release)
        elif (drop or payload is not None) and not held.subject[0].can_change(held.subject[1]):
            told = "This message is compressed, and others refer to it that could not be read without: let it go."
            raise ApiError(409, "not-changeable", told)
        self._release(held, release, payload, drop=drop)
        self._changed()

    def opening(self, id: str) -> HttpRequest | WebSocketRequest | None:
        """Return the opening of a request that is held; None where a message is, or nothing."""
        held = self._held.get(id)
        return held.subject.opening if held is not None and isinstance(held.subject, HeldRequest) else None

    def shown(self) -> dict[str, Any]:
        """Return all rules, and what they hold."""
        rules = [{"id": each.id, **msgspec.to_builtins(each.hold)} for each in self._rules.values()]
        return {"holds": rules, "held": [_shown(each) for each in self._held.values()]}

    # --- for the client -------------------------------------------------------------------------------------------

    def watch(self) -> None:
        """Stand where there is something to stop, and nowhere else.  Call it when services have changed."""
        session = self._owner.client.session
        what = {rule.hold.what for rule in self._rules.values()}
        session.holder = self.request if "requests" in what else None
        opened = self._opened if "messages" in what else None
        for service in session.tunnels.services:
            service.pipes.opened = opened
            for pipe in list(service.pipes.open) if opened is not None else ():
                self._opened(pipe)
        for gate in list(self._gates):
            if not self._rule_of(gate.exchange, "messages"):
                gate.leave()
            if gate.leg.gate is not gate:
                self._gates.discard(gate)

    def request(
        self, tunnel: Tunnel, stream: Stream, opening: Opening, end: bool, report: Report | None, observer: Any
    ) -> Leg | None:
        """Return the leg of a request that is to be held; None for one that is not."""
        if len(self._held) >= HELD or not isinstance(opening, HttpRequest | WebSocketRequest):
            return None
        exchange = exchange_of(0, opening)
        exchange.tunnel = tunnel.name or "-"
        rule = self._rule_of(exchange, "requests")
        if rule is None:
            return None
        capture: SessionCapture = observer
        request = HeldRequest(tunnel, stream, opening, end, report, capture, self._owner.now(), self._gone)
        self._hold(rule, request)
        return request

    # --- the owner of gates -----------------------------------------------------------------------------------------

    def wants(self, gate: MessageGate, parcel: Parcel) -> bool:
        if len(self._held) >= HELD:
            return False
        direction = "to-service" if parcel.to_service else "to-visitor"
        for rule in self._rules.values():
            hold = rule.hold
            if hold.what != "messages" or hold.direction not in ("both", direction):
                continue
            if rule.wanted and (parcel.content is None or rule.wanted not in parcel.content):
                continue
            if rule.filter.matches(gate.exchange):
                self._hold(rule, (gate, parcel))
                return True
        return False

    def passed(self, gate: MessageGate, parcel: Parcel) -> None:
        for held in list(self._held.values()):
            if isinstance(held.subject, tuple) and held.subject[1] is parcel:
                self._forget(held)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _opened(self, pipe: WebSocketLeg) -> None:
        """Put a gate on a WebSocket that a rule fits."""
        observer: Any = pipe.observer
        exchange = observer.exchange(pipe.record.number) if observer is not None else None
        if exchange is not None and pipe.gate is None and self._rule_of(exchange, "messages"):
            self._gates = {each for each in self._gates if each.leg.gate is each}
            self._gates.add(MessageGate(pipe, exchange, self))

    def _rule_of(self, exchange: Exchange, what: str) -> Rule | None:
        return next(
            (rule for rule in self._rules.values() if rule.hold.what == what and rule.filter.matches(exchange)), None
        )

    def _hold(self, rule: Rule, subject: HeldRequest | tuple[MessageGate, Parcel]) -> None:
        id, now = f"x{next(self._numbers)}", self._owner.now()
        timer = self._owner.clock.callLater(rule.hold.seconds, self._late, id)
        self._held[id] = Held(id, rule.id, now, now + rule.hold.seconds, subject, timer)
        if rule.hold.once:
            # Its rule is over, and what it holds is not.
            self._owner.clock.callLater(0, self._used, rule.id)
        self._changed()

    def _used(self, id: str) -> None:
        if self._rules.pop(id, None) is not None:
            self.watch()
            self._changed()

    def _late(self, id: str) -> None:
        held = self._held.get(id)
        if held is not None:
            self._release(held)
            self._changed()

    def _gone(self, request: HeldRequest) -> None:
        """A request that was held is over: its visitor has left."""
        for held in list(self._held.values()):
            if held.subject is request:
                self._forget(held)

    def _forget(self, held: Held) -> None:
        cancel(held.timer)
        self._held.pop(held.id, None)
        self._changed()

    def _release(
        self, held: Held, release: Release | None = None, payload: bytes | None = None, *, drop: bool = False
    ) -> None:
        self._forget(held)
        if isinstance(held.subject, HeldRequest):
            held.subject.let_go(release, drop=drop)
        else:
            gate, parcel = held.subject
            gate.let_go(parcel, payload, drop=drop)
            if not self._rule_of(gate.exchange, "messages"):
                gate.leave()


def _shown(held: Held) -> dict[str, Any]:
    """Return what is held, for whoever decides on it."""
    told: dict[str, Any] = {"id": held.id, "hold": held.rule, "since": held.since, "until": held.until}
    if isinstance(held.subject, HeldRequest):
        request = held.subject
        opening = request.opening
        told["request"] = {
            "tunnel": request.tunnel.name or "-",
            "visitor": opening.visitor,
            "websocket": isinstance(opening, WebSocketRequest),
            "method": decoded(opening.method) if isinstance(opening, HttpRequest) else "GET",
            "target": decoded(opening.target),
            "headers": headers_of(opening.headers),
            "bytes": request.size,
            "complete": request.complete,
            **_content(b"".join(request.body)),
        }
        return told
    gate, parcel = held.subject
    told["exchange"] = gate.exchange.id
    told["message"] = {
        "direction": "to-service" if parcel.to_service else "to-visitor",
        "opcode": {1: "text", 2: "binary"}.get(parcel.opcode, "other"),
        "bytes": parcel.size,
        "changeable": gate.can_change(parcel),
        **_content(parcel.content),
    }
    return told


def _content(content: bytes | None) -> dict[str, Any]:
    """Return bytes as the text that they are, or else in base64; nothing where they are not known."""
    if content is None:
        return {"text": None, "base64": None}
    shown = content[:SHOWN]
    try:
        return {"text": shown.decode("utf-8"), "base64": None}
    except UnicodeDecodeError:
        return {"text": None, "base64": base64.b64encode(shown).decode("ascii")}
