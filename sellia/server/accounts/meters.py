"""Meters: what tunnels carry, and the bounds of accounts and keys on it.

Need
    Usage is known by account, name and day, and who has a class of limits is held to it: exchanges at once, requests a
    second, bytes a month.

How
    A tunnel's `TunnelMeter` observes its streams and adds up; it is charged to a `Meter` of its account, and to one of
    the key that opened it if that key has limits of its own.  What has been added up is looked at once a second.

Bounds
    A meter for each account and key that has a session, or traffic under way.  Bytes are those of bodies, WebSocket
    payloads, connections and datagrams; the bound of a month is kept to within what passes in a second, and then what
    is under way ends.  What a key of its own limits has carried this month is known since the start of the server.

Cost
    An addition for each piece that passes, and for each exchange a look at every meter of its tunnel.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from math import ceil
from typing import Final

from sellia.errors import ProblemError
from sellia.problems import OVERLOADED, QUOTA_USED_UP, RATE_LIMITED
from sellia.protocol.messages import Headers, Opening, ResponseHead
from sellia.relay.limits.token_bucket import Bucket, Rate
from sellia.relay.mux.observer import EndedBy
from sellia.storage.interface import Add
from sellia.storage.records import LimitsClass, Usage
from sellia.why.cause import Cause

_CONTROL: Final = 0x08
_FIN: Final = 0x80


class Meter:
    """What an account, or a key with limits of its own, has under way and has carried this month."""

    __slots__ = ("_bucket", "bytes", "limits", "sessions", "streams", "tunnels", "who")

    def __init__(self, who: str, limits: LimitsClass) -> None:
        #: How a sentence begins that is about it.
        self.who = who
        self.sessions = self.tunnels = self.streams = 0
        #: Bytes of this month.
        self.bytes = 0
        self._bucket: Bucket | None = None
        self.set_limits(limits)

    def set_limits(self, limits: LimitsClass) -> None:
        """Apply other limits from now on."""
        self.limits = limits
        rate = limits.requests_per_second
        if rate is None:
            self._bucket = None
        elif self._bucket is None:
            self._bucket = Bucket(_rate(rate))
        else:
            self._bucket.set_rate(_rate(rate))

    @property
    def used_up(self) -> bool:
        """Whether all bytes of this month have passed."""
        most = self.limits.bytes_per_month
        return most is not None and self.bytes >= most

    def refusal(self, now: float, until_month: Callable[[], float]) -> tuple[str, ProblemError] | None:
        """Return why another exchange may not begin, with the name of the limit, or None; a request is counted."""
        limits = self.limits
        if limits.streams is not None and self.streams >= limits.streams:
            detail = f"{self.who} has {limits.streams:,} exchanges under way, which is its limit."
            return "account_streams", ProblemError(OVERLOADED, detail)
        if self.used_up:
            wait = ceil(until_month())
            return "account_bytes", ProblemError(QUOTA_USED_UP, self.quota, wait)
        wait_for = self._bucket.take(now) if self._bucket is not None else 0.0
        if wait_for or limits.requests_per_second == 0:
            detail = f"{self.who} takes {limits.requests_per_second:g} requests a second."
            return "account_requests", ProblemError(RATE_LIMITED, detail, ceil(wait_for))
        return None

    @property
    def quota(self) -> str:
        """A sentence about the bytes that it may carry."""
        return f"{self.who} has carried {self.limits.bytes_per_month:,} bytes this month, which is its limit."


class TunnelMeter:
    """What a tunnel carries: a `StreamObserver`."""

    __slots__ = (
        "_charged",
        "_told",
        "account_id",
        "bytes_in",
        "bytes_out",
        "connected",
        "messages",
        "meters",
        "name",
        "places",
        "requests",
        "since",
        "streams",
    )

    def __init__(self, account_id: str, name: str, meters: tuple[Meter, ...], now: float) -> None:
        self.account_id = account_id
        self.name = name
        self.meters = meters
        self.requests = self.messages = self.bytes_in = self.bytes_out = self.streams = 0
        #: Places of sessions that have it, and the time since which there is one; seconds before that.
        self.places = 0
        self.since = now
        self.connected = 0.0
        self._charged = 0
        self._told = (0, 0, 0, 0, 0.0)

    # --- a StreamObserver ------------------------------------------------------------------------------------

    def request(self, stream_id: int, opening: Opening) -> None:
        self.requests += 1
        self.streams += 1
        for each in self.meters:
            each.streams += 1

    def rewritten(self, stream_id: int, target: bytes, headers: Headers) -> None:
        """Count nothing: heads are not counted."""

    def sent(self, stream_id: int) -> None:
        """Count nothing."""

    def response(self, stream_id: int, head: ResponseHead) -> None:
        """Count nothing."""

    def trailers(self, stream_id: int, from_visitor: bool, headers: Headers) -> None:
        """Count nothing."""

    def explained(self, stream_id: int, cause: Cause) -> None:
        """Count nothing."""

    def body(self, stream_id: int, from_visitor: bool, data: bytes) -> None:
        if from_visitor:
            self.bytes_in += len(data)
        else:
            self.bytes_out += len(data)

    def frame(self, stream_id: int, from_visitor: bool, first: int, payload: bytes) -> None:
        if first & _FIN and not first & _CONTROL or not first:
            self.messages += 1
        if from_visitor:
            self.bytes_in += len(payload)
        else:
            self.bytes_out += len(payload)

    def frame_begun(self, stream_id: int, from_visitor: bool, first: int, length: int) -> None:
        if first & _FIN:
            self.messages += 1

    def frame_continued(self, stream_id: int, from_visitor: bool, payload: bytes) -> None:
        self.body(stream_id, from_visitor, payload)

    def ended(self, stream_id: int, by: EndedBy, code: int | str | None, reason: str) -> None:
        self.streams -= 1
        for each in self.meters:
            each.streams -= 1

    def charge_to(self, meters: tuple[Meter, ...]) -> None:
        """Charge other meters from now on, also for the streams that are under way."""
        self.charge()
        for each in self.meters:
            each.streams -= self.streams
        for each in meters:
            each.streams += self.streams
        self.meters = meters

    # --- sums ------------------------------------------------------------------------------------------------

    def charge(self) -> None:
        """Charge what has passed since the last time to the meters."""
        carried = self.bytes_in + self.bytes_out
        if carried != self._charged:
            for each in self.meters:
                each.bytes += carried - self._charged
            self._charged = carried

    def usage(self, day: date, now: float) -> Usage | None:
        """Return what there was since the last time, as usage of ``day``, or None if there was nothing."""
        if self.places:
            self.connected += max(0.0, now - self.since)
            self.since = now
        sums = (self.requests, self.messages, self.bytes_in, self.bytes_out, self.connected)
        requests, messages, came, went, connected = self._told
        if sums == self._told:
            return None
        self._told = sums
        return Usage(
            self.account_id,
            self.name,
            day,
            sums[0] - requests,
            sums[1] - messages,
            sums[2] - came,
            sums[3] - went,
            sums[4] - connected,
        )


class Meters:
    """All meters of a server; ``today`` returns the time of day."""

    def __init__(self, today: Callable[[], datetime]) -> None:
        self._today = today
        self._meters: dict[str, Meter] = {}
        self._tunnels: dict[str, TunnelMeter] = {}
        self._ending: list[TunnelMeter] = []
        self._before: dict[str, int] = {}
        self._month = (0, 0)
        #: Exchanges that visitors have asked for since the start, of every tunnel.
        self.asked = 0

    # --- who is metered --------------------------------------------------------------------------------------

    def meter(self, subject: str, who: str, limits: LimitsClass) -> Meter:
        """Return the meter of an account or a key, by its id."""
        found = self._meters.get(subject)
        if found is None:
            found = self._meters[subject] = Meter(who, limits)
            found.bytes = self._before.pop(subject, 0)
        return found

    def find(self, subject: str) -> Meter | None:
        """Return the meter of an account or a key, if it has one."""
        return self._meters.get(subject)

    def set_limits(self, limits_of: Callable[[str], tuple[str, LimitsClass] | None]) -> None:
        """Apply other limits: ``limits_of`` returns how an account or key is called, and its limits, by its id."""
        for subject, meter in list(self._meters.items()):
            found = limits_of(subject)
            if found is None:
                del self._meters[subject]
                meter.set_limits(LimitsClass(subject))  # for what is under way
            else:
                meter.who = found[0]
                meter.set_limits(found[1])

    def begin_month(self, sums: Iterable[Usage]) -> None:
        """Count what accounts have carried this month before the server was started."""
        self._month = _month(self._today())
        for each in sums:
            carried = each.bytes_in + each.bytes_out
            meter = self._meters.get(each.account_id)
            if meter is not None:
                meter.bytes += carried
            else:
                self._before[each.account_id] = carried

    # --- tunnels ---------------------------------------------------------------------------------------------

    def opened(self, label: str, account_id: str, meters: tuple[Meter, ...], now: float) -> None:
        """Count a session that has a label."""
        tunnel = self._tunnels.get(label)
        if tunnel is not None and tunnel.account_id != account_id:
            self._end(label)
            tunnel = None
        if tunnel is None:
            tunnel = self._tunnels[label] = TunnelMeter(account_id, label, meters, now)
        if not tunnel.places:
            tunnel.since = now
        tunnel.places += 1

    def closed(self, label: str, now: float) -> None:
        """Count a session that has it no more."""
        tunnel = self._tunnels.get(label)
        if tunnel is None or not tunnel.places:
            return
        tunnel.places -= 1
        if not tunnel.places:
            tunnel.connected += max(0.0, now - tunnel.since)
            self._end(label)

    def _end(self, label: str) -> None:
        """Go on counting what is under way, until that ends."""
        self._ending.append(self._tunnels.pop(label))

    def tunnel(self, label: str) -> TunnelMeter | None:
        """Return the meter of a label, if a session has it."""
        return self._tunnels.get(label)

    def _all(self) -> Iterator[TunnelMeter]:
        yield from self._tunnels.values()
        yield from self._ending

    # --- once a second, and when usage is written ------------------------------------------------------------

    def check(self) -> list[Meter]:
        """Charge what has passed; return the meters that have used up their month while something is under way."""
        month = _month(self._today())
        if month != self._month:
            self._month = month
            self._before.clear()
            for tunnel in self._all():
                tunnel.charge()
            for meter in self._meters.values():
                meter.bytes = 0
        for tunnel in self._all():
            tunnel.charge()
        return [each for each in self._meters.values() if each.streams and each.used_up]

    def usage(self, now: float) -> list[Add]:
        """Return what there was since the last time, to be written, and let go of tunnels that are over."""
        day = self._today().date()
        found = [each.usage(day, now) for each in self._all()]
        self._ending = [each for each in self._ending if each.streams]
        for subject, meter in list(self._meters.items()):
            if not (meter.sessions or meter.tunnels or meter.streams):
                self._before[subject] = meter.bytes
                del self._meters[subject]
        return [Add(each) for each in found if each is not None]

    def until_month(self) -> float:
        """Return the seconds until the next month begins."""
        now = self._today()
        year, month = (now.year + 1, 1) if now.month == 12 else (now.year, now.month + 1)
        return (datetime(year, month, 1, tzinfo=now.tzinfo) - now).total_seconds()


def _rate(per_second: float) -> Rate:
    """Return the rate of requests: as many at once as in a second, and one at least."""
    return Rate(max(1, ceil(per_second)), max(per_second, 0.001))


def _month(now: datetime) -> tuple[int, int]:
    return now.year, now.month
