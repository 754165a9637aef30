"""Exchanges of a pool (`sellia.server.gateway.pool`) at their visitors' legs: going on at another member."""

from typing import Any, Protocol

from sellia.problems import Problem
from sellia.protocol.messages import ResponseHead
from sellia.relay.mux.observer import StreamObserver
from sellia.relay.mux.stream import Stream
from sellia.relay.mux.upstream import Placement
from sellia.server.ingress.http1 import Request


class Pooled(Protocol):
    """Leg of an exchange that may have a place in a pool."""

    connection: Any
    request: Request
    stream: Stream | None
    observer: StreamObserver | None
    placement: Placement | None
    deadline: float


def answered(leg: Pooled, head: ResponseHead) -> ResponseHead:
    """Return the final head of a response as the visitor is to get it; the exchange stays where it is from now on."""
    placement, leg.placement = leg.placement, None
    assert placement is not None
    return placement.answered(head, lambda: leg.connection.origin_of(leg.request).scheme == b"https")


def unplace(leg: Pooled) -> None:
    """Let go of what was kept for another member."""
    placement, leg.placement = leg.placement, None
    if placement is not None:
        placement.reached()


def go_on_elsewhere(leg: Pooled, stream: Stream, problem: Problem, message: str) -> bool:
    """Go on at another member of the pool; False if that cannot be."""
    placement = leg.placement
    assert placement is not None
    again = placement.again(problem)
    if again is None:
        return False
    if leg.observer is not None:
        leg.observer.ended(stream.id, "sellia", problem.code, message)
    stream.reset(problem)
    leg.stream = again
    if leg.observer is not None:
        leg.observer.request(again.id, placement.opening)
    if leg.connection.full:
        again.stall()
    if not again.paused:
        deadline = leg.deadline
        leg.connection.resume_reading()
        leg.deadline = deadline  # all members together have the time of one
    return True
