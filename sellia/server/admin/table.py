"""The table of all routes of the admin API."""

from typing import Any, Final

from sellia.server.admin.answers import Answer, json_answer
from sellia.server.admin.calls import (
    accounts,
    backups,
    domains,
    events,
    keys,
    limits,
    names,
    self_report,
    sessions,
    sign_ins,
)
from sellia.server.admin.openapi import describe
from sellia.server.admin.routes import Route, Scope

#: Where the description of the API is.
OPENAPI_PATH: Final = "/api/openapi.json"


async def _show_description(call: Any) -> Answer:
    """Return the OpenAPI document."""
    return json_answer(describe(ROUTES))


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        *("GET", OPENAPI_PATH, "showDescription", "Show this description.", Scope.NOBODY, _show_description),
        media_type="application/json",
    ),
    *sign_ins.ROUTES,
    *self_report.ROUTES,
    *accounts.ROUTES,
    *keys.ROUTES,
    *names.ROUTES,
    *domains.ROUTES,
    *limits.ROUTES,
    *sessions.ROUTES,
    *events.ROUTES,
    *backups.ROUTES,
)
