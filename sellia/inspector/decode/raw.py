"""What no decoder knows: text, hex with ASCII beside it, and what bytes begin with."""

from typing import Final

from sellia.inspector.decode.decoded import About, Decoded, bytes_text, shortened, textual

#: Bytes that are shown as hex, and characters as text.
HEX_SHOWN: Final = 64 * 1024
TEXT_SHOWN: Final = 1 << 20

#: First bytes of what pictures and archives begin with.
_MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"\x00asm", "application/wasm"),
)


def decode(data: bytes, about: About) -> Decoded:
    """Return bytes as text, or as hex."""
    picture = image_of(data, about)
    if picture:
        return Decoded(decoder="image", title=f"{picture}, {bytes_text(len(data))}", value={"type": picture})
    charset = about.parameters.get("charset", "utf-8")
    text = None if about.binary or b"\0" in data[:4096] and charset == "utf-8" else textual(data, charset)
    if text is None and about.type.startswith("text/"):
        text = data.decode("latin-1")
    if text is not None:
        note = "" if len(text) <= TEXT_SHOWN else f"{len(text) - TEXT_SHOWN:,} more characters are left out."
        return Decoded(decoder="text", title=shortened(text), text=text[:TEXT_SHOWN], note=note)
    kind = magic_of(data)
    title = f"{bytes_text(len(data))}" + (f", {kind}" if kind else "") + (f": {data[:24].hex(' ')}" if data else "")
    note = "" if len(data) <= HEX_SHOWN else f"{len(data) - HEX_SHOWN:,} more bytes are left out."
    return Decoded(decoder="binary", title=title, text=hex_of(data[:HEX_SHOWN]), note=note)


def hex_of(data: bytes) -> str:
    """Return bytes as lines of sixteen: where they are, hex, and ASCII."""
    lines = []
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        shown = "".join(chr(each) if 32 <= each < 127 else "." for each in row)
        lines.append(f"{at:08x}  {row[:8].hex(' '):23}  {row[8:].hex(' '):23}  |{shown}|")
    return "\n".join(lines)


def magic_of(data: bytes) -> str:
    """Return the media type that bytes begin like; empty for none that is known."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        return "image/avif"
    return next((kind for begin, kind in _MAGIC if data.startswith(begin)), "")


def image_of(data: bytes, about: About) -> str:
    """Return the media type of a picture that a browser can show, by what it begins with; empty for anything else.

    SVG is a document with scripts, so it is no picture here.
    """
    kind = magic_of(data)
    return kind if kind.startswith("image/") and (about.type.startswith("image/") or about.binary) else ""
