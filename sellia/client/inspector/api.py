"""The API of the inspector: its endpoints, and who answers them."""

from typing import Any, Final

from sellia.client.inspector import acting, holding, qr, reading, taking
from sellia.client.inspector.table import Endpoint, Parameter, Table

_NUMBER: Final = {"type": "integer"}
_SWITCH: Final = {"enum": ["0", "1"]}

_LIMIT: Final = Parameter("limit", "How many at most.", {"type": "integer", "minimum": 1, "maximum": 10_000})
_FILTER: Final = Parameter("filter", "Expression such as `method:POST status:5xx path:/api`.")

_DECODED: Final = Parameter("decoded", "1: without content codings, and inflated.", _SWITCH)

_REDACT: Final = Parameter("redact", "0: with credentials; by default they are replaced.", _SWITCH)
_IDS: Final = Parameter("ids", "Ids of exchanges, as in `1,2`.")

_BYTES: Final = "application/octet-stream"


def _named(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(name: str, key: str, **more: Any) -> dict[str, Any]:
    properties = {key: {"type": "array", "items": _named(name)}, **more}
    return {"type": "object", "properties": properties, "required": list(properties)}


ENDPOINTS: Final = (
    Endpoint("GET", "/api/status", "What runs, and what is kept.", reading.status),
    Endpoint("GET", "/api/tunnels", "The tunnels of the client.", reading.tunnels),
    Endpoint(
        "GET",
        "/api/exchanges",
        "Exchanges, oldest first.",
        reading.exchanges,
        query=(
            _FILTER,
            Parameter("after", "Only those with greater ids.", {"type": "integer", "minimum": 0}),
            _LIMIT,
            Parameter("last", "1: the newest ones, where there are more than the limit.", _SWITCH),
        ),
        answer=_list("Exchange", "exchanges", more={"type": "boolean"}, first={"type": "string"}),
    ),
    Endpoint("DELETE", "/api/exchanges", "Let go of exchanges that are over.", reading.clear),
    Endpoint(
        "GET",
        "/api/exchanges/{id}",
        "All of an exchange but its bodies and messages.",
        reading.exchange,
        answer=_named("Exchange"),
        fails=(404,),
    ),
    Endpoint(
        "GET",
        "/api/exchanges/{id}/request-body",
        "The body of the request.",
        reading.request_body,
        query=(_DECODED,),
        answer=_BYTES,
        fails=(404,),
    ),
    Endpoint(
        "GET",
        "/api/exchanges/{id}/response-body",
        "The body of the response.",
        reading.response_body,
        query=(_DECODED,),
        answer=_BYTES,
        fails=(404,),
    ),
    Endpoint(
        "GET",
        "/api/exchanges/{id}/messages",
        "Messages of a WebSocket.",
        reading.messages,
        query=(
            Parameter("after", "Only those with greater numbers.", {"type": "integer", "minimum": -1}),
            _LIMIT,
            Parameter("decoded", "1: with what a decoder says of each.", _SWITCH),
        ),
        answer=_list("Message", "messages", count=_NUMBER),
        fails=(404,),
    ),
    Endpoint(
        "GET",
        "/api/exchanges/{id}/messages/{number}",
        "The payload of a message.",
        reading.message,
        query=(_DECODED,),
        answer=_BYTES,
        fails=(404,),
    ),
    Endpoint(
        "POST",
        "/api/exchanges/{id}/replay",
        "Do an exchange again, as it was or edited.",
        acting.replay,
        body=acting.Replay,
        answer=_named("Exchange"),
        status=201,
        fails=(404, 409, 422, 503),
    ),
    Endpoint(
        "POST",
        "/api/replay",
        "Do exchanges again, one after the other.",
        acting.replay_several,
        body=acting.Several,
        status=201,
        fails=(404, 409, 422, 503),
    ),
    Endpoint(
        "POST",
        "/api/requests",
        "Send a request, or open a WebSocket, that is made from nothing.",
        acting.compose,
        body=acting.Compose,
        answer=_named("Exchange"),
        status=201,
        fails=(409, 422, 503),
    ),
    Endpoint(
        "POST",
        "/api/websockets/{id}/send",
        "Send a message into a WebSocket that is open.",
        acting.send,
        body=acting.Message,
        answer={"type": "object", "properties": {"number": {"type": ["integer", "null"]}}},
        status=201,
        fails=(404, 409, 422),
    ),
    Endpoint(
        "POST",
        "/api/exchanges/{id}/keep",
        "Let clearing and eviction leave an exchange alone, or not any more.",
        acting.keep,
        body=acting.Kept,
        fails=(404, 422),
    ),
    Endpoint("DELETE", "/api/exchanges/{id}", "Let go of one exchange.", acting.remove, status=204, fails=(404,)),
    *(
        Endpoint("GET", f"/api/exchanges/{{id}}/{path}/decoded", f"What is inside {what}.", handler, fails=(404,))
        for path, what, handler in (
            ("request-body", "the body of the request", reading.request_look),
            ("response-body", "the body of the response", reading.response_look),
            ("messages/{number}", "a message", reading.message_look),
        )
    ),
    Endpoint("GET", "/api/holds", "All holds, and what they hold.", holding.holds),
    Endpoint(
        "POST",
        "/api/holds",
        "Hold requests or messages that fit.",
        holding.add,
        body=holding.NewHold,
        status=201,
        fails=(409, 422),
    ),
    Endpoint(
        "DELETE", "/api/holds", "Remove all holds, and let go of everything.", holding.clear, status=204, fails=(409,)
    ),
    Endpoint("DELETE", "/api/holds/{id}", "Remove a hold.", holding.remove, status=204, fails=(404, 409)),
    Endpoint(
        "POST",
        "/api/held/{id}",
        "Let go of something that is held, changed or not, or drop it.",
        holding.let_go,
        body=holding.LetGo,
        status=204,
        fails=(404, 409, 422),
    ),
    Endpoint(
        "GET",
        "/api/exchanges/{id}/snippet",
        "A line, or a few, that sends the request again.",
        taking.line,
        query=(Parameter("form", "What for.", {"enum": list(taking.FORMS)}, required=True), _REDACT),
        answer="text/plain",
        fails=(404, 409),
    ),
    Endpoint(
        "GET",
        "/api/test",
        "A test file that does the same as exchanges, and asserts what was seen.",
        taking.test,
        query=(
            Parameter(_IDS.name, _IDS.about, required=True),
            Parameter("form", "What runs it.", {"enum": list(taking.FRAMEWORKS)}, required=True),
            _REDACT,
        ),
        answer="text/plain",
        fails=(404, 409),
    ),
    Endpoint("GET", "/api/har", "A HAR file.", taking.written, query=(_IDS, _FILTER, _REDACT), fails=(404,)),
    Endpoint(
        "POST",
        "/api/har",
        "Read a HAR file.",
        taking.imported,
        body=taking.HarFile,
        status=201,
        fails=(422,),
    ),
    Endpoint("GET", "/api/why/{id}", "Why something ended.", reading.why, fails=(404,)),
    Endpoint(
        "GET",
        "/api/events",
        "Everything new, as server-sent events.",
        reading.events,
        (_FILTER,),
        answer="text/event-stream",
        fails=(503,),
    ),
    Endpoint(
        "GET",
        "/api/qr",
        "A QR code, for whoever has a telephone in the hand.",
        qr.qr,
        (Parameter("text", f"What it says, at most {qr.LONGEST} characters.", required=True),),
        answer="image/svg+xml",
    ),
)

#: Schemas that answers refer to, as far as they are promised; fields are only ever added.
SHAPES: Final[dict[str, Any]] = {
    "Exchange": {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "kind": {"enum": ["http", "websocket", "upgrade", "tcp", "udp"]},
            "tunnel": {"type": "string"},
            "origin": {"enum": ["visitor", "inspector", "import"]},
            "replay_of": {"type": ["string", "null"]},
            "method": {"type": "string"},
            "host": {"type": "string"},
            "target": {"type": "string"},
            "status": {"type": ["integer", "null"]},
            "started": {"type": "number"},
            "seconds": {"type": ["number", "null"]},
            "open": {"type": "boolean"},
            "request_bytes": _NUMBER,
            "response_bytes": _NUMBER,
            "cause": {"type": ["object", "null"]},
        },
        "required": ["id", "kind", "tunnel", "origin", "method", "host", "target", "status", "started", "open"],
    },
    "Message": {
        "type": "object",
        "properties": {
            "number": _NUMBER,
            "at": {"type": "number"},
            "from_visitor": {"type": "boolean"},
            "kind": {"type": "string"},
            "bytes": _NUMBER,
            "text": {"type": ["string", "null"]},
        },
        "required": ["number", "at", "from_visitor", "kind", "bytes"],
    },
}

TABLE: Final = Table(ENDPOINTS)
