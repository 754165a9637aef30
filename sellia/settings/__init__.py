"""Settings: flags beat the environment, which beats the project's file, the user's, the system's, and defaults.

Each room that has settings describes them as a frozen pydantic model (`Settings`) of fields made with `setting`, which
states once what flags, messages and documents say; `gather` collects what was given, with the place that each value
came from, and `check` makes the model of it.  Whatever is wrong becomes a `SettingsError`: for each fault one line that
names the place, and a hint.  Imports nothing of Sellia but ``errors`` and ``text``.

Invariants:

* The value of a setting that is a secret (``SecretStr``) never gets into a message, and neither does text of a file
  whose meaning is not known yet: of what is not YAML, of a key that is given twice, of a secret's own file.
* A variable that is empty counts as not given, because that is how container set-ups spell "not set".
* Every variable has a twin whose name ends in ``_FILE`` and whose value is the path of a file that holds the value: a
  twin that cannot be read stops the start, unless a flag makes it moot.
"""

import warnings
from typing import Any

from sellia.errors import SettingsError
from sellia.settings.check import check, refuse_unknown
from sellia.settings.examine import Examined, examined
from sellia.settings.file import SettingsFile
from sellia.settings.flags import CONFIG, Flag, flags_of
from sellia.settings.given import FILE_LIMIT, Findings, Given, Origin, Rank, Trail
from sellia.settings.model import Settings, setting, spelling
from sellia.settings.schema import schema_of
from sellia.settings.show import shown
from sellia.settings.show import values as shown_values
from sellia.settings.sources import flag, gather, variables
from sellia.settings.standing import CLIENT, SERVER, candidates, standing_files
from sellia.settings.values import ONE_OR_MORE, Count, LogLevel, Masked, PerSecond, Port, Seconds, Secret, Size, wrong

__all__ = [
    "candidates",
    "check",
    "CLIENT",
    "CONFIG",
    "Count",
    "Examined",
    "examined",
    "FILE_LIMIT",
    "Findings",
    "Flag",
    "flag",
    "flags_of",
    "gather",
    "Given",
    "LogLevel",
    "Masked",
    "ONE_OR_MORE",
    "Origin",
    "PerSecond",
    "Port",
    "Rank",
    "refuse_unknown",
    "schema_of",
    "Seconds",
    "Secret",
    "SERVER",
    "setting",
    "Settings",
    "SettingsFile",
    "shown",
    "shown_values",
    "Size",
    "spelling",
    "standing_files",
    "Trail",
    "variables",
    "wrong",
]


def __getattr__(name: str) -> Any:
    """Return `SettingsError` for the name that it had here."""
    if name != "BadSetting":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn("sellia.settings.BadSetting is sellia.errors.SettingsError now", DeprecationWarning, stacklevel=2)
    return SettingsError
