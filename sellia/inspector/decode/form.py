"""Forms: ``application/x-www-form-urlencoded``, and the query of a target."""

from urllib.parse import parse_qsl

from sellia.inspector.decode.decoded import PARTS, About, Decoded, shortened, textual


def decode(data: bytes, about: About) -> Decoded | None:
    """Return a form's fields in order, with those of one name behind each other."""
    text = textual(data, about.parameters.get("charset", "utf-8"))
    if text is None or not text:
        return None
    fields, more = fields_of(text)
    if not fields:
        return None
    note = "More fields are left out." if more else ""
    title = shortened("&".join(f"{name}={value}" for name, value in fields[:20]))
    shown = "\n".join(f"{name}: {value}" for name, value in fields)
    return Decoded(decoder="form", title=title, value=[list(each) for each in fields], text=shown, note=note)


def fields_of(text: str) -> tuple[list[tuple[str, str]], bool]:
    """Return the fields of a form or query, and whether there are more than are looked at."""
    pieces = text.split("&", PARTS)
    joined = "&".join(pieces[:PARTS])
    return parse_qsl(joined, keep_blank_values=True, errors="backslashreplace"), len(pieces) > PARTS
