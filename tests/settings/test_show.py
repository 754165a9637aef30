"""What is shown of settings: as a file would have them, with the origin of each, and no secret."""

from typing import Any

from sellia.settings import Given, Origin, Rank, gather
from sellia.settings.show import MASK, scalar, shown, values
from tests.settings.cases import SettingsCase, Whole


class ShowTests(SettingsCase):
    def given(self, text: str, **flags: Any) -> dict[str, Given]:
        self.path = self.write(text)
        return gather(Whole, flags=flags, environment={"T_PORT": "81"}, config=self.path)

    def test_origins(self) -> None:
        given = self.given("name: x y\nparts:\n- port: 1\n- {port: 2}\n", quick=True)
        lines = shown([Whole], given, origins=True).splitlines()
        self.assertEqual(
            [line.split("  # ") for line in lines],
            [
                [f"{'port: 81':40}", "T_PORT"],
                [f"{'name: x y':40}", f"{self.path}:1:7"],
                [f"{'quick: true':40}", "--quick"],
                ["parts:"],
                [f"{'  - port: 1':40}", f"{self.path}:3:9"],
                [f"{'  - port: 2':40}", f"{self.path}:4:10"],
            ],
        )

    def test_secrets(self) -> None:
        given = self.given("key: SECRET\nparts:\n- {port: 1, key: SECRET}\n")
        for text in (shown([Whole], given), shown([Whole], given, True, True), str(values([Whole], given))):
            self.assertNotIn("SECRET", text)
            self.assertEqual(text.count(MASK), 2)

    def test_defaults(self) -> None:
        text = shown([Whole], {}, origins=True, defaults=True)
        self.assertIn(f"{'name: nobody':40}  # default\n", text)
        self.assertEqual(shown([Whole], {}), "# Nothing is set; the defaults hold.\n")

    def test_for_programs(self) -> None:
        self.assertEqual(
            values([Whole], self.given("")), {"port": {"value": 81, "origin": "T_PORT", "source": "environment"}}
        )

    def test_a_wrong_value_of_a_variable_is_shown_as_it_is(self) -> None:
        given = {"port": Given("x", Origin(Rank.ENVIRONMENT, "T_PORT"))}
        self.assertEqual(shown([Whole], given), "port: x\n")

    def test_scalars(self) -> None:
        for text in ("a", "http://x:1/y", "64 MiB", "./dist", "a=b", "10.0.0.0/8", "me@x"):
            self.assertEqual(scalar(text), text)
        for text, quoted in (
            *(("", '""'), ("no", '"no"'), ("12", '"12"'), ("a: b", '"a: b"'), ("a:", '"a:"'), (" a", '" a"')),
            *(("- a", '"- a"'), ("\x1b[0m", '"\\u001b[0m"'), ("a #b", '"a #b"'), ("\u202e", '"\\u202e"')),
            ("\U000e0001", '"\\U000e0001"'),
        ):
            self.assertEqual(scalar(text), quoted)
