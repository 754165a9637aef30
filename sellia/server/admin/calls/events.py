"""Calls on events and usage: what happened, and what names carried."""

from datetime import date, timedelta
from typing import Any, Final

from sellia.errors import ProblemError
from sellia.problems import INVALID_VALUE
from sellia.server.admin.calls.shared import now, whose
from sellia.server.admin.cursors import cursor_of, position_of
from sellia.server.admin.models import EventsQuery, TotalsQuery, UsageQuery
from sellia.server.admin.reports import (
    AccountTotals,
    DayTotals,
    EventPage,
    EventReport,
    UsagePage,
    UsageReport,
    UsageSums,
    UsageTotals,
)
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
    first, last = _days(query.first, query.last, now(call).date())
    after = _row(position_of("usage", query.cursor))
    found = await call.operations.usage(
        first, last, limit=query.limit, account_id=account, name=query.name, after=after
    )
    cursor = None
    if len(found) == query.limit:
        row = found[-1]
        cursor = cursor_of("usage", f"{row.day.isoformat()} {row.account_id} {row.name}")
    return UsagePage(items=[_usage(each) for each in found], next=cursor)


async def sum_usage(call: Call) -> UsageTotals:
    """Return what was carried on each day, and by the accounts that carried most bytes."""
    query: TotalsQuery = call.query
    account = whose(call, query.account)
    first, last = _days(query.first, query.last, now(call).date())
    days = await call.operations.usage_days(first, last, account)
    sums = await call.operations.usage_sums(first, last)
    wanted = [each for each in sums if account in (None, each.account_id)]
    wanted.sort(key=lambda each: each.bytes_in + each.bytes_out, reverse=True)
    return UsageTotals(
        days=[DayTotals(day=each.day, **_sums(each)) for each in days],
        accounts=[AccountTotals(account=each.account_id, **_sums(each)) for each in wanted[: query.limit]],
    )


def _days(first: date | None, last: date | None, today: date) -> tuple[date, date]:
    """Return the first and the last day that are meant.  Raises ProblemError."""
    last = last or today
    first = first or last - timedelta(days=min(DAYS, last.toordinal() - 1))
    if not timedelta() <= last - first < timedelta(days=DAYS_LIMIT):
        raise ProblemError(INVALID_VALUE, f"from must not be after to, and at most {DAYS_LIMIT} days before it.")
    return first, last


def _sums(usage: Usage) -> dict[str, Any]:
    return {name: getattr(usage, name) for name in UsageSums.model_fields}


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
    Route(
        *("GET", f"{ROOT}usage/totals", "sumUsage", "Add up what was carried.", Scope.READ, sum_usage, UsageTotals),
        query=TotalsQuery,
        own=True,
    ),
)
