"""The journal of accounts: what clients do becomes events, usage, and counts against limits.

Bounds
    Refusals are what strangers can cause: an event each for the first ``REFUSALS`` of a word, and then so many a
    second; the next one says how many were left out.
"""

from collections.abc import Callable, Container, Mapping
from datetime import datetime
from typing import Final

from twisted.internet.interfaces import IReactorTime

from sellia.errors import ProblemError
from sellia.relay.limits.limit_log import LimitLog
from sellia.relay.limits.token_bucket import Rate
from sellia.relay.ports import port_of, shown_name
from sellia.server.accounts.holders import Holder
from sellia.server.accounts.key_store import MASTER_ID
from sellia.server.accounts.live import LiveDirectory
from sellia.server.accounts.meters import Meter, Meters
from sellia.server.accounts.names import Names
from sellia.server.accounts.policy import AccountPolicy
from sellia.server.accounts.recorder import Recorder
from sellia.server.gateway.keys import Owner
from sellia.server.gateway.sessions import ServerSession
from sellia.storage.records import Event
from sellia.text import printable

#: Events of refusals, by their word.
REFUSALS: Final = Rate(100, 1.0)

Detail = Mapping[str, str | int | float | bool | None]


class _Charged:
    """What a session counts for: the meters that it is charged to, and the labels that it has."""

    __slots__ = ("labels", "meters")

    def __init__(self, meters: tuple[Meter, ...]) -> None:
        self.meters = meters
        self.labels: list[str] = []

    def count(self, number: int) -> None:
        """Count the session, with its tunnels, once more or once less."""
        for each in self.meters:
            each.sessions += number
            each.tunnels += number * len(self.labels)

    def opened(self, label: str) -> None:
        self.labels.append(label)
        for each in self.meters:
            each.tunnels += 1

    def closed(self, label: str) -> None:
        if label in self.labels:
            self.labels.remove(label)
            for each in self.meters:
                each.tunnels -= 1


class AccountJournal:
    """A `Journal`; ``today`` returns the time of day."""

    def __init__(
        self,
        live: LiveDirectory,
        meters: Meters,
        policy: AccountPolicy,
        names: Names,
        recorder: Recorder,
        clock: IReactorTime,
        today: Callable[[], datetime],
    ) -> None:
        self._live = live
        self._meters = meters
        self._policy = policy
        self._names = names
        self._recorder = recorder
        self._clock = clock
        self._today = today
        self._refusals = LimitLog(REFUSALS)
        self._charged: dict[ServerSession, _Charged] = {}

    # --- a Journal -------------------------------------------------------------------------------------------

    def session_opened(self, session: ServerSession) -> None:
        """Count a client, and note the use of its key."""
        owner = session.owner
        charged = self._charged[session] = _Charged(self._policy.meters_of(owner))
        charged.count(1)
        if owner.key and owner.key != MASTER_ID:
            self._recorder.used(owner.key, session.remote)
        self._event("session.opened", session, session.name, {"agent": session.agent})

    def session_ended(self, session: ServerSession, why: str) -> None:
        """Count a client no more."""
        charged = self._charged.pop(session, None)
        if charged is not None:
            charged.count(-1)
        seconds = round(self._clock.seconds() - session.since, 3)
        self._event("session.closed", session, session.name, {"reason": printable(why, 200), "seconds": seconds})

    def tunnel_opened(self, session: ServerSession, label: str, kind: str) -> None:
        """Count a tunnel, and keep its name from now on."""
        owner = session.owner.names
        account = _account_of(session.owner)
        charged = self._charged.get(session)
        meters = charged.meters if charged is not None else ()
        if charged is not None:
            charged.opened(label)
        self._meters.opened(label, account or "", meters, self._clock.seconds())
        self._names.used(label, owner, self._today().timestamp())
        self._event("tunnel.opened", session, _shown(label), {"kind": kind, "session": session.name})

    def tunnel_closed(self, session: ServerSession, label: str) -> None:
        """Count it no more; its name is kept for a while."""
        charged = self._charged.get(session)
        if charged is not None:
            charged.closed(label)
        self._meters.closed(label, self._clock.seconds())
        self._names.used(label, session.owner.names, self._today().timestamp())
        self._event("tunnel.closed", session, _shown(label), {"session": session.name})

    def refused(self, remote: str, error: ProblemError, session: ServerSession | None = None, name: str = "") -> None:
        """Note a refusal, unless there were too many of its word just now."""
        word = error.problem.code
        left_out = self._refusals.count(word, self._clock.seconds())
        if left_out is None:
            return
        detail: dict[str, str | int] = {"word": word, "message": printable(str(error), 300)}
        if left_out:
            detail["left_out"] = left_out
        if session is not None:
            self._event("tunnel.refused", session, printable(name, 253), detail)
        else:
            self._recorder.event(Event(self._today(), "client.refused", address=remote, detail=detail))

    # --- for the service -------------------------------------------------------------------------------------

    def limits_changed(self, keys: Container[str] | None) -> None:
        """Charge the sessions of keys, or of all, to the meters that are theirs now."""
        for session, charged in self._charged.items():
            if keys is not None and session.owner.key not in keys:
                continue
            meters = self._policy.meters_of(session.owner)
            if meters == charged.meters:
                continue
            for label in charged.labels:
                tunnel = self._meters.tunnel(label)
                if tunnel is not None and tunnel.meters == charged.meters:
                    tunnel.charge_to(meters)
            charged.count(-1)
            charged.meters = meters
            charged.count(1)

    # --- for operations --------------------------------------------------------------------------------------

    def connected(self, sessions: int) -> bool:
        """Return whether so many sessions are counted; for tests."""
        return len(self._charged) == sessions

    def _event(self, kind: str, session: ServerSession, subject: str, detail: Detail) -> None:
        owner = session.owner
        key = self._live.keys.get(owner.key)
        prefix = key.prefix if key is not None else "master" if owner.key == MASTER_ID else ""
        account = _account_of(owner)
        self._recorder.event(Event(self._today(), kind, account, prefix, session.remote, subject, detail))


def _account_of(owner: Owner) -> str | None:
    return owner.names.account_id if isinstance(owner.names, Holder) else None


def _shown(label: str) -> str:
    """Return a label as people write it."""
    return label if not port_of(label) else f"{label.partition(':')[0]}/{shown_name(label)}"
