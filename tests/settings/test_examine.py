"""Settings that are looked at and not used."""

from sellia.errors import SettingsError
from sellia.settings import Findings, Settings, check, examined, gather, setting
from tests.settings.cases import SettingsCase


class Needs(Settings):
    server: str = setting(..., "A server.")
    number: int = setting(1, "A number.")


class ExamineTests(SettingsCase):
    missing: list[str]

    def examine(self, text: str) -> tuple[object, list[str]]:
        findings = Findings()
        given = gather(Needs, flags={}, environment={}, config=self.write(text), findings=findings)
        found = examined((Needs,), given, findings, lambda: check(Needs, given, findings))
        self.missing = [each.line for each in found.missing]
        return found.settings, [each.line.partition(": ")[2] for each in found.faults]

    def test_what_flags_can_add_is_no_fault_of_a_file(self) -> None:
        self.assertEqual(self.examine("number: 2\n"), (None, []))
        self.assertEqual(self.missing, ["server is missing"])
        self.assertEqual(self.examine("number: x\n"), (None, ["number: must be a valid integer, not x"]))
        self.assertEqual(self.examine("server: x\n"), (Needs(server="x"), []))

    def test_to_start_it_is_one(self) -> None:
        given = gather(Needs, flags={}, environment={})
        self.assertTrue(self.assertRaises(SettingsError, check, Needs, given).missing)
