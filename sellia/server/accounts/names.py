"""Names that belong to somebody: reserved by an account, or kept for whoever used them a while ago.

Need
    A name that an account has reserved is nobody else's, whether a client runs or not.  And who comes back tomorrow
    should find its name, and its port, where they were, also after the server was started anew.

Invariants
    * Nobody but its holder claims a name that is reserved or kept (the registry asks `Names.refusal` for each claim).
    * A name with a reservation is not kept besides.
    * Names without a key are not kept: addresses change.  Nor are domains, which belong to whoever has their records;
      one that is reserved keeps others out once its account has shown them.

Bounds
    ``KEPT`` names are kept in all, and ``KEPT_EACH`` for one holder: of more, the longest unused are given up.  They
    are kept for ``KEEP`` seconds after they were last used.  What is to be written is written together, by `unwritten`.

Designs not chosen
    *Writing each use at once*: a name that is kept is a courtesy, and clients that come and go must not be able to keep
    a disk busy.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from sellia.errors import ProblemError
from sellia.problems import NAME_RESERVED, NAME_TAKEN
from sellia.relay.ports import called
from sellia.server.accounts.holders import Holder, holder_of, place_of
from sellia.server.accounts.live import LiveDirectory, Place
from sellia.storage.interface import Change, Delete, Insert, Update
from sellia.storage.records import NameKind, ReservedName

#: Seconds for which a name is kept, and after which its use is written again.
KEEP: Final = 24 * 3600.0
AGAIN: Final = 3600.0

#: Names that are kept, in all and for one holder.
KEPT: Final = 20_000
KEPT_EACH: Final = 200


@dataclass(frozen=True, slots=True)
class Kept:
    """A name that is kept for its last holder."""

    holder: Holder
    until: float
    since: float
    slot: str = ""


class Names:
    """All reserved and kept names of one server.  ``now`` is the time of day, in seconds."""

    def __init__(self, live: LiveDirectory) -> None:
        self._live = live
        self._kept: dict[Place, Kept] = {}  # the longest unused first
        self._of: dict[Holder, dict[Place, None]] = {}
        self._unwritten: dict[Place, None] = {}

    # --- for the registry ------------------------------------------------------------------------------------

    def refusal(self, label: str, owner: Hashable) -> ProblemError | None:
        """Return why an owner may not claim a label, or None."""
        place = place_of(label)
        record = self._live.names.get(place)
        if record is not None and record.expires_at is None:
            unproven = record.kind is NameKind.DOMAIN and record.account_id is not None and record.proved_at is None
            if holder_of(record) == owner or unproven:
                return None
            nobodys = record.account_id is None and not record.holder
            return ProblemError(NAME_RESERVED if nobodys else NAME_TAKEN, f"{called(label)} is reserved.")
        kept = self._kept.get(place)
        if kept is None or kept.holder == owner:
            return None
        return ProblemError(NAME_TAKEN, f"{called(label)} is kept for whoever used it last.")

    # --- use -------------------------------------------------------------------------------------------------

    def used(self, label: str, owner: Hashable, now: float, slot: str | None = None) -> None:
        """Keep a name from now on, if its owner can be known again; ``slot`` tells the tunnel of a port from others."""
        if not isinstance(owner, Holder):
            return
        place = place_of(label)
        record = self._live.names.get(place)
        if place[0] is NameKind.DOMAIN or (record is not None and record.expires_at is None):
            return
        old = self._kept.get(place)
        if old is not None and old.holder != owner:
            return
        mark = slot if slot is not None else old.slot if old is not None else ""
        since = old.since if old is not None else now
        if old is None or old.until < now + KEEP - AGAIN or old.slot != mark:
            self._unwritten[place] = None
        self._put(place, Kept(owner, now + KEEP, since, mark))
        mine = self._of[owner]
        if len(mine) > KEPT_EACH:
            self._give_up(next(iter(mine)))
        elif len(self._kept) > KEPT:
            self._give_up(next(iter(self._kept)))

    def forget(self, place: Place) -> bool:
        """Keep a name no more; return whether it was kept."""
        if place not in self._kept:
            return False
        self._give_up(place)
        return True

    def kept(self, place: Place) -> Kept | None:
        """Return for whom a name is kept, and until when."""
        return self._kept.get(place)

    def all_kept(self) -> list[tuple[Place, Kept]]:
        """Return all names that are kept."""
        return list(self._kept.items())

    def port_of(self, holder: Holder, slot: str) -> Iterable[Place]:
        """Yield what ports a holder has had for the tunnel with this mark, the last one first."""
        return [place for place in reversed(self._of.get(holder, {})) if self._kept[place].slot == slot]

    def expire(self, now: float) -> None:
        """Give up what nobody has used for too long."""
        over = []
        for place, kept in self._kept.items():
            if kept.until > now:
                break
            over.append(place)
        for place in over:
            self._give_up(place)

    @property
    def count(self) -> int:
        """The number of names that are kept."""
        return len(self._kept)

    # --- storage ---------------------------------------------------------------------------------------------

    def loaded(self, now: float) -> None:
        """Take over what is stored; what is not written yet goes on."""
        stored = [each for each in self._live.names.values() if each.expires_at is not None]
        for record in sorted(stored, key=lambda each: each.expires_at or each.created_at):
            assert record.expires_at is not None
            place, until = (record.kind, record.name), record.expires_at.timestamp()
            if place in self._unwritten:
                continue
            if until <= now:
                self._unwritten[place] = None  # to be deleted
                self._drop(place)
            else:
                self._put(place, Kept(holder_of(record), until, record.created_at.timestamp(), record.slot))
        for place in [each for each in self._kept if each not in self._unwritten and each not in self._live.names]:
            self._drop(place)
        self._kept = dict(sorted(self._kept.items(), key=lambda each: each[1].until))

    def unwritten(self, limit: int) -> list[Change]:
        """Return changes that bring the storage up to date, up to ``limit``; `put_back` those that cannot be made."""
        changes: list[Change] = []
        for place in list(self._unwritten)[:limit]:
            del self._unwritten[place]
            change = self._change(place)
            if change is not None:
                changes.append(change)
        return changes

    def put_back(self, changes: Iterable[Change]) -> None:
        """Have changes that were not made returned again, as they are then."""
        for change in changes:
            if isinstance(change, Insert | Update | Delete) and isinstance(change.record, ReservedName):
                self._unwritten[change.record.kind, change.record.name] = None

    def _change(self, place: Place) -> Change | None:
        """Return what has to be done to a stored name."""
        record, kept = self._live.names.get(place), self._kept.get(place)
        if record is not None and record.expires_at is None:
            self._drop(place)
            return None
        if kept is None:
            return Delete(record) if record is not None else None
        if kept.holder.account_id is not None and kept.holder.account_id not in self._live.accounts:
            self._drop(place)
            return Delete(record) if record is not None else None
        wanted = ReservedName(
            place[0],
            place[1],
            moment(kept.since),
            account_id=kept.holder.account_id,
            holder=kept.holder.digest,
            expires_at=moment(kept.until),
            slot=kept.slot,
        )
        if record is None:
            return Insert(wanted)
        return Update(replace(wanted, created_at=record.created_at)) if record != wanted else None

    # --- tables ----------------------------------------------------------------------------------------------

    def _put(self, place: Place, kept: Kept) -> None:
        self._drop(place)
        self._kept[place] = kept
        self._of.setdefault(kept.holder, {})[place] = None

    def _drop(self, place: Place) -> None:
        kept = self._kept.pop(place, None)
        if kept is not None:
            mine = self._of[kept.holder]
            del mine[place]
            if not mine:
                del self._of[kept.holder]

    def _give_up(self, place: Place) -> None:
        self._drop(place)
        self._unwritten[place] = None

    def check_invariants(self) -> None:
        """Raise AssertionError if the tables disagree; for tests."""
        listed = {place: holder for holder, places in self._of.items() for place in places}
        assert listed == {place: kept.holder for place, kept in self._kept.items()}
        assert all(self._of.values()) and len(self._kept) <= KEPT
        assert all(len(each) <= KEPT_EACH for each in self._of.values())
        untils = [kept.until for kept in self._kept.values()]
        assert all(one <= other + 0.001 for one, other in pairwise(untils))  # what is stored is rounded


def moment(seconds: float) -> datetime:
    """Return a time in UTC."""
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds)
