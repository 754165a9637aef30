"""Control of domains: whether an owner's DNS records show it, at a claim and once a day from then on.

Need
    A client that asks for ``shop.example.org`` is told which record to make, or gets it.  A domain that was sold, or
    whose record was taken away, does not stay with a tunnel that runs for months; but neither may a tunnel end because
    the DNS does not answer for an hour.

How
    Both records are asked for at once, and either is enough (`sellia.relay.http.domains`).  A look has one of three
    outcomes: control is shown; it is not; or the DNS did not answer.  At a claim, the last two are told apart: the one
    is final, the other passes.  A tunnel that has the domain loses it when the records are missing at ``LOOKS`` looks,
    each an hour after the one before, or when the DNS has not answered until the last proof is older than
    ``domains.GRACE``.

Bounds
    ``AT_ONCE`` looks, each of ``PATIENCE`` seconds and at most ``HOPS`` aliases; ``WAITING`` more wait their turn, and
    beyond that claims are refused.  As many domains are watched as tunnels have.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from twisted.internet.defer import Deferred, DeferredSemaphore, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sellia.errors import ProblemError
from sellia.problems import DNS_UNAVAILABLE, DOMAIN_NOT_PROVEN, FORBIDDEN, OVERLOADED
from sellia.relay.http.domains import Records, domain_of, token_of
from sellia.server.gateway.domains import GRACE, VALID, DomainProofs
from sellia.server.gateway.keys import Owner
from sellia.server.settings import ServerSettings
from sellia.text import field, printable

AT_ONCE: Final = 16
WAITING: Final = 1_000
PATIENCE: Final = 10.0
HOPS: Final = 8

#: Seconds between two looks at a domain whose record was not there, or could not be asked for.
AGAIN: Final = 3600.0

#: Looks at which a record has to be missing, one after the other, until a tunnel loses its domain.
LOOKS: Final = 3

#: Seconds between two looks at which domains are due.
_STEP: Final = 60.0

#: Characters of what the DNS says that are shown.
_SHOWN: Final = 100

_NOBODY: Final = (
    "A domain of your own needs a server that knows whose a key is: have its operator set a master key, or ask for a "
    "name below its domain with --subdomain."
)
_OFF: Final = "This server has no domains but its own: its operator can allow others with custom_domains."

_log = Logger()


class LookupFailed(Exception):
    """The DNS did not answer, or with an error that says nothing about the records; `str` says which."""


class Zones(Protocol):
    """The DNS.  Both raise `LookupFailed`."""

    async def texts(self, name: str) -> list[str]:
        """Return what the TXT records of a name say."""

    async def alias(self, name: str) -> str | None:
        """Return the name that the CNAME record of a name leads to; None where it has none."""


class NoZones:
    """Null object: the DNS of a gateway that asks none."""

    async def texts(self, name: str) -> list[str]:
        raise LookupFailed("this server asks none")

    async def alias(self, name: str) -> str | None:
        raise LookupFailed("this server asks none")


@dataclass(slots=True)
class _Watch:
    owner: Owner
    due: float
    missing: int = 0


class DomainControl:
    """Control of all domains at one gateway.

    ``bound`` returns whether a label is bound to something of an owner of names; ``withdraw`` is told of each label
    that its tunnel loses, and why.
    """

    def __init__(
        self,
        settings: ServerSettings,
        clock: IReactorTime,
        proofs: DomainProofs,
        zones: Zones,
        bound: Callable[[str, Hashable], bool],
        withdraw: Callable[[str, ProblemError], None],
    ) -> None:
        self.settings = settings
        self.proofs = proofs
        self._clock = clock
        self._zones = zones
        self._bound = bound
        self._withdraw = withdraw
        self._places = DeferredSemaphore(AT_ONCE)
        self._watched: dict[str, _Watch] = {}
        self._next = 0.0

    def missing(self, owner: Owner, labels: Sequence[str]) -> list[str]:
        """Return the domains among labels of which there is no proof, or one that is too old.

        Raises ProblemError where the owner can have none.
        """
        domains = [domain for each in labels if (domain := domain_of(each))]
        if not domains:
            return domains
        identity = self._identity(owner)
        ages = ((each, self.proofs.age(identity, each)) for each in domains)
        return [each for each, age in ages if age is None or age >= VALID]

    def prove(self, owner: Owner, domains: Sequence[str]) -> "Deferred[None]":
        """Look at the records of domains.  The Deferred fails with ProblemError where one does not show control."""
        return Deferred.fromCoroutine(self._prove(owner, domains))

    def watch(self, owner: Owner, labels: Sequence[str]) -> None:
        """Look at the records of the domains among labels, which have been bound, once a day."""
        for label in labels:
            domain = domain_of(label)
            if domain:
                age = self.proofs.age(self._identity(owner), domain) or 0.0
                self._watched[label] = _Watch(owner, self._clock.seconds() + max(_STEP, VALID - age))

    def check(self, now: float) -> None:
        """Look at the records that are due.  Call it once a second."""
        if now < self._next:
            return
        self._next = now + _STEP
        for label, watch in tuple(self._watched.items()):
            if not self._bound(label, watch.owner.names):
                del self._watched[label]
            elif watch.due <= now and len(self._places.waiting) < WAITING:
                watch.due = now + AGAIN
                Deferred.fromCoroutine(self._look_again(label, watch)).addErrback(
                    lambda failure: _log.failure("a domain could not be looked at again", failure=failure)
                )

    def records(self, owner: Owner, domain: str) -> Records:
        """Return the records that show an owner's control of a domain.  Raises ProblemError if there can be none."""
        identity = self._identity(owner)
        server = self.settings.domain
        return Records(domain, server, token_of(identity, server, domain), alone=not identity)

    # --- inside --------------------------------------------------------------------------------------------

    def _identity(self, owner: Owner) -> str:
        if not self.settings.custom_domains:
            raise ProblemError(FORBIDDEN, _OFF)
        identity = self.proofs.identity(owner)
        if identity is None:
            raise ProblemError(FORBIDDEN, _NOBODY)
        return identity

    async def _prove(self, owner: Owner, domains: Sequence[str]) -> None:
        for domain in domains:
            if len(self._places.waiting) >= WAITING:
                raise ProblemError(OVERLOADED, "The server looks at the DNS records of too many domains; try again.")
            records = self.records(owner, domain)
            identity = self._identity(owner)
            try:
                shown = await self._look(records)
            except LookupFailed as error:
                age = self.proofs.age(identity, domain)
                if age is None or age >= GRACE:
                    reason = printable(str(error), _SHOWN)
                    raise ProblemError(
                        DNS_UNAVAILABLE, f"The DNS did not say whose {domain} is: {reason}. {records.advice}"
                    ) from None
                continue
            if not shown:
                self.proofs.forget(identity, domain)
                raise ProblemError(DOMAIN_NOT_PROVEN, f"Nothing shows yet that {domain} is yours. {records.advice}")
            self.proofs.remember(identity, domain)
            _log.info("domain proven: name={name}", name=field(domain))

    async def _look_again(self, label: str, watch: _Watch) -> None:
        domain = domain_of(label)
        try:
            records = self.records(watch.owner, domain)
        except ProblemError as error:  # domains are not allowed any more
            self._lose(label, error)
            return
        identity = self._identity(watch.owner)
        try:
            shown = await self._look(records)
        except LookupFailed as error:
            _log.warn("domain not looked at: name={name} reason={reason}", name=field(domain), reason=field(str(error)))
            age = self.proofs.age(identity, domain)
            if age is None or age >= GRACE:
                said = f"The DNS has not said for {GRACE / 3600:.0f} hours whose {domain} is."
                self._lose(label, ProblemError(DOMAIN_NOT_PROVEN, said))
            return
        now = self._clock.seconds()
        if shown:
            self.proofs.remember(identity, domain)
            watch.due, watch.missing = now + VALID, 0
            return
        watch.missing += 1
        _log.warn("domain not proven any more: name={name} looks={looks:d}", name=field(domain), looks=watch.missing)
        if watch.missing >= LOOKS:
            self.proofs.forget(identity, domain)
            said = f"Nothing shows any more that {domain} is yours. {records.advice}"
            self._lose(label, ProblemError(DOMAIN_NOT_PROVEN, said))

    def _lose(self, label: str, error: ProblemError) -> None:
        watch = self._watched.pop(label, None)
        if watch is not None and self._bound(label, watch.owner.names):
            self._withdraw(label, error)

    async def _look(self, records: Records) -> bool:
        """Return whether the records show control.  Raises LookupFailed."""
        await self._places.acquire()
        try:
            looked = Deferred.fromCoroutine(self._ask(records))
            looked.addTimeout(PATIENCE, self._clock)
            return await looked
        except TimeoutError:
            raise LookupFailed(f"no answer within {PATIENCE:g} s") from None
        finally:
            self._places.release()

    async def _ask(self, records: Records) -> bool:
        failed: LookupFailed | None = None
        try:
            if records.in_texts(await self._zones.texts(records.text_name)):
                return True
        except LookupFailed as error:
            failed = error
        name = records.domain
        for _ in range(HOPS):
            target = await self._zones.alias(name)
            if target is None:
                break
            if records.leads_here(target):
                return True
            name = target
        if failed is not None:
            raise failed
        return False
