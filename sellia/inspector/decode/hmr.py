"""Messages of dev servers that replace modules in a page: Vite, webpack-dev-server, Next.js."""

from typing import Any, Final

from sellia.inspector.decode.decoded import About, Decoded, json_of, pretty, shortened, string

_WEBPACK: Final = frozenset(
    """
    hot liveReload reconnect overlay logging progress progress-update invalid ok still-ok hash warnings errors error
    close static-changed content-changed
    """.split()
)
_VITE: Final = frozenset({"connected", "update", "full-reload", "prune", "error", "custom", "ping"})


def decode(data: bytes, about: About) -> Decoded | None:
    """Return a message of whichever dev server the address and the subprotocol speak of."""
    value = json_of(data)
    if not isinstance(value, dict):
        return None
    if about.subprotocol in ("vite-hmr", "vite-ping"):
        return _vite(value)
    if "/_next/" in about.target:
        return _next(value)
    if value.get("type") in _WEBPACK and about.target.split("?")[0].rstrip("/").endswith("/ws"):
        return _shown("webpack", string(value["type"]), value.get("data"), value)
    return None


def _vite(value: dict[str, Any]) -> Decoded | None:
    kind = value.get("type")
    if kind not in _VITE:
        return None
    told: Any = ""
    if kind == "update" and isinstance(value.get("updates"), list):
        updates = [each for each in value["updates"] if isinstance(each, dict)]
        told = ", ".join(string(each.get("path")) for each in updates[:10])
    elif kind == "custom":
        told = f"{string(value.get('event'))} {string(value.get('data'))}"
    elif kind == "error" and isinstance(value.get("err"), dict):
        told = value["err"].get("message")
    elif kind == "prune":
        told = value.get("paths")
    else:
        told = value.get("path") or value.get("triggeredBy")
    return _shown("vite", string(kind), told, value)


def _next(value: dict[str, Any]) -> Decoded | None:
    what = value.get("action") or value.get("event") or value.get("type")
    if not isinstance(what, str):
        return None
    rest = {name: each for name, each in value.items() if name not in ("action", "event", "type")}
    return _shown("next", what, rest or None, value)


def _shown(decoder: str, kind: str, told: Any, value: dict[str, Any]) -> Decoded:
    title = f"{kind} {string(told)}".strip()
    return Decoded(decoder=decoder, title=shortened(title), value=value, text=pretty(value))
