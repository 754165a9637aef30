"""Options of a tunnel that a server without a capability would ignore: such a tunnel is not opened there."""

from collections.abc import Collection
from typing import Final

from sellia.protocol.messages import ACCESS, DOMAINS, POOL, RULES, USERS, WILDCARDS, TunnelOptions

#: What a server without a capability would not do, the options that ask for it, and what to take out.
_ASKING: Final = {
    ACCESS: ("keep out visitors by address", ("allow", "deny"), "take allow and deny out"),
    RULES: (
        "look at what requests are",
        ("methods", "max_body", "visitor_burst"),
        "take methods, max_body and visitor_rate out",
    ),
    USERS: ("know several users", ("passwords", "digests"), "take auth_file and all but one of auth out"),
    DOMAINS: ("give tunnels other domains than its own", ("domains",), "ask for a name below its domain"),
    WILDCARDS: ("have names below names", ("wildcard",), "ask for a name without a dot, and without --wildcard"),
    POOL: ("let several clients share a name", ("pool",), "leave out --pool"),
}


def too_old(options: TunnelOptions, capabilities: Collection[str], name: str | None = None) -> str:
    """Return what a server with these capabilities would not do for a tunnel, as a sentence, or an empty string.

    ``name`` is the one that it asks for.
    """
    deep = name is not None and "." in name
    for capability, (what, names, instead) in _ASKING.items():
        asks = any(getattr(options, each) for each in names) or (capability == WILDCARDS and deep)
        if capability not in capabilities and asks:
            return f"This server is too old to {what}, so the tunnel is not opened. Have it updated, or {instead}."
    return ""
