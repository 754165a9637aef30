"""Calls on names: reserved by accounts, and kept for a while for whoever used them last."""

from typing import Any, Final

from sellia.problems import CONFLICT, TOO_MANY_NAMES
from sellia.server.admin.calls.shared import account_of_name, check_own, is_admin, page_of, whose
from sellia.server.admin.models import NewName, OfAccount
from sellia.server.admin.reports import NamePage, NameReport
from sellia.server.admin.routes import ROOT, Call, Route, Scope
from sellia.storage.records import NameKind


def report(name: Any) -> NameReport:
    """Return what is said of a name that is reserved, or kept."""
    return NameReport(
        kind=name.kind.value,
        name=name.name,
        account=name.account_id,
        created_at=getattr(name, "created_at", None),
        expires_at=name.expires_at,
        note=getattr(name, "note", ""),
    )


def _position(name: Any) -> str:
    return f"{name.kind.value} {name.name}"


async def list_names(call: Call) -> NamePage:
    """Return a page of names, by kind and name."""
    operations, account = call.operations, whose(call, call.query.account)
    records: list[Any] = [each for each in operations.names(account) if each.kind is not NameKind.DOMAIN]
    records += operations.kept_names(account)
    records.sort(key=_position)
    found, cursor = page_of("names", records, _position, call.query)
    return NamePage(items=[report(each) for each in found], next=cursor)


async def reserve_name(call: Call) -> NameReport:
    """Reserve a name for an account; an admin can also give away what is kept for whoever used it last."""
    body: NewName = call.body
    account = whose(call, body.account, Scope.WRITE.value) or call.caller.actor.account_id
    made = await call.operations.reserve_name(
        account,
        body.name,
        kind=NameKind(body.kind),
        force=body.force and is_admin(call, Scope.WRITE.value),
        note=body.note,
        by=call.caller.actor,
    )
    return report(made)


async def release_name(call: Call) -> None:
    """Release a name that is reserved, or kept."""
    operations, kind, name = call.operations, call.names["kind"], call.names["name"]
    check_own(call, account_of_name(call, kind, name), f"name {name!r}")
    await operations.release_name(name, kind=kind, by=call.caller.actor)


async def release_subdomain(call: Call) -> None:
    """Release a name by itself: its kind is as it is written."""
    name = call.names["name"]
    kind = NameKind.WILDCARD if name.startswith("*.") else NameKind.PORT if "/" in name else NameKind.SUBDOMAIN
    await release_name(Call(call.operations, call.caller, {"kind": kind.value, "name": name}, call.query, call.body))


_ALL: Final = f"{ROOT}names"

ROUTES: Final = (
    Route("GET", _ALL, "listNames", "List names.", Scope.READ, list_names, NamePage, query=OfAccount, own=True),
    Route(
        *("POST", _ALL, "reserveName", "Reserve a name.", Scope.WRITE, reserve_name, NameReport, 201),
        body=NewName,
        own=True,
        problems=(CONFLICT, TOO_MANY_NAMES),
    ),
    Route(
        *("DELETE", f"{_ALL}/{{name}}", "releaseName", "Release a name.", Scope.WRITE, release_subdomain),
        status=204,
        own=True,
    ),
    Route(
        *("DELETE", f"{_ALL}/{{kind}}/{{name}}", "releaseNameOfKind", "Release a name of a kind.", Scope.WRITE),
        call=release_name,
        status=204,
        own=True,
    ),
)
