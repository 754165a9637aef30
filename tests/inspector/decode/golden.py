"""Golden files: what decoders make of bytes, one file of cases for each.

A case has ``text`` or ``hex``, what the decoder knows of it as ``about``, and what it makes of it as ``decoded``.
``python -m tests.inspector.decode.golden`` writes what they make of the cases now; look at the difference.
"""

import json
from pathlib import Path
from typing import Any

import msgspec

from sellia.inspector.decode.decoded import About
from sellia.inspector.decode.look import look

FOLDER = Path(__file__).parent / "golden"


def cases() -> dict[str, list[dict[str, Any]]]:
    """All cases, by the file that they are in."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}


def made_of(case: dict[str, Any]) -> Any:
    """What the decoders make of a case."""
    data = bytes.fromhex(case["hex"]) if "hex" in case else case["text"].encode()
    about = dict(case.get("about", {}))
    if "opened" in about:
        about["opened"] = about["opened"].encode("latin-1")
    return json.loads(msgspec.json.encode(look(data, About(**about))))


def write() -> None:
    """Write what they make of each now."""
    for name, each in cases().items():
        for case in each:
            case["decoded"] = made_of(case)
        path = FOLDER / f"{name}.json"
        path.write_text(json.dumps(each, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
