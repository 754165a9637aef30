"""Options of a tunnel that a server without a capability would ignore: such a tunnel is not opened there."""

from collections.abc import Collection
from typing import Final

from sellia.protocol.messages import ACCESS, POOL, RULES, USERS, TunnelOptions

#: What a server without a capability would not do, the options that ask for it, and what to take out.
_ASKING: Final = {
    ACCESS: ("keep out visitors by address", ("allow", "deny"), "take allow and deny out"),
    RULES: (
        "look at what requests are",
        ("methods", "max_body", "visitor_burst"),
        "take methods, max_body and visitor_rate out",
    ),
    USERS: ("know several users", ("passwords", "digests"), "take auth_file and all but one of auth out"),
    POOL: ("let several clients share a name", ("pool",), "leave out --pool"),
}


def too_old(options: TunnelOptions, capabilities: Collection[str]) -> str:
    """Return what a server with these capabilities would not do for a tunnel, as a sentence, or an empty string."""
    for capability, (what, names, instead) in _ASKING.items():
        if capability not in capabilities and any(getattr(options, name) for name in names):
            return f"This server is too old to {what}, so the tunnel is not opened. Have it updated, or {instead}."
    return ""
