"""Exchanges as JSON: what the inspector's HTTP API, ``sellia requests --json`` and recordings show of them.

Values are ready for any JSON encoder.  Bytes from outside are read as UTF-8, with invalid sequences escaped as in
``\\xff``; times are seconds since 1970; what is not known is null.  Bodies and payloads are not in it, only their
sizes: their addresses have them.
"""

from typing import Any

from sellia.inspector.exchange import Exchange
from sellia.inspector.model import Body, Frame, Gap, Message
from sellia.inspector.timeline import Timeline
from sellia.protocol.messages import Headers
from sellia.text import decoded


def summary(exchange: Exchange) -> dict[str, Any]:
    """Return what a list shows of an exchange."""
    timeline = exchange.timeline
    return {
        "id": exchange.id,
        "version": exchange.version,
        "kind": exchange.kind,
        "tunnel": exchange.tunnel,
        "origin": exchange.origin,
        "replay_of": exchange.replay_of,
        "edited": exchange.edited,
        "kept": exchange.kept,
        "visitor": exchange.visitor,
        "method": decoded(exchange.method),
        "host": host_of(exchange),
        "target": decoded(exchange.target),
        "status": exchange.status,
        "type": media_type(exchange.response_headers),
        "started": exchange.started,
        "seconds": None if exchange.ended is None else exchange.ended - exchange.started,
        "open": exchange.open,
        "request_bytes": exchange.request_body.length,
        "response_bytes": exchange.response_body.length,
        "messages": None if timeline is None else messages_of(timeline),
        "end": end_of(exchange),
        "cause": cause_of(exchange),
    }


def detail(exchange: Exchange) -> dict[str, Any]:
    """Return all of an exchange but its bodies and messages."""
    link, timeline = exchange.link, exchange.timeline
    return {
        **summary(exchange),
        "visitor_port": exchange.visitor_port or None,
        "request": {
            "version": f"HTTP/1.{exchange.minor}",
            "headers": headers_of(exchange.request_headers),
            "sent_target": None if exchange.sent_target is None else decoded(exchange.sent_target),
            "sent_headers": None if exchange.sent_headers is None else headers_of(exchange.sent_headers),
            "body": body_of(exchange.request_body, exchange.request_headers),
            "trailers": headers_of(exchange.request_trailers),
        },
        "response": {
            "interim": [
                {
                    "at": each.at,
                    "status": each.status,
                    "reason": decoded(each.reason),
                    "headers": headers_of(each.headers),
                }
                for each in exchange.interim
            ],
            "status": exchange.status,
            "reason": decoded(exchange.reason),
            "headers": headers_of(exchange.response_headers),
            "body": body_of(exchange.response_body, exchange.response_headers),
            "trailers": headers_of(exchange.response_trailers),
        },
        "timing": timing_of(exchange),
        "link": None if link is None else {"trip": link.trip, "credit": link.credit, "attached": link.attached},
        "marks": [{"at": mark.at, "what": mark.what} for mark in exchange.marks],
        "timeline": None if timeline is None else timeline_of(timeline),
        "replayable": exchange.replayable,
    }


def timing_of(exchange: Exchange) -> dict[str, Any]:
    """Return the moments of an exchange, from the arrival of the request's head on."""
    request, response = exchange.request_body, exchange.response_body
    return {
        "started": exchange.started,
        "sent": exchange.sent,
        "request_ended": request.last_at if request.length else None,
        "answered": exchange.answered,
        "first_byte": response.first_at if response.length else None,
        "last_byte": response.last_at if response.length else None,
        "ended": exchange.ended,
        #: The part of the time that a visitor waits which is the link's: one round trip, of what is known of it.
        "link": exchange.link.trip if exchange.link is not None else None,
    }


def messages_of(timeline: Timeline) -> dict[str, Any]:
    """Return how many data messages, frames and bytes have passed each way, and how many frames are not kept."""
    visitor, service = timeline.visitor, timeline.service
    return {
        "from_visitor": visitor.messages,
        "to_visitor": service.messages,
        "frames": timeline.count,
        "bytes_from_visitor": visitor.octets,
        "bytes_to_visitor": service.octets,
        "left_out": timeline.gap.frames if timeline.gap is not None else 0,
    }


def timeline_of(timeline: Timeline) -> dict[str, Any]:
    """Return what is known of a timeline besides its messages."""
    deflate = timeline.deflate
    return {
        "subprotocol": timeline.subprotocol,
        "deflate": None
        if deflate is None
        else {
            "client_max_window_bits": deflate.visitor_bits,
            "server_max_window_bits": deflate.service_bits,
            "client_no_context_takeover": not deflate.visitor_takeover,
            "server_no_context_takeover": not deflate.service_takeover,
        },
        "gap": None if timeline.gap is None else gap_of(timeline.gap),
    }


def gap_of(gap: Gap) -> dict[str, Any]:
    """Return what is known of frames that are not kept."""
    return {
        "begin": gap.begin,
        "frames": gap.frames,
        "from_visitor": gap.from_visitor,
        "to_visitor": gap.to_visitor,
        "bytes_from_visitor": gap.bytes_from_visitor,
        "bytes_to_visitor": gap.bytes_to_visitor,
        "since": gap.since,
        "until": gap.until,
    }


def message_of(message: Message) -> dict[str, Any]:
    """Return a message without its content."""
    return {
        "number": message.number,
        "at": message.at,
        "ended_at": message.ended_at,
        "from_visitor": message.from_visitor,
        "kind": message.kind,
        "compressed": message.compressed,
        "bytes": message.length,
        "truncated": message.truncated,
        "complete": message.complete,
        "injected": message.injected,
        "fragments": [frame_of(frame) for frame in message.frames] if len(message.frames) > 1 else [],
    }


def frame_of(frame: Frame) -> dict[str, Any]:
    """Return a frame without its payload."""
    return {"number": frame.number, "at": frame.at, "bytes": frame.length, "final": frame.final}


def body_of(body: Body, headers: Headers) -> dict[str, Any]:
    """Return what is known of a body besides its content."""
    return {
        "bytes": body.length,
        "kept": len(body.data),
        "truncated": body.truncated,
        "type": media_type(headers),
        "encoding": field_of(headers, b"content-encoding"),
    }


def headers_of(headers: Headers) -> list[list[str]]:
    """Return header fields as pairs, in order and case."""
    return [[decoded(name), decoded(value)] for name, value in headers]


def end_of(exchange: Exchange) -> dict[str, Any] | None:
    """Return how an exchange ended."""
    end = exchange.end
    return None if end is None else {"by": end.by, "code": end.code, "reason": end.reason}


def cause_of(exchange: Exchange) -> dict[str, Any] | None:
    """Return the record of why an exchange ended, if there is one."""
    return None if exchange.cause is None else exchange.cause.as_json()


def field_of(headers: Headers, name: bytes) -> str | None:
    """Return the value of the first field with this lower-case name."""
    for each, value in headers:
        if len(each) == len(name) and each.lower() == name:
            return decoded(value)
    return None


def media_type(headers: Headers) -> str | None:
    """Return the media type of a body, without parameters, in lower case."""
    value = field_of(headers, b"content-type")
    return None if value is None else value.partition(";")[0].strip().lower()


def host_of(exchange: Exchange) -> str:
    """Return the host that a visitor asked for."""
    return field_of(exchange.request_headers, b"host") or ""
