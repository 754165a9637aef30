"""Files with secrets that every user of the machine can read."""

import os
import stat
from collections.abc import Iterator, Mapping, Set
from typing import Final

from sellia.settings.given import Given
from sellia.text import printable

#: Directories in which containers find their secrets; others cannot see them, whatever the mode of the files.
_CONTAINER_SECRETS: Final = ("/run/secrets/", "/var/run/secrets/")


def exposed_files(given: Mapping[str, Given], secrets: Mapping[str, Set[str]]) -> Iterator[str]:
    """Yield a sentence for each file that holds a secret and can be read by every user of this machine.

    ``secrets`` are the settings that are secrets (with an empty set), or that hold settings with these names.
    """
    told: set[str] = set()
    for name, each in given.items():
        for holder in _holders(each, secrets.get(name)):
            path = holder.path
            if path and path not in told and _is_public(path):
                told.add(path)
                shown = printable(path)
                mend = f"`chmod o-r {shown}` ends that."
                yield f"{shown} holds a secret, and every user of this machine can read it: {mend}"


def _holders(given: Given, inner: Set[str] | None) -> Iterator[Given]:
    """Yield what is a secret: the value itself, or the parts that have one of these names, at whatever depth."""
    if inner is None:
        return
    if not inner:
        yield given
        return
    for name, part in given.parts.items():
        if name in inner and part.value:
            yield part
        else:
            yield from _holders(part, inner)


def _is_public(path: str) -> bool:
    """Return whether everybody can read the file and reach it, which a container's secrets never are."""
    real = os.path.realpath(path)
    if real.startswith(_CONTAINER_SECRETS):
        return False
    try:
        if not os.stat(real).st_mode & stat.S_IROTH:
            return False
        while real != os.path.dirname(real):
            real = os.path.dirname(real)
            if not os.stat(real).st_mode & stat.S_IXOTH:
                return False
    except OSError:
        return False
    return True
