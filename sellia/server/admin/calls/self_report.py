"""The call that says what the key is that is shown: ``sellia auth login`` checks a key with it."""

from typing import Final

from sellia.protocol.http_api import ANY_NAME, KEY_PATH
from sellia.server.admin.reports import Counts, SelfReport
from sellia.server.admin.routes import Call, Route, Scope
from sellia.server.gateway.kinds import offered


async def show_self(call: Call) -> SelfReport:
    """Return what the key is and may do, in the form of the server's own API, with more."""
    operations, actor = call.operations, call.caller.actor
    parts = operations.parts
    settings, gateway = parts.gateway.settings, parts.gateway
    key = parts.live.keys.get(actor.key_id)
    scopes = call.caller.scopes
    account = actor.account_id
    limits = parts.live.limits_of(account) if account is not None else None
    clients = limits.clients if limits is not None else None
    tunnels = limits.tunnels if limits is not None else None
    kinds = [each for each in offered(gateway.ports) if each in scopes]
    sessions = operations.sessions(account) if account is not None else []
    return SelfReport(
        key_required=gateway.admission.key_required,
        id=actor.key_id,
        account=account,
        prefix=actor.key_prefix,
        scopes=[*kinds, *sorted(scopes - set(operations.tunnel_scopes))],
        names=list(key.names) if key is not None and key.names else [ANY_NAME],
        expires_at=key.expires_at if key is not None else None,
        limits=Counts(
            clients=settings.sessions_per_owner if clients is None else clients,
            tunnels=settings.tunnels_per_owner if tunnels is None else tunnels,
            tunnels_per_client=settings.tunnels_per_client,
        ),
        in_use=Counts(clients=len(sessions), tunnels=sum(len(each.tunnels) for each in sessions)),
    )


ROUTES: Final = (
    Route("GET", KEY_PATH, "showSelf", "Show what the key is that is shown.", Scope.ANY, show_self, SelfReport),
)
