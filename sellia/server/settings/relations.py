"""Checks of a server's settings against each other."""

from typing import Final, Protocol

from pydantic import SecretStr

from sellia.protocol import limits
from sellia.settings import wrong

GIVE_A_KEY: Final = (
    "Give --master-key, SELLIA_MASTER_KEY or SELLIA_MASTER_KEY_FILE: `openssl rand -hex 24` makes a key."
)


#: What stands for no endpoint.
NO_ENDPOINT: Final = "none"


class Related(Protocol):
    """The settings that must fit each other, and the place of each in the file."""

    @property
    def require_auth(self) -> bool | None: ...
    @property
    def master_key(self) -> SecretStr | None: ...
    @property
    def keeps_accounts(self) -> bool: ...
    @property
    def open(self) -> bool: ...
    @property
    def session_credit(self) -> int: ...
    @property
    def sessions_memory(self) -> int: ...
    @property
    def connections(self) -> int: ...
    @property
    def connections_per_address(self) -> int: ...
    @property
    def request_timeout_limit(self) -> float: ...
    @property
    def ping_interval(self) -> float: ...
    @property
    def ping_timeout(self) -> float: ...
    @property
    def tls_tunnels(self) -> bool: ...
    @property
    def endpoints(self) -> tuple[str, ...]: ...
    def path(self, name: str, /) -> str: ...


def check_together(settings: Related) -> None:
    """Refuse settings that contradict each other.  Raises what a validator raises."""
    if settings.require_auth and settings.master_key is None and not settings.keeps_accounts:
        hint = f"Give --state-dir, where accounts and their keys are kept, or a master key. {GIVE_A_KEY}"
        raise wrong("keys are required, but there is no place for them", hint, "require_auth")
    for name in ("admin_listen", "original_admin"):
        if getattr(settings, name) not in (None, False, NO_ENDPOINT) and not settings.keeps_accounts:
            hint = "Give --state-dir, where accounts are kept: without them there is nothing to administer."
            raise wrong("needs accounts", hint, name)
    if settings.require_auth is False and settings.master_key is not None:
        hint = "Leave require_auth out; for a server on which everybody may open tunnels, take the master key away."
        raise wrong("a master key is set, and is then required", hint, "require_auth")
    if settings.open and settings.require_auth:
        hint = "Keep one of the two: with require_auth only those who have a key may open tunnels."
        raise wrong("cannot be given together with require_auth", hint, "open")
    if settings.open and settings.master_key is not None:
        hint = "Keep one of the two: with a master key only its owners may open tunnels."
        raise wrong("cannot be given together with a master key", hint, "open")
    passing = any(each.startswith(("ssl:", "tls:", "sni:")) for each in settings.endpoints)
    if settings.tls_tunnels and not passing:
        hint = "Add one with --listen: ssl:443:privateKey=key.pem, or sni:tcp:443 where the server has no TLS itself."
        raise wrong("needs a listener for TLS", hint, "tls_tunnels")
    if not settings.tls_tunnels and any(each.startswith("sni:") for each in settings.endpoints):
        raise wrong("has an sni: endpoint, and no tls tunnels are allowed", "Set tls_tunnels.", "listen")
    if settings.session_credit < limits.MAX_CREDIT:
        least = f"must not be below {limits.MAX_CREDIT // limits.MIB} MiB, which one visitor may use up"
        raise wrong(least, "", "session_credit")
    if settings.sessions_memory < settings.session_credit:
        hint = "Give all sessions together at least what one may have."
        line = f"must not be smaller than {settings.path('session_credit')}"
        raise wrong(line, hint, "sessions_memory")
    if settings.connections_per_address > settings.connections:
        hint = "Give one address at most as many connections as there may be in all."
        line = f"must not be larger than {settings.path('connections')}"
        raise wrong(line, hint, "connections_per_address")
    for name in ("request_timeout", "upgrade_timeout"):
        if getattr(settings, name) > settings.request_timeout_limit:
            limit = settings.path("request_timeout_limit")
            hint = f"Raise {limit}, the most for any tunnel, to at least as much."
            raise wrong(f"must not be longer than {limit} ({settings.request_timeout_limit:g} s)", hint, name)
    if settings.ping_timeout <= settings.ping_interval:
        hint = "A link must have the time to answer a ping: make the timeout longer."
        raise wrong(f"must be longer than {settings.path('ping_interval')}", hint, "ping_timeout")
