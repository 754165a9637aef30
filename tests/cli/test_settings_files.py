"""What the commands of ``sellia config`` have in common: how faults are told."""

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.settings_files import Fault, coloured, tell
from sellia.errors import FAULTS_SHOWN, SettingsError
from sellia.settings import Examined


class TellTests(SynchronousTestCase):
    def test_not_more_than_anybody_reads(self) -> None:
        faults = tuple(SettingsError(f"fault {number}", "a hint") for number in range(FAULTS_SHOWN + 2))
        with CliRunner().isolation() as (_, errors, *_rest):
            tell(Examined((), {}, None, faults, (), ("a caution",)))
            lines = errors.getvalue().decode().splitlines()
        self.assertEqual(lines[:3], ["a caution", "fault 0", "    a hint"])
        self.assertEqual((len(lines), lines[-1]), (2 + 2 * FAULTS_SHOWN, "and 2 more"))

    def test_for_programs(self) -> None:
        error = SettingsError("line", "hint", ("x.yaml", 3, 4))
        self.assertEqual(Fault.of(error), Fault("x.yaml", 3, 4, "line", "hint"))
        self.assertEqual(Fault.of(SettingsError("line")), Fault(None, None, None, "line", ""))

    def test_colours(self) -> None:
        """As click does it, on a terminal only, unless the environment says otherwise."""
        for environment, expected in (
            *(({}, None), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, None), ({"TERM": "dumb"}, False)),
            *(({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)),
        ):
            self.assertIs(coloured(environment), expected, environment)
