"""Tables of ``sellia admin``: columns as wide as what is in them, for people and for ``cut`` alike."""

from collections.abc import Iterable, Sequence
from typing import Final
from unicodedata import east_asian_width

from sellia.cli.texts import safe

#: Spaces between columns, and characters of a cell.
_GAP: Final = "  "
_CELL: Final = 80


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; what comes from outside is escaped, and an empty cell is a hyphen."""
    cells = [[*head], *([_cell(each) for each in row] for row in rows)]
    widths = [max(_width(row[column]) for row in cells) for column in range(len(head))]
    return "\n".join(
        _GAP.join(text + " " * (width - _width(text)) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def _cell(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else "" if value is None else str(value)
    shown = safe(text)
    return (shown[: _CELL - 1] + "…" if len(shown) > _CELL else shown) or "-"


def _width(text: str) -> int:
    return sum(2 if east_asian_width(each) in "WF" else 1 for each in text)


def day_time(text: str | None) -> str:
    """Return a time of the API as it is shown in a column: to the minute, in UTC."""
    return text[:16].replace("T", " ") if text else ""
