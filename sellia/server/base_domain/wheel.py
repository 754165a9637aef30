"""Builder of a wheel of the running program, from its installed files, for those who want its client.

The server offers it for download, so that a client of the server's own version can be installed where no index has
one.  The same files give the same wheel, byte for byte, so its digest holds across restarts.  The format is that of the
"Binary distribution format" in the Python packaging user guide.
"""

import base64
import hashlib
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from io import BytesIO
from pathlib import Path
from typing import Final

import sellia

#: Time of every file in the wheel: the earliest that a zip file can say.
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)

_WHEEL: Final = (
    f"Wheel-Version: 1.0\nGenerator: sellia ({sellia.__version__})\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
)


@dataclass(frozen=True, slots=True)
class Wheel:
    """Wheel: the ``name`` of its file, its bytes, and their SHA-256 in hexadecimal."""

    name: str
    data: bytes
    sha256: str


def build_wheel(package: Path | None = None) -> Wheel | None:
    """Return a wheel of what runs; None where its files or its metadata cannot be found."""
    package = package or Path(sellia.__file__).parent
    try:
        metadata, entry_points = _metadata(distribution("sellia"))
        files = dict(_files(package))
    except (PackageNotFoundError, OSError):
        return None
    if not metadata or not files:
        return None
    info = f"sellia-{sellia.__version__}.dist-info"
    files[f"{info}/METADATA"] = metadata.encode()
    files[f"{info}/WHEEL"] = _WHEEL.encode()
    files[f"{info}/entry_points.txt"] = entry_points.encode()
    record = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    data = _zipped(files)
    return Wheel(f"sellia-{sellia.__version__}-py3-none-any.whl", data, hashlib.sha256(data).hexdigest())


def _metadata(found: Distribution) -> tuple[str, str]:
    """Return the installed metadata and entry points, which may be older than a checkout: the version is ours."""
    text = found.read_text("METADATA") or found.read_text("PKG-INFO") or ""
    text = re.sub(r"(?m)^Version: .*$", f"Version: {sellia.__version__}", text, count=1)
    return text, found.read_text("entry_points.txt") or ""


def _files(package: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files of the package and of its twistd plugins, by their paths in the wheel."""
    root = package.parent
    found = [path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    found += (root / "twisted" / "plugins").glob("sellia_*.py")
    for path in sorted(found):
        yield path.relative_to(root).as_posix(), path.read_bytes()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def _zipped(files: dict[str, bytes]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()
