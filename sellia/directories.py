"""Directories of the user whose environment a process has, as the XDG Base Directory Specification names them."""

import os
import pwd
from collections.abc import Mapping


def user_directory(environment: Mapping[str, str]) -> str:
    """Return the directory of the user's own files, or an empty string for a user without a home."""
    configured = environment.get("XDG_CONFIG_HOME", "")
    if os.path.isabs(configured):  # what is relative counts as not given (XDG Base Directory)
        return os.path.join(configured, "sellia")
    home = home_directory(environment)
    return os.path.join(home, ".config", "sellia") if home else ""


def home_directory(environment: Mapping[str, str]) -> str:
    """Return the home directory of the user, or an empty string for a user without one."""
    home = environment.get("HOME", "")
    if not home:
        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            return ""
    return home if os.path.isabs(home) else ""
