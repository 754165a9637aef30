"""Exit statuses of ``sellia``, and which of them an outcome means; ``sysexits.h`` has the same numbers."""

from enum import IntEnum

from sellia.errors import ProxyLoginError, RefusedError, SettingsError, UnreachableError
from sellia.problems import (
    ALREADY_EXISTS,
    DOMAIN_NOT_PROVEN,
    FORBIDDEN,
    INVALID_VALUE,
    KEY_EXPIRED,
    KEY_REQUIRED,
    KEY_REVOKED,
    NAME_INVALID,
    NAME_RESERVED,
    NAME_TAKEN,
    TOO_MANY_NAMES,
    TOO_MANY_TUNNELS,
    WRONG_KEY,
)


class Exit(IntEnum):
    """What a shell finds in ``$?``."""

    OK = 0  #: ended as asked
    FAILED = 1  #: ended for a reason that has no status of its own
    USAGE = 64  #: the command line is wrong
    UNREACHABLE = 69  #: there is no link to the server, and no more attempts are made
    TAKEN = 73  #: the name cannot be had
    NOT_AUTHORISED = 77  #: the server wants another key, or a proxy another login
    SETTINGS = 78  #: a setting is missing, malformed or contradicts another
    INTERRUPTED = 130  #: ended by a second Ctrl-C


_TAKEN = (
    *(NAME_TAKEN, NAME_RESERVED, NAME_INVALID, DOMAIN_NOT_PROVEN, TOO_MANY_TUNNELS),
    *(TOO_MANY_NAMES, ALREADY_EXISTS),
)
_NOT_AUTHORISED = (WRONG_KEY, KEY_REQUIRED, KEY_REVOKED, KEY_EXPIRED, FORBIDDEN)

_REFUSALS = {
    **dict.fromkeys((each.code for each in _TAKEN), Exit.TAKEN),
    **dict.fromkeys((each.code for each in _NOT_AUTHORISED), Exit.NOT_AUTHORISED),
    INVALID_VALUE.code: Exit.USAGE,
}


def exit_of(error: BaseException | None) -> Exit:
    """The exit status that tells of ``error``."""
    if isinstance(error, RefusedError):
        return _REFUSALS.get(error.word, Exit.FAILED)
    if isinstance(error, ProxyLoginError):
        return Exit.NOT_AUTHORISED
    if isinstance(error, UnreachableError):
        return Exit.UNREACHABLE
    return Exit.SETTINGS if isinstance(error, SettingsError) else Exit.FAILED
