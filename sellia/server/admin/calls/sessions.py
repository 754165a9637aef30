"""Calls on what is there now: the sessions of clients, and how the server is."""

from typing import Final

from sellia.server.accounts.session_operations import LiveSession
from sellia.server.admin.calls.shared import check_own, page_of, whose
from sellia.server.admin.models import OfAccount
from sellia.server.admin.reports import Overview, SessionPage, SessionReport, TunnelReport
from sellia.server.admin.routes import ROOT, Call, Route, Scope


def _report(session: LiveSession) -> SessionReport:
    return SessionReport(
        id=session.id,
        name=session.log_name,
        account=session.account_id,
        key=session.key_id or None,
        key_prefix=session.key_prefix,
        address=session.address,
        client=session.agent,
        state=session.state,
        dialect=session.dialect,
        since=session.since,
        rtt_seconds=session.rtt,
        streams=session.streams,
        bytes_in=session.bytes_in,
        bytes_out=session.bytes_out,
        tunnels=[TunnelReport(name=each.name, kind=each.kind, streams=each.streams) for each in session.tunnels],
    )


async def list_sessions(call: Call) -> SessionPage:
    """Return a page of sessions."""
    records = sorted(call.operations.sessions(whose(call, call.query.account)), key=lambda each: each.id)
    found, cursor = page_of("sessions", records, lambda each: each.id, call.query)
    return SessionPage(items=[_report(each) for each in found], next=cursor)


async def show_session(call: Call) -> SessionReport:
    """Return one session."""
    found = call.operations.session(call.names["session"])
    check_own(call, found.account_id, f"session {call.names['session']!r}", Scope.READ.value)
    return _report(found)


async def end_session(call: Call) -> None:
    """End a session."""
    found = call.operations.session(call.names["session"])
    check_own(call, found.account_id, f"session {call.names['session']!r}")
    call.operations.kick(found.id, by=call.caller.actor)


async def show_overview(call: Call) -> Overview:
    """Return how the server is."""
    found = call.operations.overview()
    own = {name: found[name] for name in Overview.model_fields if name in found}
    counters = {name: each for name, each in found.items() if name not in own and isinstance(each, int)}
    return Overview(**own, counters=counters)


_ALL: Final = f"{ROOT}sessions"
_ONE: Final = f"{_ALL}/{{session}}"

ROUTES: Final = (
    Route(
        *("GET", _ALL, "listSessions", "List the clients that are connected.", Scope.READ, list_sessions, SessionPage),
        query=OfAccount,
        own=True,
    ),
    Route("GET", _ONE, "showSession", "Show a client.", Scope.READ, show_session, SessionReport, own=True),
    Route(
        *("DELETE", _ONE, "endSession", "End the session of a client.", Scope.WRITE, end_session),
        status=204,
        own=True,
    ),
    Route("GET", f"{ROOT}overview", "showOverview", "Show how the server is.", Scope.READ, show_overview, Overview),
)
