"""Lines of exchanges, as ``sellia requests`` and ``replay`` show what an inspector tells of them."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from sellia.cli.texts import duration, plural, safe, size
from sellia.why.cause import blamed


def exchange_lines(exchange: Mapping[str, Any]) -> Iterator[str]:
    """Yield the line of an exchange, and the one beneath it that says why it ended, where that is not plain."""
    kind = exchange.get("kind")
    what = _text(exchange, "method") if kind == "http" else "WS" if kind == "websocket" else _text(exchange, "kind")
    status = exchange.get("status")
    shown = str(status) if isinstance(status, int) else "-" if not exchange.get("open") else "..."
    replayed = f"  (replay of {_text(exchange, 'replay_of')})" if exchange.get("replay_of") else ""
    yield (
        f"{_text(exchange, 'id'):>6}  {_moment(exchange)}  {what:<7} {shown:<3}  {_text(exchange, 'target')}"
        f"  {_passed(exchange)}{replayed}"
    )
    cause = exchange.get("cause")
    if isinstance(cause, Mapping):
        who = str(cause.get("who"))
        said = " ".join(filter(None, (_text(cause, "sentence"), _text(cause, "remedy"))))
        yield f"        ↳ {_text(cause, 'id')}  {safe(blamed(who))}, {_text(cause, 'what')}  {said}"  # type: ignore[arg-type]


def _moment(exchange: Mapping[str, Any]) -> str:
    started = exchange.get("started")
    try:
        return time.strftime("%H:%M:%S", time.localtime(float(started or 0)))
    except (TypeError, ValueError, OverflowError, OSError):
        return "--:--:--"


def _passed(exchange: Mapping[str, Any]) -> str:
    """Return how long it took, and how much came back."""
    seconds, octets = exchange.get("seconds"), exchange.get("response_bytes")
    took = duration(float(seconds)) if isinstance(seconds, int | float) and seconds >= 0 else "open"
    messages = exchange.get("messages")
    if isinstance(messages, Mapping):
        counts = [messages.get(name) for name in ("from_visitor", "to_visitor")]
        return f"{took}  {plural(sum(each for each in counts if isinstance(each, int)), 'message')}"
    return f"{took}  {size(octets)}" if isinstance(octets, int) and octets >= 0 else took


def _text(of: Mapping[str, Any], name: str) -> str:
    value = of.get(name)
    return "" if value is None else safe(str(value))
