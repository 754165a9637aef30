"""Calls on events and usage: what happened, and what names carried."""

from datetime import date, timedelta
from typing import Final

from sellia.errors import ProblemError
from sellia.problems import INVALID_VALUE
from sellia.server.admin.calls.shared import now, whose
from sellia.server.admin.cursors import cursor_of, position_of
from sellia.server.admin.models import EventsQuery, UsageQuery
from sellia.server.admin.reports import EventPage, EventReport, UsagePage, UsageReport
from sellia.server.admin.routes import ROOT, Call, Route, Scope
from sellia.storage.records import Event, Usage

#: Days of usage, if the request does not say, and the most that it may ask for.
DAYS: Final = 30
DAYS_LIMIT: Final = 800


async def list_events(call: Call) -> EventPage:
    """Return a page of events, in the order in which they happened unless the newest are to come first."""
    query: EventsQuery = call.query
    account = call.operations.account(query.account).id if query.account is not None else None
    found = await call.operations.events(
        after=query.after,
        before=query.before,
        limit=query.limit,
        newest_first=query.newest,
        account_id=account,
        kind=query.kind,
        since=query.since,
        until=query.until,
    )
    last = max((each.id for each in found), default=query.after)
    return EventPage(items=[_event(each) for each in found], after=last)


def _event(event: Event) -> EventReport:
    return EventReport(
        id=event.id,
        at=event.at,
        kind=event.kind,
        account=event.account_id,
        key_prefix=event.key_prefix,
        address=event.address,
        subject=event.subject,
        detail=dict(event.detail),
    )


async def list_usage(call: Call) -> UsagePage:
    """Return a page of usage, by day, account and name."""
    query: UsageQuery = call.query
    account = whose(call, query.account)
    last = query.last or now(call).date()
    first = query.first or last - timedelta(days=min(DAYS, last.toordinal() - 1))
    if not timedelta() <= last - first < timedelta(days=DAYS_LIMIT):
        raise ProblemError(INVALID_VALUE, f"from must not be after to, and at most {DAYS_LIMIT} days before it.")
    after = _row(position_of("usage", query.cursor))
    found = await call.operations.usage(
        first, last, limit=query.limit, account_id=account, name=query.name, after=after
    )
    cursor = None
    if len(found) == query.limit:
        row = found[-1]
        cursor = cursor_of("usage", f"{row.day.isoformat()} {row.account_id} {row.name}")
    return UsagePage(items=[_usage(each) for each in found], next=cursor)


def _row(position: str | None) -> tuple[date, str, str] | None:
    """Return the row that a cursor means.  Raises ProblemError."""
    if position is None:
        return None
    try:
        day, account, name = position.split(" ", 2)
        return date.fromisoformat(day), account, name
    except ValueError:
        raise ProblemError(INVALID_VALUE, "cursor is none of this list's.") from None


def _usage(usage: Usage) -> UsageReport:
    return UsageReport(
        day=usage.day,
        account=usage.account_id,
        name=usage.name,
        requests=usage.requests,
        messages=usage.messages,
        bytes_in=usage.bytes_in,
        bytes_out=usage.bytes_out,
        connected_seconds=usage.connected_seconds,
    )


ROUTES: Final = (
    Route(
        *("GET", f"{ROOT}events", "listEvents", "List what happened.", Scope.READ, list_events, EventPage),
        query=EventsQuery,
    ),
    Route(
        *("GET", f"{ROOT}usage", "listUsage", "List what names carried.", Scope.READ, list_usage, UsagePage),
        query=UsageQuery,
        own=True,
    ),
)
