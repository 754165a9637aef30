"""Calls on classes of limits."""

from dataclasses import asdict
from typing import Any, Final

from sellia.problems import CONFLICT
from sellia.server.admin.calls.shared import page_of
from sellia.server.admin.models import Figures, NewLimits, Paged
from sellia.server.admin.reports import LimitsPage, LimitsReport
from sellia.server.admin.routes import ROOT, Call, Route, Scope


def report(limits: Any) -> LimitsReport:
    """Return what is said of a class."""
    return LimitsReport(**asdict(limits))


async def list_limits(call: Call) -> LimitsPage:
    """Return a page of classes."""
    found, cursor = page_of("limits", call.operations.limits(), lambda each: each.name, call.query)
    return LimitsPage(items=[report(each) for each in found], next=cursor)


async def set_limits(call: Call) -> LimitsReport:
    """Make a class, or replace one."""
    body: Figures = call.body
    figures = body.model_dump(exclude={"name"})
    name = body.name if isinstance(body, NewLimits) else call.names["class"]
    return report(await call.operations.set_limits(name, figures, by=call.caller.actor))


async def delete_limits(call: Call) -> None:
    """Delete a class that nobody has."""
    await call.operations.delete_limits(call.names["class"], by=call.caller.actor)


_ALL: Final = f"{ROOT}limits"
_ONE: Final = f"{_ALL}/{{class}}"

ROUTES: Final = (
    Route("GET", _ALL, "listLimits", "List classes of limits.", Scope.READ, list_limits, LimitsPage, query=Paged),
    Route(
        *("POST", _ALL, "createLimits", "Make or replace a class of limits.", Scope.WRITE, set_limits, LimitsReport),
        status=201,
        body=NewLimits,
    ),
    Route(
        *("PUT", _ONE, "setLimits", "Make or replace a class of limits.", Scope.WRITE, set_limits, LimitsReport),
        body=Figures,
    ),
    Route(
        *("DELETE", _ONE, "deleteLimits", "Delete a class of limits that nobody has.", Scope.WRITE, delete_limits),
        status=204,
        problems=(CONFLICT,),
    ),
)
