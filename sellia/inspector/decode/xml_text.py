"""XML, indented for reading.  Nothing is fetched, and no entity expanded: a document that declares one is shown raw."""

from typing import Any, Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from sellia.inspector.decode.decoded import About, Decoded, shortened

#: Characters of what is shown, and depth to which it is indented.
SHOWN: Final = 1 << 20
INDENTED: Final = 40


class _Declared(Exception):
    """The document declares entities, or a type that could."""


def decode(data: bytes, about: About) -> Decoded | None:
    """Return XML for reading; None for what is none."""
    if data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"<", b"\xff", b"\xfe") or about.type == "text/html":
        return None
    writer = _Writer()
    parser = expat.ParserCreate()
    parser.StartElementHandler = writer.start
    parser.EndElementHandler = writer.end
    parser.CharacterDataHandler = writer.text
    parser.CommentHandler = writer.comment
    parser.EntityDeclHandler = writer.declared
    parser.buffer_text = True
    try:
        parser.Parse(data, True)
    except _Declared:
        text = data.decode("utf-8", "backslashreplace")
        note = "It declares entities, which are not expanded here: this is the raw text."
        return Decoded(decoder="xml", title=shortened(text), text=text[:SHOWN], note=note)
    except (expat.ExpatError, ValueError, LookupError):
        return None
    text = "".join(writer.parts).strip()
    note = "" if len(text) <= SHOWN else "The rest is left out."
    return Decoded(decoder="xml", title=shortened(f"<{writer.root}> {writer.first}"), text=text[:SHOWN], note=note)


class _Writer:
    def __init__(self) -> None:
        self.parts: list[str] = []
        self.root = ""
        self.first = ""
        self._depth = 0
        self._inline = False
        self._size = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.root = self.root or name
        told = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
        self._write(f"\n{self._indent()}<{name}{told}>")
        self._depth += 1
        self._inline = False

    def end(self, name: str) -> None:
        self._depth -= 1
        self._write(f"</{name}>" if self._inline else f"\n{self._indent()}</{name}>")
        self._inline = False

    def text(self, data: str) -> None:
        if data.strip():
            self.first = self.first or data.strip()
            self._write(escape(data.strip()))
            self._inline = True

    def comment(self, data: str) -> None:
        self._write(f"\n{self._indent()}<!--{data}-->")

    def declared(self, *_: Any) -> None:
        raise _Declared

    def _indent(self) -> str:
        return "  " * min(self._depth, INDENTED)

    def _write(self, text: str) -> None:
        if self._size <= SHOWN:
            self._size += len(text)
            self.parts.append(text)
