"""Positions in a document, which are kept for each of its values until a message names one."""

from typing import Final, TypeAlias

#: A line and a column, from 0, in one number.
Position: TypeAlias = int

#: Positions in a document: of a scalar; of a mapping, with those of its names and values; of a list, with its items'.
Marks: TypeAlias = "Position | tuple[Position, dict[str, tuple[Position, Marks]]] | tuple[Position, list[Marks]]"

#: By how much positions of two lines differ.
COLUMNS: Final = 1 << 20


def line_and_column(position: Position) -> tuple[int, int]:
    """Return the line and the column of a position, from 1."""
    return position // COLUMNS + 1, position % COLUMNS + 1
