"""JSON Web Tokens (RFC 7519): what they say.  Signatures are not verified, and that is said."""

import re
from base64 import urlsafe_b64decode
from datetime import UTC, datetime
from typing import Any, Final

from sellia.inspector.decode.decoded import About, Decoded, parse_json, pretty, shortened, textual

NOTE: Final = "The signature is not verified: anybody could have written this."

_TOKEN: Final = re.compile(r"\beyJ[\w-]{4,4000}\.[\w-]{2,20000}\.[\w-]{0,4000}")
_TIMES: Final = ("exp", "iat", "nbf", "auth_time")


def decode(data: bytes, about: About) -> Decoded | None:
    """Return what a token says; None for what is not one token and nothing else."""
    text = textual(data.strip()) if len(data) < 30_000 else None
    return token(text) if text is not None and _TOKEN.fullmatch(text) else None


def find(text: str, limit: int = 10) -> list[Decoded]:
    """Return what the tokens in a text say, of a header's value for instance."""
    found = [token(match[0]) for match, _ in zip(_TOKEN.finditer(text), range(limit), strict=False)]
    return [each for each in found if each is not None]


def token(text: str) -> Decoded | None:
    """Return what one token says."""
    try:
        header, claims = (_section(part) for part in text.split(".")[:2])
    except ValueError:
        return None
    times = {name: _time(claims.get(name)) for name in _TIMES if _time(claims.get(name))}
    value = {"header": header, "claims": claims, "times": times}
    who = claims.get("sub") or claims.get("email") or ""
    title = shortened(
        f"JWT {header.get('alg', '')} {who}".strip() + (f", until {times['exp']}" if "exp" in times else "")
    )
    return Decoded(decoder="jwt", title=title, value=value, text=pretty(value), note=NOTE)


def _section(part: str) -> dict[str, Any]:
    value, _ = parse_json(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    if not isinstance(value, dict):
        raise ValueError("no object")
    return value


def _time(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 253402300800:
        return ""
    return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
