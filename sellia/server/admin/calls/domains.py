"""Calls on domains of accounts' own: whoever wants one shows a record in its DNS that proves control."""

from typing import Final

from sellia.errors import ProblemError
from sellia.problems import CONFLICT, DNS_UNAVAILABLE, DOMAIN_NOT_PROVEN, FORBIDDEN, TOO_MANY_NAMES
from sellia.server.admin.calls.shared import account_of_name, check_own, is_admin, page_of, whose
from sellia.server.admin.models import NewDomain, OfAccount
from sellia.server.admin.reports import DnsRecord, DomainPage, DomainReport
from sellia.server.admin.routes import ROOT, Call, Route, Scope
from sellia.storage.records import NameKind, ReservedName


def report(call: Call, name: ReservedName) -> DomainReport:
    """Return what is said of a domain, with the records of which one has to be in its DNS."""
    try:
        records = call.operations.domain_records(name.name)
    except ProblemError:  # a server that has no domains of others
        told = []
    else:
        told = [
            DnsRecord(type="CNAME", name=records.domain, value=records.target),
            DnsRecord(type="TXT", name=records.text_name, value=records.token),
        ]
    return DomainReport(
        domain=name.name,
        account=name.account_id,
        created_at=name.created_at,
        proved_at=name.proved_at,
        records=told,
    )


def _found(call: Call, scope: Scope) -> ReservedName:
    """Return the domain that the path names, if the caller may know of it.  Raises ProblemError."""
    domain = call.names["domain"]
    check_own(call, account_of_name(call, NameKind.DOMAIN, domain), f"domain {domain!r}", scope.value)
    return call.operations.name(NameKind.DOMAIN, domain)


async def list_domains(call: Call) -> DomainPage:
    """Return a page of domains, by name."""
    records = call.operations.names(whose(call, call.query.account), NameKind.DOMAIN)
    found, cursor = page_of("domains", records, lambda each: each.name, call.query)
    return DomainPage(items=[report(call, each) for each in found], next=cursor)


async def show_domain(call: Call) -> DomainReport:
    """Return one domain."""
    return report(call, _found(call, Scope.READ))


async def add_domain(call: Call) -> DomainReport:
    """Reserve a domain for an account; it is of use when it is proved, or an admin vouches for it."""
    body: NewDomain = call.body
    account = whose(call, body.account, Scope.WRITE.value) or call.caller.actor.account_id
    if body.proved and not is_admin(call, Scope.WRITE.value):
        raise ProblemError(FORBIDDEN, "Only a key with admin:write can vouch for a domain.")
    operations, by = call.operations, call.caller.actor
    made = await operations.reserve_name(account, body.domain, kind=NameKind.DOMAIN, by=by)
    if body.proved:
        made = await operations.vouch_for(made.name, by=by)
    return report(call, made)


async def verify_domain(call: Call) -> DomainReport:
    """Look for the records now, and note that the domain is its account's if one is there."""
    found = _found(call, Scope.WRITE)
    return report(call, await call.operations.check_domain(found.name, by=call.caller.actor))


async def remove_domain(call: Call) -> None:
    """Take a domain away from its account."""
    found = _found(call, Scope.WRITE)
    await call.operations.release_name(found.name, kind=NameKind.DOMAIN, by=call.caller.actor)


_ALL: Final = f"{ROOT}domains"
_ONE: Final = f"{_ALL}/{{domain}}"

ROUTES: Final = (
    Route(
        *("GET", _ALL, "listDomains", "List domains.", Scope.READ, list_domains, DomainPage),
        query=OfAccount,
        own=True,
    ),
    Route(
        *("POST", _ALL, "addDomain", "Add a domain of an account's own.", Scope.WRITE, add_domain, DomainReport, 201),
        body=NewDomain,
        own=True,
        problems=(CONFLICT, TOO_MANY_NAMES),
    ),
    Route("GET", _ONE, "showDomain", "Show a domain.", Scope.READ, show_domain, DomainReport, own=True),
    Route(
        *("POST", f"{_ONE}/verify", "verifyDomain", "Look for the records that show control.", Scope.WRITE),
        call=verify_domain,
        answer=DomainReport,
        own=True,
        problems=(DOMAIN_NOT_PROVEN, DNS_UNAVAILABLE),
    ),
    Route("DELETE", _ONE, "removeDomain", "Remove a domain.", Scope.WRITE, remove_domain, status=204, own=True),
)
