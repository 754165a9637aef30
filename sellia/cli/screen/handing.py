"""Handing a URL to the clipboard or to a browser of whoever sits at the terminal.

The clipboard is reached through the terminal (OSC 52), so it works over ssh as well; tmux, which keeps that sequence to
itself by default, is asked by its own command.  Both are one way: nothing says whether the text arrived.
"""

import base64
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Final

#: Longest text that is copied, in bytes: terminals take less than what some of them allow, 74,994 bytes of base64.
COPY_LIMIT: Final = 8192


def copying(text: str, environment: Mapping[str, str]) -> str | list[str]:
    """Return what copies ``text``: a sequence for the terminal, or a command that reads it from its input."""
    if environment.get("TMUX") and shutil.which("tmux"):
        return ["tmux", "load-buffer", "-w", "-"]
    encoded = base64.b64encode(text.encode("utf-8")[:COPY_LIMIT]).decode("ascii")
    sequence = f"\x1b]52;c;{encoded}\x07"
    if environment.get("TERM", "").startswith("screen") and environment.get("STY"):
        return f"\x1bP{sequence}\x1b\\"
    return sequence


def browsing(url: str, environment: Mapping[str, str], platform: str = sys.platform) -> list[str] | None:
    """Return the command that opens ``url`` in a window of a browser, or None where there is no such thing.

    Browsers that would take the terminal over are not used.
    """
    if not url.startswith(("http://", "https://")):
        return None
    chosen = environment.get("BROWSER", "").partition(os.pathsep)[0]
    if chosen:
        try:
            words = shlex.split(chosen)
        except ValueError:  # a quote is open
            return None
        if not words or shutil.which(words[0]) is None:
            return None
        return [word.replace("%s", url) for word in words] if "%s" in chosen else [*words, url]
    if platform == "darwin":
        return ["open", url]
    if shutil.which("wslview"):
        return ["wslview", url]
    if environment.get("WAYLAND_DISPLAY") or environment.get("DISPLAY"):
        return ["xdg-open", url] if shutil.which("xdg-open") else None
    return None


def browse(url: str, environment: Mapping[str, str]) -> str:
    """Open ``url`` in a browser, and return what came of it for people."""
    command = browsing(url, environment)
    if not url.startswith("http"):
        return "This URL is none for a browser: c copies it"
    if command is None:
        return "There is no browser on this machine: c copies the URL"
    return "Opened in the browser" if run_apart(command) else "The browser could not be started"


def run_apart(command: Sequence[str], given: bytes = b"") -> bool:
    """Run a command that has nothing to do with the terminal, and return whether it could be started."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert process.stdin is not None
        process.stdin.write(given)
        process.stdin.close()
    except (OSError, ValueError):
        return False
    _children[:] = [each for each in _children if each.poll() is None]
    _children.append(process)
    return True


#: Children that may still run, so that they are waited for at the next occasion.
_children: Final[list["subprocess.Popen[bytes]"]] = []
