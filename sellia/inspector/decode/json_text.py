"""JSON (RFC 8259), JSON Lines, and texts that hide JSON behind a prefix against scripts."""

from typing import Final

from sellia.inspector.decode.decoded import PARTS, About, Decoded, json_of, parse_json, pretty, shortened, textual

_PREFIXES: Final = (b")]}',", b")]}'", b"while(1);", b"for(;;);")
_TWICE: Final = "A name stands twice in one object; the last value is shown, and the raw text has both."
_LINES: Final = frozenset(
    {"application/x-ndjson", "application/jsonl", "application/json-seq", "application/x-jsonlines"}
)


def decode(data: bytes, about: About) -> Decoded | None:
    """Return JSON for reading; None for what is none."""
    if about.type in _LINES:
        return _lines(data)
    note = ""
    for prefix in _PREFIXES:
        if data.startswith(prefix):
            data, note = data[len(prefix) :], "A prefix that keeps scripts from reading it was left out."
    if not data.strip():
        return None
    try:
        text = data.decode("utf-8-sig")
        value, twice = parse_json(text)
    except ValueError:
        return None
    title = shortened(text)
    return Decoded(decoder="json", title=title, value=value, text=pretty(value), note=_TWICE if twice else note)


def _lines(data: bytes) -> Decoded | None:
    text = textual(data)
    if text is None:
        return None
    lines = [line for line in text.replace("\x1e", "\n").split("\n") if line.strip()]
    values = [json_of(line) if line.strip()[:1] in "{[" else line for line in lines[:PARTS]]
    note = f"{len(lines) - PARTS} more lines are left out." if len(lines) > PARTS else ""
    title = f"{len(lines)} lines: {shortened(lines[0], 120)}" if lines else "no line"
    return Decoded(decoder="jsonl", title=title, value=values, text="\n".join(map(pretty, values)), note=note)
