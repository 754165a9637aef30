"""MessagePack, one value or several behind each other."""

from typing import Any

import msgspec

from sellia.inspector.decode.decoded import About, Decoded, plain, pretty, shortened, string


def decode(data: bytes, about: About) -> Decoded | None:
    """Return a value for reading; None for what is no MessagePack, or is a single number or text."""
    try:
        value = value_of(data)
    except ValueError:
        return None
    if not isinstance(value, dict | list) and "msgpack" not in about.type:
        return None
    shown = plain(value)
    return Decoded(decoder="msgpack", title=shortened(string(shown)), value=shown, text=pretty(shown))


def value_of(data: bytes) -> Any:
    """Return the one value that ``data`` is.  Raises ValueError for anything else."""
    try:
        return msgspec.msgpack.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, TypeError) as error:
        raise ValueError(str(error)) from None
