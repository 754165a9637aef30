"""Words of causes: who is to blame for each problem of the catalogue, and what is no problem of it.

A cause's `what` is a stable word, on which scripts may rely: a code of `sellia.problems`, or one of ``WORDS``.
``docs/why.rst`` lists both.
"""

from typing import Final

from sellia import problems
from sellia.problems import PROBLEMS, Problem
from sellia.why.cause import Party

#: Problems by who has caused them.  Those that are not here end no exchange, or depend: whoever reports them has the
#: fault, or found the limit, of the program where they arose (`blame`).
_CAUSED: Final[dict[Party, tuple[Problem, ...]]] = {
    # a name that is misspelt, or a client that does not run; a proxy that removes Upgrade, or a browser led here
    "unknown": (problems.NO_SUCH_TUNNEL, problems.UPGRADE_REQUIRED),
    "link": (problems.SESSION_EXPIRED, problems.CLIENT_AWAY),
    "server": (
        *(problems.SERVER_RESTARTING, problems.SERVER_DRAINING, problems.IDLE_TOO_LONG),
        *(problems.DATABASE_AWAY, problems.DNS_UNAVAILABLE),
        *(problems.KEY_REVOKED, problems.KICKED),  # its operator, on purpose
    ),
    "service": (
        problems.SERVICE_REFUSED,
        problems.SERVICE_UNREACHABLE,
        problems.SERVICE_TLS_FAILED,
        problems.SERVICE_DIED,
        problems.BAD_SERVICE_RESPONSE,
        problems.SERVICE_UNHEALTHY,
        problems.UPGRADE_REFUSED,
        problems.RESPONSE_TIMEOUT,
        problems.UPGRADE_TIMEOUT,
    ),
    "visitor": (
        problems.BAD_REQUEST,
        problems.BAD_HOST,
        problems.UNAUTHORIZED,
        problems.FORBIDDEN,
        problems.NO_SUCH_PAGE,
        problems.METHOD_NOT_ALLOWED,
        problems.REQUEST_TIMEOUT,
        problems.BODY_TOO_LARGE,
        problems.TARGET_TOO_LONG,
        problems.RATE_LIMITED,
        problems.HEADER_TOO_LARGE,
        problems.HTTP_VERSION_NOT_SUPPORTED,
        problems.VISITOR_GONE,
    ),
    "client": (
        problems.CLIENT_GONE,
        problems.NOT_ASKED,
        problems.WRONG_KEY,
        problems.KEY_REQUIRED,
        problems.TOO_MANY_ATTEMPTS,
        problems.TOO_MANY_LINKS,
        problems.NAME_TAKEN,
        problems.NAME_RESERVED,
        problems.NAME_INVALID,
        problems.TOO_MANY_TUNNELS,
        problems.UNSUPPORTED_VERSION,
        problems.KEY_EXPIRED,
        problems.QUOTA_USED_UP,
        problems.DOMAIN_NOT_PROVEN,
        # what only calls of the admin API get
        *(problems.INVALID_VALUE, problems.NO_SUCH_THING, problems.ALREADY_EXISTS, problems.CONFLICT),
        *(problems.TOO_MANY_NAMES, problems.STILL_IN_USE, problems.UNSUPPORTED_MEDIA_TYPE),
        *(problems.IDEMPOTENCY_KEY_REUSED, problems.STILL_UNDER_WAY),
    ),
}

#: Who has caused a problem, by its code.
BLAME: Final[dict[str, Party]] = {each.code: who for who, several in _CAUSED.items() for each in several}

#: Problems whose blame is that of the frames' sender, and of the program that reports them.
OF_FRAMES: Final = frozenset(
    each.code for each in (problems.BAD_FRAME, problems.FRAME_TOO_LARGE, problems.TOO_MANY_FRAMES)
)
OF_PROGRAMS: Final = frozenset((problems.INTERNAL.code, problems.OVERLOADED.code))

#: Words that are no problems, with what to do; ``{who}`` is whose end it was.
WORDS: Final[dict[str, str]] = {
    # closes of a WebSocket by one of its ends, by their code
    "no-status": "Nothing, if {who} was done: close() without arguments does that. Otherwise look at {who}.",
    "protocol-error": "Compare the WebSocket libraries of both ends: {who} found a frame of the other end wrong.",
    "unsupported-data": "Send the kind of message, text or binary, that {who} takes.",
    "invalid-data": "Send UTF-8 in text messages: {who} found one that is not, or of another form than it expects.",
    "policy-violation": "Check what {who} asks for: a login, a cookie, a token, the Origin. Its own log says which.",
    "message-too-big": "Send smaller messages, or raise the limit of {who}: it is its own, not one of Sellia's.",
    "extension-missing": "Turn the extension on that {who} needs, in the configuration of the other end.",
    "internal-error": "Look in the log of {who} for an error at this moment.",
    "service-restart": "Connect again when {who} is back.",
    "try-again-later": "Connect again later: {who} has too much to do.",
    "bad-gateway": "Look at what {who} connects to: it got no good answer from there.",
    "unauthorized-close": "Check the login or token that {who} was shown.",
    "own-code": "Look the code up in the program of {who}: codes from 3000 on are its own.",
    # ends without a close frame
    "dropped": "Look in the log of {who} for a crash or a restart at this moment.",
    "idle-timeout": "Have a ping sent every 20 s or so, or raise the idle time-out of {who}.",
    "ping-timeout": "Look at the network of {who}: it answered no ping. If pongs are only slow, raise the time-out.",
    "unread": "Look at why {who} reads nothing: a tab in the background, a network that is stuck, a busy program.",
    # handshakes and answers
    "bad-handshake": "Look in the service's log: its 101 is not one that a browser would take.",
    "upgrade-stripped": "Have the proxy in front pass Upgrade and Connection on: docs/proxies.rst has the lines.",
    "gateway-error": "Look at what stands behind the service: it is a gateway itself, and this answer is its own.",
    "no-route": "Add a route for this path to the tunnel's settings, or ask for another path.",
    "host-not-allowed": "Add the public name to the names that the service allows.",
    "mixed-content": "Write wss: for ws: (https: for http:), or take the page's own scheme, host and port.",
    # the link
    "link-away": "Raise the service's ping time-out above the time for which a link may be away, or mend the network.",
    "link-lost": "Check the network between client and server; the client connects again by itself.",
    "link-silent": "Check the network between client and server: it swallows what is sent, without a word.",
    "link-closed": "Nothing: the client connects again by itself.",
    "slept": "Nothing: the machine was asleep, and the client connects again by itself.",
    "link-failed": "Check the server's address, and that it runs.",
    # what nobody knows
    "looks-like-sellia": "Update the older of client and server: one of them does not say whose close frames are.",
}

#: Word of a close, by its code (RFC 6455, section 7.4.1, and its registry).
BY_CODE: Final[dict[int, str]] = {
    1002: "protocol-error",
    1003: "unsupported-data",
    1005: "no-status",
    1006: "dropped",
    1007: "invalid-data",
    1008: "policy-violation",
    1009: "message-too-big",
    1010: "extension-missing",
    1011: "internal-error",
    1012: "service-restart",
    1013: "try-again-later",
    1014: "bad-gateway",
    3000: "unauthorized-close",
    3003: "unauthorized-close",
}

#: Codes of closes that are plainly good where an end of the WebSocket has made them.
GOOD_CODES: Final = (1000, 1001)


def blame(problem: Problem, reporter: Party = "unknown", sender: Party = "unknown") -> Party:
    """Return who has caused a problem; ``reporter`` is the program where it arose, ``sender`` whose frames it is of."""
    if problem.code in OF_FRAMES:
        return sender
    return BLAME.get(problem.code) or (reporter if problem.code in OF_PROGRAMS else "unknown")


def word_of_close(code: int | None) -> str:
    """Return the word of a close with this code; None: a close frame without one."""
    return "no-status" if code is None else BY_CODE.get(code, "own-code")


def remedy(what: str, who: Party) -> str:
    """Return what to do about an end, as far as there is anything."""
    if what in PROBLEMS:
        return PROBLEMS[what].remedy
    return WORDS.get(what, "").format(who="it" if who == "unknown" else OWNERS[who])


#: Parties as remedies and sentences name them.
OWNERS: Final[dict[Party, str]] = {
    "visitor": "the visitor",
    "proxy": "the proxy in front",
    "server": "the tunnel server",
    "link": "the link",
    "client": "the client",
    "service": "the service",
    "unknown": "one side",
}
