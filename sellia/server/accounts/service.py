"""The service of a server's accounts: puts the parts together, and does what is due once a second.

Need
    Keys that expire, limits of a month and names that nobody comes back for are matters of time; and a database that is
    away is to be asked again.

Invariants
    * A session whose key opens nothing any more ends within a second: at once when the change is made here, at the next
      look where time or another server has made it.
    * The directory is read when the service starts, while clients that show a key of an account wait.
"""

import gc
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from sellia.errors import ProblemError
from sellia.problems import QUOTA_USED_UP
from sellia.relay.mux.observer import StreamObserver
from sellia.relay.mux.upstream import Upstream
from sellia.relay.registry import Tunnel
from sellia.server.accounts.changes import Changes
from sellia.server.accounts.domain_proofs import AccountProofs
from sellia.server.accounts.expiries import Expiries
from sellia.server.accounts.holders import Holder
from sellia.server.accounts.journal import AccountJournal
from sellia.server.accounts.key_store import AccountKeys
from sellia.server.accounts.live import LiveDirectory
from sellia.server.accounts.meters import Meter, Meters
from sellia.server.accounts.names import Names
from sellia.server.accounts.operations import Operations
from sellia.server.accounts.parts import Parts
from sellia.server.accounts.policy import AccountPolicy
from sellia.server.accounts.port_memory import AccountPorts
from sellia.server.accounts.recorder import Recorder
from sellia.server.accounts.threads import StorageThreads
from sellia.server.gateway.gateway import Gateway
from sellia.server.settings import ServerSettings
from sellia.storage.failures import StorageError
from sellia.storage.interface import Change, Delete, Storage, Update
from sellia.storage.records import Account, Event, Key

#: Seconds between two sums of usage, and between two looks whether another server has changed something.
USAGE_EVERY: Final = 10.0
LOOK_EVERY: Final = 1.0

#: Seconds after which a thread that works on the database lets the reactor go on.
SWITCH_INTERVAL: Final = 0.0001

_log = Logger()


def utc_now() -> datetime:
    """Return the time of day."""
    return datetime.now(UTC)


class Visitors(Protocol):
    """The ingress, as accounts use it."""

    observe: Callable[[Tunnel[Upstream]], StreamObserver | None] | None

    def hold_to(self, allowance: Callable[[Tunnel[Upstream], str], ProblemError | None]) -> None:
        """Ask before each exchange whether its tunnel's account may carry it."""


class Accounts(Service):
    """The accounts of one server; ``today`` returns the time of day."""

    def __init__(
        self,
        storage: Storage,
        settings: ServerSettings,
        reactor: Any,
        today: Callable[[], datetime] = utc_now,
        threads: StorageThreads | None = None,
    ) -> None:
        self._today = today
        self._threads = threads or StorageThreads(storage, reactor)
        self._live = LiveDirectory()
        self._changes = Changes(self._live, self._threads)
        self._names = Names(self._live)
        self._meters = Meters(today)
        self._expiries = Expiries()
        #: The key store, and the memory of ports and of proofs of domains, for the gateway that is to be made.
        self.keys = AccountKeys(self._live, settings, today)
        self.ports = AccountPorts(self._names, lambda: today().timestamp())
        self.proofs = AccountProofs(self._live, self._changes, today)
        self._settings = settings
        self._loading = False
        self._looked = self._summed = 0.0
        self._summed_month = False
        self.parts: Parts
        self.operations: Operations

    def attach(self, gateway: Gateway, ingress: Visitors) -> None:
        """Hold a gateway's clients, and their visitors, to the accounts."""
        self._gateway, self._guard = gateway, gateway.guard
        policy = AccountPolicy(self._live, self._meters, gateway.registry, self._today)
        recorder = Recorder(self._threads, self._changes, self._names, self._today, self._settings)
        clock = gateway.clock
        journal = AccountJournal(self._live, self._meters, policy, self._names, recorder, clock, self._today)
        self.parts = Parts(
            self._live,
            self._threads,
            self._changes,
            self._names,
            self._meters,
            self.keys,
            policy,
            recorder,
            journal,
            gateway,
            self._today,
        )
        self.operations = Operations(self.parts, gateway.health)
        gateway.policy, gateway.journal = policy, journal
        gateway.registry.reservations = self._names
        gateway.guard.each_second.append(self.check)
        ingress.observe = self._observer
        ingress.hold_to(self._allowance)
        self._changes.watchers.append(self._changed)

    def set_settings(self, settings: ServerSettings) -> None:
        """Take other settings from now on."""
        self._settings = settings
        self.keys.set_settings(settings)
        self.parts.recorder.set_settings(settings)

    def startService(self) -> None:
        super().startService()
        self._threads.start()
        sys.setswitchinterval(SWITCH_INTERVAL)
        self._load()

    def stopService(self) -> "Deferred[None]":
        super().stopService()
        return Deferred.fromCoroutine(self._finish())

    async def _finish(self) -> None:
        self.parts.recorder.add(self._meters.usage(self._gateway.clock.seconds()))
        await self.parts.recorder.finish()
        await self._threads.finish()
        if not self._threads.busy:
            self._threads.storage.close()

    # --- the directory ---------------------------------------------------------------------------------------

    def _load(self) -> None:
        """Read the directory, or look whether another server has changed it."""
        if self._loading:
            return
        self._loading = True
        loading = Deferred.fromCoroutine(self._loaded())

        def ended(result: Any) -> None:
            self._loading = False
            if result is not None:
                _log.failure("a defect of Sellia's own: the accounts were not read", result)

        loading.addBoth(ended)

    async def _loaded(self) -> None:
        try:
            if not self.keys.ready:
                await self._changes.load()
                await self._sum_month()
                gc.freeze()  # a collection that goes through 100,000 keys, which stay, would stop all traffic for 0.3 s
                self.keys.loaded()
            else:
                await self._changes.look()
        except (StorageError, ProblemError):
            self.keys.failed()  # the threads have logged it

    async def _sum_month(self) -> None:
        """Learn what accounts have carried this month."""
        if not self._summed_month:
            day = self._today().date()
            sums = await self._threads.call(self._threads.storage.usage_sums, day.replace(day=1), day)
            self._meters.begin_month(sums)
            self._summed_month = True

    def _changed(self, changes: Sequence[Change] | None) -> None:
        """Act on what has changed in memory."""
        if changes is None:
            self._names.loaded(self._today().timestamp())
            self._expiries.replace(self._live.expiries())
        else:
            for each in changes:
                key = getattr(each, "record", None)
                if isinstance(key, Key) and key.expires_at is not None and key.revoked_at is None:
                    self._expiries.add(key.expires_at, key.id)
        self._meters.set_limits(self.parts.policy.limits_of)
        keys = {each.record.id for each in changes or () if isinstance(each, Update) and isinstance(each.record, Key)}
        if changes is None or keys:
            self.parts.journal.limits_changed(None if changes is None else keys)
        if changes is None or any(_may_close(each) for each in changes):
            self._end_closed()

    # --- once a second ---------------------------------------------------------------------------------------

    def check(self, now: float) -> None:
        """Do what is due; ``now`` is the clock's time."""
        if not self.running:
            return
        today = self._today()
        if expired := self._expiries.over(today):
            self._tell_expired(expired)
            self._end_closed()
        for meter in self._meters.check():
            self._end_streams(meter)
        if now - self._summed >= USAGE_EVERY:
            self._summed = now
            self.parts.recorder.add(self._meters.usage(now))
        self._names.expire(today.timestamp())
        if now - self._looked >= LOOK_EVERY:
            self._looked = now
            self._load()
        if self.keys.ready:
            self.parts.recorder.flush(now)

    def _tell_expired(self, keys: list[str]) -> None:
        for each in keys:
            key = self._live.keys.get(each)
            if key is not None and self._live.why_closed(key, self._today()) == "expired":
                event = Event(self._today(), "key.expired", key.account_id, key.prefix, subject=key.id)
                self.parts.recorder.event(event)

    def _end_closed(self) -> None:
        """End the sessions whose keys open nothing any more."""
        for session in list(self._gateway.sessions.values()):
            if not isinstance(session.owner.names, Holder) or session.owner.names.account_id is None:
                continue
            problem = self.parts.policy.closed(session.owner.key)
            if problem is None:
                continue
            key = self._live.keys.get(session.owner.key)
            reason = key.revoked_reason if key is not None else ""
            message = f"{problem.sentence} {reason}".strip()
            self._gateway.dismiss(session, problem, problem.sentence.rstrip(".").lower(), message)

    def _end_streams(self, meter: Meter) -> None:
        """End what is under way of an account that has carried as much as it may."""
        for session in list(self._gateway.sessions.values()):
            labels = {each.label: each.tunnel_id for each in self._gateway.registry.tunnels_of(session)}
            labels |= {label: number for number, label in session.pools.items()}
            numbers = set()
            for label, number in labels.items():
                tunnel = self._meters.tunnel(label)
                if tunnel is not None and meter in tunnel.meters:
                    numbers.add(number)
            for stream in list(session.mux.streams.values()) if numbers else ():
                if stream.tunnel in numbers:
                    session.mux.load.end(stream, f"{QUOTA_USED_UP.code}: {meter.quota}", "account_bytes")

    # --- for the ingress -------------------------------------------------------------------------------------

    def _observer(self, tunnel: Tunnel[Upstream]) -> StreamObserver | None:
        return self._meters.tunnel(tunnel.label)

    def _allowance(self, tunnel: Tunnel[Upstream], visitor: str) -> ProblemError | None:
        """Return why a tunnel may carry no other exchange, and count it."""
        self._meters.asked += 1
        found = self._meters.tunnel(tunnel.label)
        if found is None:
            return None
        for meter in found.meters:
            refusal = meter.refusal(self._gateway.clock.seconds(), self._meters.until_month)
            if refusal is not None:
                limit, error = refusal
                self._guard.refused(limit, visitor, error.problem.status or 503)
                return error
        return None


def _may_close(change: Change) -> bool:
    """Return whether a change may have closed a key."""
    return isinstance(change, Update | Delete) and isinstance(change.record, Account | Key)
