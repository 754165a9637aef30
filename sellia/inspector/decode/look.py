"""The choice of a decoder: by media type, subprotocol, address and first message, and then by looks.

A decoder is a function of the bytes and of `About`; it returns None for what is not its own, and the next one is asked.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from sellia.inspector.decode import (
    action_cable,
    engine_io,
    form,
    graphql,
    graphql_ws,
    hmr,
    json_rpc,
    json_text,
    jwt,
    mqtt,
    msgpack,
    multipart,
    phoenix,
    raw,
    signalr,
    sse,
    stomp,
    xml_text,
)
from sellia.inspector.decode.content import request_content, response_content
from sellia.inspector.decode.decoded import About, Decoded
from sellia.inspector.decode.multipart import parameters_of
from sellia.inspector.exchange import Exchange
from sellia.inspector.model import Message
from sellia.inspector.shapes import field_of, media_type
from sellia.protocol.messages import Headers
from sellia.text import decoded

Decoder: TypeAlias = Callable[[bytes, About], Decoded | None]

#: Bytes of the first message that are looked at.
_OPENED: Final = 1000

#: Decoders of JSON that has a meaning, the more special first.
_JSON: Final[tuple[Decoder, ...]] = (json_rpc.decode, graphql.decode, json_text.decode)

_BY_TYPE: Final[dict[str, tuple[Decoder, ...]]] = {
    "application/x-www-form-urlencoded": (form.decode,),
    "text/event-stream": (sse.decode,),
    "application/jwt": (jwt.decode,),
    "application/msgpack": (msgpack.decode,),
    "application/x-msgpack": (msgpack.decode,),
    "application/vnd.msgpack": (msgpack.decode,),
    "application/graphql": (graphql.decode,),
}


def look(data: bytes, about: About) -> Decoded:
    """Return what is inside; text or hex at least."""
    if data:
        for decode in _socket_decoders(about) if about.websocket else _body_decoders(about):
            found = decode(data, about)
            if found is not None:
                return found
    return raw.decode(data, about)


def look_at_request(exchange: Exchange) -> Decoded:
    """Return what is inside of a request's body."""
    return look(request_content(exchange).data, about_body(exchange, exchange.request_headers, True))


def look_at_response(exchange: Exchange) -> Decoded:
    """Return what is inside of a response's body."""
    return look(response_content(exchange).data, about_body(exchange, exchange.response_headers, False))


def about_body(exchange: Exchange, headers: Headers, from_visitor: bool) -> About:
    """Return what a decoder may know of a body."""
    query = ""
    if not from_visitor and (field_of(exchange.request_headers, b"content-type") or "").startswith("application/"):
        query = "graphql" if b'"query"' in bytes(exchange.request_body.data[:100_000]) else ""
    return About(
        type=media_type(headers) or "",
        parameters=parameters_of(field_of(headers, b"content-type") or ""),
        target=decoded(exchange.target),
        from_visitor=from_visitor,
        query=query,
        asked=media_type(exchange.request_headers) or "",
    )


def about_message(exchange: Exchange, message: Message, opened: bytes = b"") -> About:
    """Return what a decoder may know of a WebSocket's message; ``opened`` is the first one of the visitor."""
    return About(
        target=decoded(exchange.target),
        subprotocol=exchange.timeline.subprotocol if exchange.timeline is not None else "",
        websocket=True,
        binary=message.opcode != 1,
        from_visitor=message.from_visitor,
        opened=opened[:_OPENED],
    )


def opening_of(exchange: Exchange) -> Message | None:
    """Return the first message of a WebSocket's visitor, if it is kept."""
    if exchange.timeline is None:
        return None
    for message in exchange.timeline.messages(limit=20):
        if message.from_visitor and message.opcode in (1, 2):
            return message
    return None


def _body_decoders(about: About) -> tuple[Decoder, ...]:
    kind = about.type
    if "EIO=" in about.target:
        return (engine_io.decode, *_JSON)
    if kind in _BY_TYPE:
        return _BY_TYPE[kind]
    if kind.startswith("multipart/"):
        return (multipart.decode,)
    if kind.endswith(("/json", "+json")) or "json" in kind:
        return _JSON
    if kind.endswith(("/xml", "+xml")) and kind != "image/svg+xml":
        return (xml_text.decode,)
    if kind in ("", "text/plain", "application/octet-stream"):
        return (jwt.decode, _looks_like_json)
    return ()


def _socket_decoders(about: About) -> tuple[Decoder, ...]:
    subprotocol, path = about.subprotocol.lower(), about.target.partition("?")[0]
    if subprotocol in graphql_ws.SUBPROTOCOLS:
        special: tuple[Decoder, ...] = (graphql_ws.decode,)
    elif subprotocol in action_cable.SUBPROTOCOLS:
        special = (action_cable.decode,)
    elif subprotocol in stomp.SUBPROTOCOLS:
        special = (stomp.decode,)
    elif subprotocol in mqtt.SUBPROTOCOLS:
        special = (mqtt.decode,)
    elif "EIO=" in about.target:
        special = (engine_io.decode,)
    elif signalr.speaks(about.opened):
        special = (signalr.decode,)
    elif "vsn=" in about.target or path.endswith("/websocket"):
        special = (phoenix.decode,)
    elif path.rstrip("/").endswith("/cable"):
        special = (action_cable.decode,)
    else:
        special = (hmr.decode,)
    if about.binary:
        return (*special, msgpack.decode)
    return (*special, jwt.decode, json_rpc.decode, _looks_like_graphql_ws, _looks_like_json)


def _looks_like_graphql_ws(data: bytes, about: About) -> Decoded | None:
    """Return a message of GraphQL where no subprotocol was agreed, if it subscribes to one."""
    found = graphql_ws.decode(data, about)
    return found if found is not None and b'"query"' in data and b"{" in data[1:] else None


def _looks_like_json(data: bytes, about: About) -> Decoded | None:
    return json_text.decode(data, about) if data.lstrip()[:1] in (b"{", b"[", b")") else None
