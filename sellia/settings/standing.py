"""Finds the settings files that are read without being named: the system's, the user's, and the project's.

Need
    A team writes its tunnels down in its repository, a user says once which server is his, and neither types the path
    of a file.  But what a file says decides where traffic goes, so nobody else may put one in the way.

Where
    ``/etc/sellia/NAME``; ``$XDG_CONFIG_HOME/sellia/NAME``, or ``~/.config/sellia/NAME``; and for a client the nearest
    ``NAME`` from the working directory upwards to the root of its repository (which has ``.git``) or to the home
    directory, whichever comes first.  Outside of both only the working directory is looked at.

Invariants
    * The search never leaves the repository, and never goes above the home directory.
    * It stops at a directory that belongs to another user, or that every user can write to; root's count as this
      user's.  What lies there is passed over with a caution, and so is a file of another user.

Bounds
    ``CLIMB_LIMIT`` directories.
"""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sellia.directories import home_directory, user_directory
from sellia.settings.file import SettingsFile
from sellia.settings.given import Rank

#: Directories that are looked at for the file of a project.
CLIMB_LIMIT: Final = 64

#: Directory of the files of this machine.
SYSTEM: Final = "/etc/sellia"

_Stat = Callable[[str], os.stat_result]


@dataclass(frozen=True, slots=True)
class Role:
    """Whose settings: the name of their files, and whether projects have one."""

    name: str
    file: str
    in_projects: bool = False


CLIENT: Final = Role("client", "sellia.yaml", in_projects=True)
SERVER: Final = Role("server", "server.yaml")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place for a settings file; ``why_not`` is why nothing is read there, and empty where something is."""

    rank: Rank
    path: str
    why_not: str = ""
    exists: bool = True


def candidates(
    role: Role,
    environment: Mapping[str, str],
    directory: str | None = None,
    system: str = SYSTEM,
    status: _Stat = os.stat,
) -> list[Candidate]:
    """Return the places for the settings files of a role, the weakest first.

    ``directory`` is the working directory, in which the search for a project's file begins.
    """
    found = [_standing(Rank.SYSTEM, os.path.join(system, role.file))]
    user = user_directory(environment)
    if user:
        found.append(_standing(Rank.USER, os.path.join(user, role.file)))
    if role.in_projects:
        found.append(_project(role.file, environment, directory, status))
    return found


def standing_files(
    role: Role,
    environment: Mapping[str, str],
    directory: str | None = None,
    system: str = SYSTEM,
    status: _Stat = os.stat,
) -> tuple[SettingsFile, ...]:
    """Return the settings files of a role that exist, for `gather`; of one that is passed over it says why."""
    found = candidates(role, environment, directory, system, status)
    return tuple(
        SettingsFile(each.rank, each.path, needed=each.rank is not Rank.SYSTEM or role is SERVER, why_not=each.why_not)
        for each in found
        if each.exists
    )


def _standing(rank: Rank, path: str) -> Candidate:
    exists = os.path.lexists(path)
    return Candidate(rank, path, "" if exists else "there is none", exists)


def _project(name: str, environment: Mapping[str, str], directory: str | None, status: _Stat) -> Candidate:
    """Return the nearest file of a project, from ``directory`` upwards."""
    try:
        start = os.path.realpath(directory) if directory is not None else os.getcwd()
    except OSError:
        return Candidate(Rank.PROJECT, name, "the working directory is gone", exists=False)
    owners = _owners(environment)
    home = home_directory(environment)
    for here in _upwards(start, os.path.realpath(home) if home else ""):
        path = os.path.join(here, name)
        exists = os.path.lexists(path)
        why_not = _untrusted(here, owners, status, "its directory ")
        if why_not or exists:
            why_not = why_not or _untrusted(path, owners, status)
            return Candidate(Rank.PROJECT, path, why_not, exists)
    return Candidate(Rank.PROJECT, os.path.join(start, name), "there is none here, nor further up", exists=False)


def _upwards(start: str, home: str) -> Iterator[str]:
    """Yield the directories from ``start`` to the root of its repository or to ``home``; outside of both, itself."""
    path = [start]
    for _ in range(CLIMB_LIMIT):
        here = path[-1]
        if here == home or os.path.lexists(os.path.join(here, ".git")):
            yield from path
            return
        above = os.path.dirname(here)
        if above == here:
            break
        path.append(above)
    yield start


def _owners(environment: Mapping[str, str]) -> frozenset[int]:
    """Return the users whose files are trusted: this one, root, and for root whoever became root with sudo."""
    user = os.geteuid()
    behind = environment.get("SUDO_UID", "")
    return frozenset({user, 0} | ({int(behind)} if user == 0 and behind.isdecimal() else set()))


def _untrusted(path: str, owners: frozenset[int], status: _Stat, which: str = "it ") -> str:
    """Return why a file or directory is not trusted, or an empty string."""
    try:
        found = status(path)
    except OSError as error:
        return f"{which}cannot be looked at ({error.strerror})"
    if found.st_uid not in owners:
        return f"{which}belongs to another user"
    if found.st_mode & stat.S_IWOTH:
        return f"{which}can be written to by every user"
    if which == "it " and not stat.S_ISREG(found.st_mode):
        return "it is no regular file"
    return ""
