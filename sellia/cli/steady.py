"""Standard output that cannot be written to: a full disk behind it, or a descriptor that is none."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import click

from sellia.cli.exits import Exit
from sellia.terminal import discard

#: What a write to standard output fails with.  Where its reader has left, click ends the process without a word.
_FAILURES: Final = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF))


@contextmanager
def steady_output() -> Iterator[None]:
    """Have a command that cannot write its output end with a line that says so, and status 1."""
    try:
        yield
    except OSError as error:
        # An error that concerns a file names it; that of a stream does not.
        if error.filename is not None or error.errno not in _FAILURES:
            raise
        _discard(sys.stdout)
        try:
            click.echo(f"Error: standard output cannot be written: {error.strerror}", err=True)
        except OSError:
            _discard(sys.stderr)
        sys.exit(Exit.FAILED)


def _discard(stream: Any) -> None:
    """Discard what a stream still holds, which Python would try to write at its end."""
    with suppress(OSError, ValueError, AttributeError):
        discard(stream.fileno())
