"""GraphQL over WebSocket: ``graphql-transport-ws``, and its predecessor ``graphql-ws``."""

from typing import Final

from sellia.inspector.decode import graphql
from sellia.inspector.decode.decoded import About, Decoded, json_of, pretty, shortened, string

SUBPROTOCOLS: Final = frozenset({"graphql-transport-ws", "graphql-ws"})

_TYPES: Final = frozenset(
    """
    connection_init connection_ack connection_error connection_terminate connection_keep_alive ka ping pong subscribe
    next error complete start stop data
    """.split()
)


def decode(data: bytes, about: About) -> Decoded | None:
    """Return a message of either protocol."""
    value = json_of(data)
    if not isinstance(value, dict) or value.get("type") not in _TYPES:
        return None
    kind, payload = value["type"], value.get("payload")
    title = " ".join(filter(None, (kind, string(value.get("id")))))
    if kind in ("subscribe", "start") and isinstance(payload, dict):
        document = payload.get("query")
        title += ": " + graphql.operation(document if isinstance(document, str) else "", payload.get("operationName"))
    elif kind in ("next", "data") and isinstance(payload, dict):
        title += ": " + graphql.response(payload).title
    elif payload is not None:
        title += ": " + string(payload)
    return Decoded(decoder="graphql-ws", title=shortened(title), value=value, text=pretty(value))
