"""File of ``sellia admin plan`` and ``apply``: accounts, names and limits as they are to be."""

from sellia.cli.admin.plan import Wanted, WantedAccount
from sellia.settings import Count, Findings, PerSecond, Rank, Settings, check, setting
from sellia.settings.check import refuse_unknown
from sellia.settings.file import SettingsFile, from_file


class _Limits(Settings):
    clients: Count | None = setting(None, "Clients at once, a whole number.")
    tunnels: Count | None = setting(None, "Tunnels at once, a whole number.")
    names: Count | None = setting(None, "Names that may be reserved, a whole number.")
    streams: Count | None = setting(None, "Open streams at once, a whole number.")
    requests_per_second: PerSecond | None = setting(None, "Requests a second, a number.")
    bytes_per_month: Count | None = setting(None, "Bytes in both directions in a calendar month, a whole number.")


class _Account(Settings):
    limits: str | None = setting(None, "Name of a class of limits, such as team.")
    note: str | None = setting(None, "A text for people.")
    names: list[str] | None = setting(None, "Names that it has, such as [app, '*.app', tcp/20000].")
    domains: list[str] | None = setting(None, "Domains of its own, such as [www.example.com].")


class _File(Settings):
    limits: dict[str, _Limits] = setting({}, "Classes of limits by name, as in `team: {clients: 20}`.")
    accounts: dict[str, _Account] = setting({}, "Accounts by name, as in `acme: {limits: team, names: [app]}`.")


def read_plan_file(path: str) -> Wanted:
    """Return what the file at ``path`` says.  Raises SettingsError for all that is wrong, each with its line."""
    findings = Findings()
    given = from_file(SettingsFile(Rank.FILE, path), findings)
    refuse_unknown(_File, given, findings=findings)
    file = check(_File, given, findings)
    accounts = {
        name: WantedAccount(each.limits, each.note, each.names, each.domains) for name, each in file.accounts.items()
    }
    return Wanted({name: each.model_dump() for name, each in file.limits.items()}, accounts)
