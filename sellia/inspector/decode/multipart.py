"""Multipart bodies (RFC 2046, 5.1; ``multipart/form-data``: RFC 7578): their parts, with files described."""

import re
from typing import Any, Final

from sellia.inspector.decode.decoded import PARTS, About, Decoded, bytes_text, shortened, textual

#: Bytes of a part's head, and characters of a part that are shown.
HEAD_LIMIT: Final = 16 * 1024
SHOWN: Final = 2000

_PARAMETER: Final = re.compile(r';\s*([\w*-]+)=(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))')


def decode(data: bytes, about: About) -> Decoded | None:
    """Return the parts of a multipart body; None where there is no boundary, or none of it in the body."""
    boundary = about.parameters.get("boundary", "")
    if not boundary or len(boundary) > 200 or not about.type.startswith("multipart/"):
        return None
    marker = b"--" + boundary.encode("latin-1", "replace")
    pieces = (b"\r\n" + data).split(b"\r\n" + marker, PARTS + 1)
    if len(pieces) < 2:
        return None
    ended = any(piece.startswith(b"--") for piece in pieces[1:])
    parts = [_part(piece) for piece in pieces[1 : PARTS + 1] if not piece.startswith(b"--")]
    note = "" if ended else "Its last boundary is missing."
    if len(pieces) > PARTS + 1:
        note = f"More than {PARTS} parts; the rest is left out."
    names = ", ".join(str(part["name"] or part["type"]) for part in parts[:20])
    text = "\n".join(_line(part) for part in parts)
    count = f"{len(parts)} part{'' if len(parts) == 1 else 's'}"
    return Decoded(decoder="multipart", title=shortened(f"{count}: {names}"), value=parts, text=text, note=note)


def _part(piece: bytes) -> dict[str, Any]:
    piece = piece.partition(b"\r\n")[2]
    head, _, body = (b"\r\n" + piece[:HEAD_LIMIT]).partition(b"\r\n\r\n")
    body += piece[HEAD_LIMIT:]
    fields: dict[str, str] = {}
    for line in head.decode("utf-8", "backslashreplace").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            fields[name.strip().lower()] = value.strip()
    told = parameters_of(fields.get("content-disposition", ""))
    kind = fields.get("content-type", "").partition(";")[0].strip().lower()
    text = textual(body) if not kind or kind.startswith("text/") or "json" in kind or "xml" in kind else None
    return {
        "name": told.get("name", ""),
        "filename": told.get("filename*", told.get("filename")),
        "type": kind,
        "bytes": len(body),
        "text": None if text is None else text[:SHOWN],
    }


def parameters_of(value: str) -> dict[str, str]:
    """Return the parameters of a field's value, by lower-case name."""
    return {
        match[1].lower(): re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3]
        for match in _PARAMETER.finditer(value[:HEAD_LIMIT])
    }


def _line(part: dict[str, Any]) -> str:
    what = part["text"] if part["text"] is not None else f"({bytes_text(part['bytes'])})"
    name = part["name"] or part["type"] or "part"
    if part["filename"] is not None:
        return f"{name}: file {part['filename']} ({part['type'] or 'no type'}, {bytes_text(part['bytes'])})"
    return f"{name}: {what}"
