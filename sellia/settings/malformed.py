"""Says in our words what is wrong with a text that is not YAML: libyaml's own can repeat text, and few know them."""

import re
from typing import Final

_HINT: Final = "Use two spaces to indent, a space after each colon, and quotes around values with : # * & ! { or [."

_COMMAS: Final = "Close it, and put commas between what is in it."
_BEHIND: Final = (
    "text stands behind a value that is complete",
    "Put quotes around all of it, or # before a comment.",
)
_TAB: Final = ("a tab stands where only spaces can", "Indent with spaces, two for each level.")

#: What is said of a problem of libyaml's, and what to do; the first pattern that is found counts.
_PROBLEMS: Final = tuple(
    (re.compile(pattern), line, hint)
    for pattern, line, hint in (
        ("mapping values are not allowed", "a colon stands where none can", ""),
        ("could not find expected ':'", "a name has no colon after it", "Write it as in `port: 3000`."),
        ("unexpected end of stream", "a quote is never closed", "Close it on the same line."),
        (
            r"expected ',' or '\]'|flow sequence",
            "a bracket [ is not closed here",
            _COMMAS,
        ),
        (
            r"expected ',' or '\}'|flow mapping",
            "a bracket { is not closed here",
            _COMMAS,
        ),
        ("flow node", "a bracket is never closed", "Each [ needs a ], and each { a }."),
        ("expected key|'-' indicator", "this line does not fit those before it", "Indent it as far as they are."),
        ("cannot start any token", "a value cannot begin with this character", "Put the value into quotes."),
        (
            "unknown escape",
            "there is no such escape",
            "Use single quotes, in which a backslash is nothing special.",
        ),
        (
            "block sequence entries",
            "a list begins on a line of its own",
            "Begin each item's line with - ",
        ),
    )
)


def explain(problem: str, context: str, before: str, behind: str) -> tuple[str, str]:
    """Return what is wrong, and a hint.

    ``problem`` and ``context`` are libyaml's; ``before`` and ``behind`` are the line at the place that it names.
    """
    if behind.startswith("\t"):
        line, hint = _TAB
    elif "expected key" in problem and before.strip():
        line, hint = _BEHIND
    else:
        line, hint = next(
            ((line, hint) for pattern, line, hint in _PROBLEMS if pattern.search(problem) or pattern.search(context)),
            ("", ""),
        )
    return f"is not valid YAML{': ' if line else ''}{line}", hint or _HINT
