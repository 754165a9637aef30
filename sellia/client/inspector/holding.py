"""What the API does with holds."""

from typing import Any, Protocol

from sellia.client.inspector.acting import content_of, fields_of, method_of, target_of
from sellia.client.inspector.answers import Answer, as_json
from sellia.client.inspector.held_request import Release
from sellia.client.inspector.holds import Holds, LetGo, NewHold
from sellia.client.inspector.table import Call

__all__ = ["LetGo", "NewHold", "add", "clear", "holds", "let_go", "remove"]


class Holder(Protocol):
    """Inspector with holds."""

    @property
    def holds(self) -> Holds:
        """Rules for what is held, and what they hold."""

    def held(self) -> dict[str, Any]:
        """Return the holds, and what they hold: none where there is no client."""


def holds(holder: Holder, call: Call) -> Answer:
    """Answer with all holds, and what they hold."""
    return as_json(holder.held())


def add(holder: Holder, call: Call) -> Answer:
    """Add a hold."""
    return as_json({"id": holder.holds.add(call.json(NewHold)).id}, 201)


def clear(holder: Holder, call: Call) -> Answer:
    """Remove all holds."""
    holder.holds.clear()
    return Answer(204)


def remove(holder: Holder, call: Call) -> Answer:
    """Remove a hold."""
    holder.holds.remove(call.path["id"])
    return Answer(204)


def let_go(holder: Holder, call: Call) -> Answer:
    """Let go of something that is held."""
    said = call.json(LetGo)
    opening = holder.holds.opening(call.path["id"])
    before = opening.headers if opening is not None else []
    release = Release(
        method_of(said.method, b"GET") if said.method is not None else None,
        target_of(said.target, opening.target if opening is not None else b"/") if said.target is not None else None,
        fields_of(said.headers, before) if said.headers is not None else None,
        content_of(said.body, said.body_base64, "body"),
    )
    payload = content_of(said.payload, said.payload_base64, "payload")
    holder.holds.let_go(call.path["id"], release, payload, drop=said.action == "drop")
    return Answer(204)
