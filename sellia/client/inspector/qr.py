"""QR codes of addresses, for the page: whoever has a telephone in the hand need not type."""

from io import BytesIO
from typing import Final

from sellia.client.inspector.answers import Answer, ApiError
from sellia.client.inspector.table import Call

#: Characters of a text; codes of longer ones are too fine to be read from a screen.
LONGEST: Final = 500


def qr(subject: object, call: Call) -> Answer:
    """Answer with a code as SVG, black on white.  Raises ApiError."""
    import segno

    text = call.query.get("text", "")
    if not 0 < len(text) <= LONGEST:
        raise ApiError(400, "bad-parameter", f"text must have 1 to {LONGEST} characters.")
    drawn = BytesIO()
    segno.make(text, error="m", micro=False).save(
        drawn, kind="svg", border=0, dark="#000", light="#fff", xmldecl=False, omitsize=True
    )
    return Answer(200, drawn.getvalue(), b"image/svg+xml")
