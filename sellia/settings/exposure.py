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
        if each.path and each.path not in told and _holds_secret(each, secrets.get(name)) and _is_public(each.path):
            told.add(each.path)
            shown = printable(each.path)
            yield f"{shown} holds a secret, and every user of this machine can read it: `chmod o-r {shown}` ends that."


def _holds_secret(given: Given, inner: Set[str] | None) -> bool:
    if not inner:
        return inner is not None
    items = given.value if isinstance(given.value, list) else [given.value]
    return any(isinstance(item, dict) and any(item.get(name) for name in inner) for item in items)


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
