"""Calls on keys of accounts."""

from typing import Any, Final

from sellia.problems import CONFLICT
from sellia.server.accounts.own_limits import FIGURES
from sellia.server.admin.calls.shared import check_own, page_of, state_of, whose
from sellia.server.admin.models import Figures, KeyChange, NewKey, OfAccount, Rotation
from sellia.server.admin.reports import CreatedKey, FiguresReport, KeyPage, KeyReport
from sellia.server.admin.routes import ROOT, Call, Route, Scope
from sellia.storage.records import Key


def _limits(call: Call, key: Key) -> str | FiguresReport | None:
    own = call.operations.own_limits(key)
    return key.limits if own is None else FiguresReport(**{each: getattr(own, each) for each in FIGURES})


def _asked(limits: str | Figures | None) -> Any:
    return limits.model_dump() if isinstance(limits, Figures) else limits


def _fields(call: Call, key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "account": key.account_id,
        "name": key.name,
        "prefix": key.prefix,
        "scopes": list(key.scopes),
        "names": list(key.names),
        "networks": list(key.networks),
        "limits": _limits(call, key),
        "state": state_of(call, key),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "revoked_reason": key.revoked_reason,
        "replaces": key.replaces,
        "last_used_at": key.last_used_at,
        "last_used_from": key.last_used_from,
    }


async def list_keys(call: Call) -> KeyPage:
    """Return a page of keys, in the order in which they were made."""
    query: OfAccount = call.query
    records = call.operations.keys(whose(call, query.account))
    found, cursor = page_of("keys", records, lambda each: f"{each.created_at.timestamp():020.6f}{each.id}", query)
    return KeyPage(items=[KeyReport(**_fields(call, each)) for each in found], next=cursor)


async def show_key(call: Call) -> KeyReport:
    """Return one key."""
    key = call.operations.key(call.names["key"])
    check_own(call, key.account_id, f"key {call.names['key']!r}", Scope.READ.value)
    return KeyReport(**_fields(call, key))


async def create_key(call: Call) -> CreatedKey:
    """Make a key; its secret is in the answer, and nowhere else."""
    body: NewKey = call.body
    made = await call.operations.create_key(
        body.account,
        name=body.name,
        scopes=body.scopes,
        names=body.names,
        networks=body.networks,
        expires_at=body.expires_at,
        limits=_asked(body.limits),
        by=call.caller.actor,
    )
    return CreatedKey(**_fields(call, made.key), key=made.secret)


async def update_key(call: Call) -> KeyReport:
    """Change what is given of a key; it counts for what comes from then on."""
    body: KeyChange = call.body
    given = {name: getattr(body, name) for name in body.model_fields_set}
    if "limits" in given:
        given["limits"] = _asked(body.limits)
    return KeyReport(
        **_fields(call, await call.operations.update_key(call.names["key"], **given, by=call.caller.actor))
    )


async def rotate_key(call: Call) -> CreatedKey:
    """Make a key that replaces another one."""
    body: Rotation = call.body
    made = await call.operations.rotate_key(
        call.names["key"], overlap_seconds=body.overlap_seconds, by=call.caller.actor
    )
    return CreatedKey(**_fields(call, made.key), key=made.secret)


async def revoke_key(call: Call) -> None:
    """Revoke a key: its sessions end within a second."""
    await call.operations.revoke_key(call.names["key"], by=call.caller.actor)


_ALL: Final = f"{ROOT}keys"
_ONE: Final = f"{_ALL}/{{key}}"

ROUTES: Final = (
    Route("GET", _ALL, "listKeys", "List keys.", Scope.READ, list_keys, KeyPage, query=OfAccount, own=True),
    Route(
        *("POST", _ALL, "createKey", "Make a key, and show its secret this once.", Scope.WRITE, create_key),
        answer=CreatedKey,
        status=201,
        body=NewKey,
        secrets=("key",),
        problems=(CONFLICT,),
    ),
    Route("GET", _ONE, "showKey", "Show a key.", Scope.READ, show_key, KeyReport, own=True),
    Route(
        *("PATCH", _ONE, "updateKey", "Change a key.", Scope.WRITE, update_key, KeyReport),
        body=KeyChange,
        problems=(CONFLICT,),
    ),
    Route("DELETE", _ONE, "revokeKey", "Revoke a key.", Scope.WRITE, revoke_key, status=204, problems=(CONFLICT,)),
    Route(
        *("POST", f"{_ONE}/rotate", "rotateKey", "Replace a key by another one.", Scope.WRITE, rotate_key, CreatedKey),
        status=201,
        body=Rotation,
        secrets=("key",),
        problems=(CONFLICT,),
    ),
)
