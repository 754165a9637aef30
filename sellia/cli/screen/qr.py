"""QR code of a URL, two modules to a character, dark on light wherever the terminal has colours."""

from typing import Final

from rich.text import Text

#: Modules of the quiet zone on each side.  ISO 18004 wants four, readers do with two.
QUIET: Final = 2

#: Characters for an upper and a lower module, of which a true one is light.
_HALVES: Final = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}


def qr_rows(url: str, width: int, height: int) -> list[Text] | None:
    """Return the rows of the code, or None where a terminal of this size has no room for it."""
    import segno  # when a key asks for it: the URL is there sooner without

    code = segno.make(url, error="l", boost_error=False, micro=False)
    matrix = [[not module for module in line] for line in code.matrix_iter(border=QUIET)]
    if len(matrix) % 2:
        matrix.append([True] * len(matrix[0]))
    if len(matrix[0]) + 1 > width or len(matrix) // 2 > height:
        return None
    lines = []
    for upper, lower in zip(matrix[::2], matrix[1::2], strict=True):
        lines.append("".join(_HALVES[pair] for pair in zip(upper, lower, strict=True)))
    return [Text.assemble(" ", (line, "bright_white on black")) for line in lines]
