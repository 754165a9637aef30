"""Catalogue of problems: every answer that Sellia gives itself is a `Problem` with a stable code.

The code is what the ``Sellia-Error`` header says, what opens the reason of a WebSocket close, what a reset or a refusal
carries as its ``word`` (``docs/protocol.rst``), and what ``docs/errors.rst`` lists, in the same words as here.

Code names a problem by its constant, so that a mistyped one is an error of types.
"""

from typing import Final

from sellia.problem import CLOSE_REASON_LIMIT as CLOSE_REASON_LIMIT
from sellia.problem import PROBLEMS as PROBLEMS
from sellia.problem import RETRY_AFTER_SECONDS as RETRY_AFTER_SECONDS
from sellia.problem import Problem as Problem
from sellia.problem import define

# The tunnel and its client.

NO_SUCH_TUNNEL = define(
    "no-such-tunnel",
    404,
    None,
    "No tunnel has this name.",
    "Check the spelling of the address; if the tunnel is yours, start its client.",
)
CLIENT_GONE = define(
    "client-gone",
    502,
    1001,
    "The client of this tunnel has left.",
    "Try again later; if the tunnel is yours, start its client again.",
)
SESSION_EXPIRED = define(
    "session-expired",
    502,
    1012,
    "The client of this tunnel lost its connection and did not come back in time.",
    "Try again; if the tunnel is yours, check the network of the machine its client runs on.",
)
CLIENT_AWAY = define(
    "client-away",
    503,
    None,
    "The client of this tunnel has lost its connection, and is expected back.",
    "Try again in a few seconds.",
)
SERVER_RESTARTING = define(
    "server-restarting",
    503,
    1012,
    "The tunnel server is restarting.",
    "Try again in a few seconds.",
)
SERVER_DRAINING = define(
    "server-draining",
    503,
    1012,
    "The tunnel server is shutting down and takes nothing new.",
    "Try again in a minute.",
)

# The service behind the tunnel.

SERVICE_REFUSED = define(
    "service-refused",
    502,
    None,
    "The tunnel works, but the service behind it refused the connection.",
    "Start the service, or give the client the port and host that it listens on.",
)
SERVICE_UNREACHABLE = define(
    "service-unreachable",
    502,
    None,
    "The tunnel works, but the service behind it could not be reached.",
    "Check the service's host name and port, and that no firewall stands between it and the client.",
)
SERVICE_TLS_FAILED = define(
    "service-tls-failed",
    502,
    None,
    "The tunnel works, but no TLS connection to the service behind it could be made.",
    "Check that the service speaks https and that its certificate is valid for its host name;"
    " use http if it does not speak TLS.",
)
SERVICE_DIED = define(
    "service-died",
    502,
    1011,
    "The service behind the tunnel ended the connection before its answer was done.",
    "Look in the service's own log for a crash or a restart.",
)
BAD_SERVICE_RESPONSE = define(
    "bad-service-response",
    502,
    1011,
    "The service behind the tunnel gave an answer that is not valid HTTP.",
    "Check that the port is that of an HTTP service, and look in the client's log for what was wrong.",
)
SERVICE_UNHEALTHY = define(
    "service-unhealthy",
    503,
    None,
    "The tunnel works, but no service behind it passes its health check.",
    "Try again in a few seconds; if the tunnel is yours, look at what its health path answers.",
)
UPGRADE_REFUSED = define(
    "upgrade-refused",
    502,
    None,
    "The service behind the tunnel would not open a WebSocket here.",
    "Check the path of the WebSocket, and look in the service's own log for its reason.",
)
RESPONSE_TIMEOUT = define(
    "response-timeout",
    504,
    None,
    "The service behind the tunnel did not answer in time.",
    "Look at what the service is busy with; if it needs longer, raise the tunnel's request_timeout, as far as the"
    " server's timeouts.request_limit allows.",
)
UPGRADE_TIMEOUT = define(
    "upgrade-timeout",
    504,
    None,
    "The service behind the tunnel did not answer the WebSocket handshake in time.",
    "Check that the service offers a WebSocket at this path and is not busy; if it needs longer, raise the tunnel's"
    " upgrade_timeout, as far as the server's timeouts.request_limit allows.",
)

# The request.

BAD_REQUEST = define(
    "bad-request",
    400,
    None,
    "This is not a valid HTTP request.",
    "Send a request that follows RFC 9112; an ordinary HTTP client does.",
)
BAD_HOST = define(
    "bad-host",
    400,
    None,
    "The request does not name exactly one valid host.",
    "Send one Host header with a host name and, if need be, a port.",
)
UNAUTHORIZED = define(
    "unauthorized",
    401,
    1008,
    "This tunnel asks for a user name and a password.",
    "Send the ones that the owner of the tunnel gave you, as basic authentication.",
)
FORBIDDEN = define(
    "forbidden",
    403,
    1008,
    "You are not allowed to do this.",
    "Ask the owner of the tunnel or of the server for access.",
)
NO_SUCH_PAGE = define(
    "no-such-page",
    404,
    None,
    "The server has no page at this address.",
    "Tunnels have names of their own, in front of the server's; the server's own page is /.",
)
UPGRADE_REQUIRED = define(
    "upgrade-required",
    426,
    None,
    "This is where Sellia clients connect, with a WebSocket.",
    "Point a client here with --server; if one came here, a proxy in between has removed its Upgrade header.",
)
METHOD_NOT_ALLOWED = define(
    "method-not-allowed",
    405,
    None,
    "This method cannot be used here.",
    "Use one of the methods that the Allow header names; CONNECT is for forward proxies only.",
)
REQUEST_TIMEOUT = define(
    "request-timeout",
    408,
    None,
    "The request did not arrive in time.",
    "Send the whole request at once; if the connection is slow, try another.",
)
BODY_TOO_LARGE = define(
    "body-too-large",
    413,
    1009,
    "The body of the request is larger than is allowed here.",
    "Send less at once, or ask the owner of the tunnel, or of the server, to raise the limit.",
)
TARGET_TOO_LONG = define(
    "target-too-long",
    414,
    None,
    "The address of the request is longer than 8 KiB.",
    "Send long data in the body of a POST request.",
)
RATE_LIMITED = define(
    "rate-limited",
    429,
    1013,
    "Too many requests came in too short a time.",
    "Wait as long as the Retry-After header says, then try again.",
)
QUOTA_USED_UP = define(
    "quota-used-up",
    429,
    1013,
    "The account of this tunnel has carried as much as it may this month.",
    "Wait for the next month, or ask the owner of the server to raise the limit.",
)
HEADER_TOO_LARGE = define(
    "header-too-large",
    431,
    None,
    "The header of the request is larger than 64 KiB or has more than 128 fields.",
    "Delete the cookies of this site, or send fewer and shorter header fields.",
)
HTTP_VERSION_NOT_SUPPORTED = define(
    "http-version-not-supported",
    505,
    None,
    "This version of HTTP is not spoken here.",
    "Use HTTP/1.1, or reach the server through a proxy that translates.",
)
BAD_FRAME = define(
    "bad-frame",
    None,
    1002,
    "A WebSocket frame broke RFC 6455.",
    "Check the WebSocket library of the side that sent the frame.",
)
FRAME_TOO_LARGE = define(
    "frame-too-large",
    None,
    1009,
    "A WebSocket frame or message was larger than is allowed here.",
    "Send smaller messages, or have the limit raised that the reason names: it is in the server's settings file.",
)
TOO_MANY_FRAMES = define(
    "too-many-frames",
    None,
    1008,
    "Too many WebSocket frames came that carry nothing: pings, pongs or empty fragments.",
    "Send pings every few seconds, and fragments that have something in them.",
)

# The server itself.

OVERLOADED = define(
    "overloaded",
    503,
    1013,
    "The tunnel server has too much to do.",
    "Wait as long as the Retry-After header says, then try again.",
)
DATABASE_AWAY = define(
    "database-away",
    503,
    1013,
    "The server cannot reach its database at the moment.",
    "Try again in a moment; what runs goes on. Who runs the server finds the cause in its log.",
)
INTERNAL = define(
    "internal",
    500,
    1011,
    "Something went wrong inside Sellia; this is a mistake of ours.",
    "Try again; if it happens again, report it with the line from the server's log.",
)

# What the gateway refuses.

WRONG_KEY = define(
    "wrong-key",
    401,
    1008,
    "The server does not accept this API key.",
    "Check the key for a typing error; it may also be revoked or expired: ask the owner of the server.",
)
KEY_REQUIRED = define(
    "key-required",
    401,
    1008,
    "This server opens tunnels only for those who have an API key.",
    "Ask the owner of the server for a key, and store it with sellia auth login, or give it in SELLIA_API_KEY.",
)
TOO_MANY_ATTEMPTS = define(
    "too-many-attempts",
    429,
    1013,
    "Too many wrong API keys came from this address.",
    "Wait as long as the message says, then try again with the right key.",
)
TOO_MANY_LINKS = define(
    "too-many-links",
    None,
    1013,
    "More clients are connected with this key, or from this address, than are allowed.",
    "Stop a client that is no longer needed, or ask the owner of the server to raise the limit.",
)
NAME_TAKEN = define(
    "name-taken",
    None,
    1008,
    "Somebody else has a tunnel of this name.",
    "Choose another name, or leave it out and get one that is free.",
)
NAME_RESERVED = define(
    "name-reserved",
    None,
    1008,
    "This name is reserved and cannot be given to a tunnel.",
    "Choose another name.",
)
NAME_INVALID = define(
    "name-invalid",
    None,
    1008,
    "This cannot be the name of a tunnel.",
    "Use 3 to 63 letters, digits and hyphens, with no hyphen at either end.",
)
DOMAIN_NOT_PROVEN = define(
    "domain-not-proven",
    None,
    1008,
    "Nothing shows that this domain belongs to whoever asks for it.",
    "Make one of the DNS records that the message names, and start the tunnel again.",
)
DNS_UNAVAILABLE = define(
    "dns-unavailable",
    None,
    1013,
    "The DNS did not say whose this domain is.",
    "It is asked again; if that goes on, check the domain's name servers, and those that the server asks.",
)
TOO_MANY_TUNNELS = define(
    "too-many-tunnels",
    None,
    1008,
    "No more tunnels can be opened.",
    "Close a tunnel that is no longer needed, or ask the owner of the server to raise the limit.",
)
KEY_REVOKED = define(
    "key-revoked",
    None,
    1008,
    "The API key of this client was revoked.",
    "Ask the owner of the server for another key, and store it with sellia auth login.",
)
KEY_EXPIRED = define(
    "key-expired",
    None,
    1008,
    "The API key of this client has expired.",
    "Ask the owner of the server for another key, and store it with sellia auth login.",
)
KICKED = define(
    "kicked",
    None,
    1008,
    "The operator of the server has ended this session.",
    "Ask the operator why, then start the client again.",
)
UNSUPPORTED_VERSION = define(
    "unsupported-version",
    None,
    1002,
    "Client and server have no version of the protocol in common.",
    "Update the older of the two.",
)

# What the admin API refuses; here, for the registry has the order of ``docs/errors.rst``.

from sellia.admin_problems import ALREADY_EXISTS as ALREADY_EXISTS  # noqa: E402
from sellia.admin_problems import CONFLICT as CONFLICT  # noqa: E402
from sellia.admin_problems import IDEMPOTENCY_KEY_REUSED as IDEMPOTENCY_KEY_REUSED  # noqa: E402
from sellia.admin_problems import INVALID_VALUE as INVALID_VALUE  # noqa: E402
from sellia.admin_problems import NO_SUCH_THING as NO_SUCH_THING  # noqa: E402
from sellia.admin_problems import STILL_IN_USE as STILL_IN_USE  # noqa: E402
from sellia.admin_problems import STILL_UNDER_WAY as STILL_UNDER_WAY  # noqa: E402
from sellia.admin_problems import TOO_MANY_NAMES as TOO_MANY_NAMES  # noqa: E402
from sellia.admin_problems import UNSUPPORTED_MEDIA_TYPE as UNSUPPORTED_MEDIA_TYPE  # noqa: E402

# Ends of streams that answer nobody: they are in no catalogue, only in ``docs/protocol.rst`` (3.5).

VISITOR_GONE = Problem("visitor-gone", None, None, "The visitor has left before the end.", "")
RESPONSE_COMPLETE = Problem(
    "response-complete", None, None, "The response is complete, and the rest of the request is not wanted.", ""
)

IDLE_TOO_LONG = Problem(
    "idle-too-long", None, None, "Nothing has passed on the connection for as long as it may be idle.", ""
)

#: Of a pool's client only: another one may be asked.
NOT_ASKED = Problem("not-asked", None, None, "The client has taken the request, and not asked its service.", "")

_RESETS: Final = {problem.code: problem for problem in (VISITOR_GONE, RESPONSE_COMPLETE, IDLE_TOO_LONG, NOT_ASKED)}


def problem_of(word: str) -> Problem:
    """Problem that a peer names; a word that this version does not know makes one that has only a code."""
    return PROBLEMS.get(word) or _RESETS.get(word) or Problem(word, None, None, "", "")
