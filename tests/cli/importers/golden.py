"""Writes what becomes of the files in ``files``, for `test_files` to compare: ``-m tests.cli.importers.golden``."""

from pathlib import Path

from sellia.cli.importers.detect import import_text
from sellia.cli.importers.writer import written

FILES = Path(__file__).parent / "files"
EXPECTED = Path(__file__).parent / "expected"


def outcome(path: Path) -> str:
    """Return all that comes of a file: settings, and notes as comments."""
    imported = import_text(path.read_text())
    notes = [f"# {'!' if note.protects else '-'} {note.key}: {note.advice}" for note in imported.notes]
    return "\n".join([written(imported, path.name), *notes, ""])


def main() -> None:
    """Write what becomes of each file."""
    for path in sorted(FILES.iterdir()):
        (EXPECTED / f"{path.name}.yaml").write_text(outcome(path))


if __name__ == "__main__":
    main()
