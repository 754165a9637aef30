"""Flags, made of the fields of settings."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.settings import Flag, Settings, flags_of, setting


class Sample(Settings):
    """One flag of each kind."""

    port: int = setting(3, "A port.", flag="PORT", variable="T_PORT")
    name: str | None = setting(None, "A name.", flag="NAME")
    quiet: bool = setting(False, "Say less.", flag="switch")
    checks: bool = setting(True, "false to check nothing.", flag="switch")
    many: tuple[str, ...] = setting((), "One of many.", flag="ONE")
    hidden: int = setting(1, "No flag.")


class FlagTests(SynchronousTestCase):
    def test_kinds(self) -> None:
        self.assertEqual(
            list(flags_of(Sample)),
            [
                Flag("port", "port", "PORT", "A port. [env: T_PORT] [default: 3]"),
                Flag("name", "name", "NAME", "A name."),
                Flag("quiet", "quiet", "", "Say less."),
                Flag("no-checks", "checks", "", "Check nothing.", value=False),
                Flag("many", "many", "ONE", "One of many.", repeated=True),
            ],
        )
