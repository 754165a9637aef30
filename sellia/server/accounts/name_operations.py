"""Operations on names: reserved by an account until it, or an operator, releases them.

A custom domain is an account's once its DNS records show that (`sellia.server.gateway.control`), or an operator vouches
for it; until then whoever else asks for it may reserve it instead.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from twisted.internet.defer import Deferred

from sellia.errors import ProblemError
from sellia.problems import ALREADY_EXISTS, CONFLICT, INVALID_VALUE, NO_SUCH_THING, TOO_MANY_NAMES
from sellia.protocol.messages import TunnelKind
from sellia.relay.families import family_of
from sellia.relay.http.domains import Records
from sellia.relay.http.hosts import canonical_domain
from sellia.relay.names import validate_subdomain
from sellia.relay.ports import parse_range
from sellia.server.accounts.account_operations import NOTE_LENGTH, checked
from sellia.server.accounts.changes import Planned
from sellia.server.accounts.holders import Holder, holder_of, label_of
from sellia.server.accounts.live import Place
from sellia.server.accounts.names import moment
from sellia.server.accounts.parts import Actor, Parts
from sellia.server.gateway.keys import Owner
from sellia.storage.interface import Change, Delete, Insert, Update
from sellia.storage.records import Key, NameKind, ReservedName
from sellia.text import printable


@dataclass(frozen=True, slots=True)
class KeptName:
    """A name that is kept for whoever used it last, until a time."""

    kind: NameKind
    name: str
    account_id: str | None
    expires_at: datetime


class NameOperations:
    """Operations on the names of one server; those that change fail with ProblemError."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def names(self, account: str | None = None, kind: NameKind | None = None) -> list[ReservedName]:
        """Return what is reserved, by all or by an account.  Raises ProblemError."""
        parts = self._parts
        records = parts.live.names.values() if account is None else parts.live.names_of(parts.account(account).id)
        found = [each for each in records if each.expires_at is None and kind in (None, each.kind)]
        return sorted(found, key=lambda each: (each.kind.value, each.name))

    def kept(self, account: str | None = None) -> list[KeptName]:
        """Return what is kept for who used it last, by all or by an account.  Raises ProblemError."""
        wanted = None if account is None else Holder(self._parts.account(account).id)
        found = [
            KeptName(*place, each.holder.account_id, moment(each.until))
            for place, each in self._parts.names.all_kept()
            if wanted in (None, each.holder)
        ]
        return sorted(found, key=lambda each: (each.kind.value, each.name))

    def reserve(
        self,
        account: str | None,
        name: str,
        *,
        kind: NameKind | str = NameKind.SUBDOMAIN,
        force: bool = False,
        note: str = "",
        by: Actor,
    ) -> "Deferred[ReservedName]":
        """Reserve a name for an account, or without one for nobody; with ``force`` also one that is kept for another.

        A wildcard is reserved with the name above it.
        """
        parts = self._parts

        def plan() -> Planned:
            owner = parts.account(account).id if account is not None else None
            place = self.place(kind, name)
            changes: list[Change] = []
            if place[0] is NameKind.WILDCARD:
                above = NameKind.SUBDOMAIN, place[1].removeprefix("*.")
                self._reserve(above, owner, note, changes, by=by, force=force)
            record = self._reserve(place, owner, note, changes, by=by, force=force)
            if changes:
                changes.append(parts.told("name.reserved", by, place[1], {"kind": place[0].value, "account": owner}))
            return Planned(changes, record)

        return parts.changes.make(plan)

    def _reserve(
        self, place: Place, owner: str | None, note: str, changes: list[Change], *, by: Actor, force: bool
    ) -> ReservedName:
        """Add the change that reserves one name to ``changes``, and return its record.  Raises ProblemError."""
        live, holder = self._parts.live, Holder(owner)
        old = live.names.get(place)
        if old is not None and old.expires_at is None:
            if holder_of(old) == holder:
                return old
            if old.kind is not NameKind.DOMAIN or old.proved_at is not None:
                raise ProblemError(ALREADY_EXISTS, f"{place[1]!r} is reserved by another account.")
        self._check_family(place, holder)
        self._check_free(place, holder, force=force)
        key = live.keys.get(by.key_id)
        if key is not None and key.account_id != owner:
            key = None
        if owner is not None:
            self._check_room(owner, key, len(changes))
        proof = "dns" if place[0] is NameKind.DOMAIN else ""
        note = checked(note, "note", NOTE_LENGTH)
        key_id = key.id if key is not None else None
        new = ReservedName(*place, self._parts.today(), account_id=owner, key_id=key_id, proof=proof, note=note)
        changes.append(Insert(new) if old is None else Update(new))
        return new

    def records(self, name: str) -> Records:
        """Return the DNS records that show control of a reserved domain.  Raises ProblemError."""
        record = self.record(NameKind.DOMAIN, name)
        return self._parts.gateway.domains.records(_owner(record), record.name)

    def check_domain(self, name: str, *, by: Actor) -> "Deferred[ReservedName]":
        """Look at the DNS records of a reserved domain now.  Fails with ProblemError where they do not show control."""

        async def check() -> ReservedName:
            record = self.record(NameKind.DOMAIN, name)
            await self._parts.gateway.domains.prove(_owner(record), [record.name])
            seen: ReservedName = await self._seen(name, vouched=False, by=by)
            return seen

        return Deferred.fromCoroutine(check())

    def vouch(self, name: str, *, by: Actor) -> "Deferred[ReservedName]":
        """Take a reserved domain for its account's, without any record."""
        return self._seen(name, vouched=True, by=by)

    def _seen(self, name: str, *, vouched: bool, by: Actor) -> "Deferred[ReservedName]":
        """Note that a domain is its account's."""
        parts = self._parts

        def plan() -> Planned:
            old = self.record(NameKind.DOMAIN, name)
            if old.proved_at is not None and not (vouched and old.proof):
                return Planned([], old)
            new = replace(old, proved_at=parts.today(), proof="" if vouched else old.proof)
            told = parts.told("name.proved", by, old.name, {"account": old.account_id, "vouched": vouched})
            return Planned([Update(new), told], new)

        return parts.changes.make(plan)

    def release(self, name: str, *, kind: NameKind | str = NameKind.SUBDOMAIN, by: Actor) -> "Deferred[None]":
        """Release a name that is reserved or kept; a tunnel that has it goes on until it is closed."""
        parts = self._parts
        forgotten: list[Place] = []

        def plan() -> Planned:
            place = self.place(kind, name)
            old = parts.live.names.get(place)
            if old is None and parts.names.kept(place) is None:
                raise ProblemError(NO_SUCH_THING, f"{printable(name, 253)!r} is not reserved.")
            wildcard = parts.live.names.get((NameKind.WILDCARD, f"*.{place[1]}"))
            with_it = [wildcard] if wildcard is not None and place[0] is NameKind.SUBDOMAIN else []
            forgotten.append(place)
            gone = [each for each in (old, *with_it) if each is not None]
            told = parts.told("name.released", by, place[1], {"kind": place[0].value})
            return Planned([*map(Delete, gone), told], None)

        def released(_: None) -> None:
            for place in forgotten:
                parts.names.forget(place)

        return parts.changes.make(plan).addCallback(released)

    # --- inside ----------------------------------------------------------------------------------------------

    def record(self, kind: NameKind | str, name: str) -> ReservedName:
        """Return a name that is reserved.  Raises ProblemError."""
        found = self._parts.live.names.get(self.place(kind, name))
        if found is None or found.expires_at is not None:
            raise ProblemError(NO_SUCH_THING, f"{printable(name, 253)!r} is not reserved.")
        return found

    def place(self, kind: NameKind | str, name: str) -> Place:
        """Return a name in its one spelling.  Raises ProblemError for what cannot be one."""
        try:
            found = NameKind(kind)
        except ValueError:
            known = ", ".join(NameKind)
            raise ProblemError(INVALID_VALUE, f"{printable(kind, 32)!r} is no kind of name: {known}.") from None
        if found is NameKind.SUBDOMAIN:
            return found, validate_subdomain(name)
        if found is NameKind.WILDCARD:
            return found, f"*.{validate_subdomain(name.removeprefix('*.'))}"
        if found is NameKind.PORT:
            return found, self._port(name)
        return found, self._domain(name)

    def _port(self, name: str) -> str:
        kind, _, port = name.replace(":", "/").partition("/")
        settings = self._parts.gateway.settings
        ranges = {TunnelKind.TCP.value: settings.tcp_ports, TunnelKind.UDP.value: settings.udp_ports}
        if kind not in ranges or not (port.isascii() and port.isdigit() and len(port) <= 5):
            raise ProblemError(INVALID_VALUE, f"{printable(name, 32)!r} is not a port as tcp/20000 or udp/20000.")
        allowed = ranges[kind]
        if allowed is None or int(port) not in parse_range(allowed):
            place = f"those are {allowed}" if allowed is not None else "there are none"
            raise ProblemError(
                INVALID_VALUE, f"{kind}/{int(port)} is no port that this server gives to tunnels: {place}."
            )
        return f"{kind}/{int(port)}"

    def _domain(self, name: str) -> str:
        try:
            domain = canonical_domain(name)
        except ValueError:
            domain = ""
        base = self._parts.gateway.settings.domain
        if "." not in domain:
            raise ProblemError(INVALID_VALUE, f"{printable(name, 253)!r} is not a domain name.")
        if domain == base or domain.endswith(f".{base}"):
            raise ProblemError(INVALID_VALUE, f"{domain!r} is the server's own: reserve the name in front of it.")
        return domain

    def _check_family(self, place: Place, holder: Holder) -> None:
        """Refuse a name above or below one that another account has reserved."""
        if place[0] not in (NameKind.SUBDOMAIN, NameKind.WILDCARD):
            return
        family = family_of(place[1])
        for kind, name in list(self._parts.live.names):
            if (name == family or name.endswith(f".{family}")) and kind in (NameKind.SUBDOMAIN, NameKind.WILDCARD):
                record = self._parts.live.names[kind, name]
                if record.expires_at is None and holder_of(record) != holder:
                    raise ProblemError(
                        ALREADY_EXISTS, f"{name!r} is reserved by another account, and {place[1]!r} with it."
                    )

    def _check_free(self, place: Place, holder: Holder, *, force: bool) -> None:
        parts = self._parts
        bound = parts.gateway.registry.by_name.get(label_of(place))
        if bound is not None and bound.owner != holder:
            raise ProblemError(CONFLICT, f"{place[1]!r} is in use by somebody else.")
        kept = parts.names.kept(place)
        if kept is not None and kept.holder != holder and not force:
            until = moment(kept.until).strftime("%Y-%m-%d %H:%M UTC")
            raise ProblemError(CONFLICT, f"{place[1]!r} is kept until {until} for whoever used it last.")

    def _check_room(self, account_id: str, key: Key | None, more: int) -> None:
        """Refuse more names than an account may reserve, or a key with limits of its own."""
        live = self._parts.live
        names = [each for each in live.names_of(account_id) if each.expires_at is None]
        counts = [(f"The account {live.accounts[account_id].name!r}", live.limits_of(account_id), len(names))]
        if key is not None and key.limits is not None:
            own = sum(1 for each in names if each.key_id == key.id)
            counts.append((f"The key {key.prefix}...", live.limits[key.limits], own))
        for who, limits, count in counts:
            if limits.names is not None and count + more >= limits.names:
                detail = f"{who} has {limits.names:,} names reserved, which is its limit."
                raise ProblemError(TOO_MANY_NAMES, detail)


def _owner(record: ReservedName) -> Owner:
    """Return the owner of a name, as the gateway has it."""
    holder = holder_of(record)
    return Owner(holder, holder)
