"""File of a tunnel's users: a line ``USER:HASH`` for each, as ``sellia auth hash`` prints it."""

from typing import Final

from sellia.relay.passwords import USERS, PasswordHash, checked_user
from sellia.text import printable

#: Maximum bytes of the file.
FILE_LIMIT: Final = 64 * 1024


class UsersFile(str):
    """Path of a file of users, and its ``lines``.  Two are equal whose paths and lines are."""

    lines: tuple[str, ...]

    def __new__(cls, path: str, lines: tuple[str, ...]) -> "UsersFile":
        made = super().__new__(cls, path)
        made.lines = lines
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UsersFile) and str(self) == str(other) and self.lines == other.lines

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((str(self), self.lines))


def read_users(path: str) -> UsersFile:
    """Read a file of users.  Raises ValueError with a line that names the file, and no word of what is in it."""
    shown = printable(path)
    try:
        with open(path, "rb") as file:
            data = file.read(FILE_LIMIT + 1)
        text = data.decode()
    except OSError as error:
        raise ValueError(f"cannot read {shown}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{shown} is not text in UTF-8") from None
    if len(data) > FILE_LIMIT:
        raise ValueError(f"{shown} is larger than {FILE_LIMIT // 1024} KiB")
    lines: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        user, colon, hashed = line.partition(":")
        try:
            if not colon:
                raise ValueError("is not USER:HASH: make it with `sellia auth hash`")
            if checked_user(user) in lines:
                raise ValueError("has a user who is there twice")
            PasswordHash(hashed)
        except ValueError as error:
            raise ValueError(f"{shown}:{number} {error}") from None
        lines[user] = line
    if not lines:
        raise ValueError(f"{shown} has no user in it: nobody could come")
    if len(lines) > USERS:
        raise ValueError(f"{shown} has more than {USERS} users")
    return UsersFile(path, tuple(lines.values()))
