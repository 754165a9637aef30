"""How the number of inputs is read from what atheris says."""

from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz.__main__ import played


class PlayedTests(SynchronousTestCase):
    """The final figure where there is one, else the last that was told on the way."""

    def test_finished(self) -> None:
        self.assertEqual(played("#2\tINITED\n#1024\tpulse\nstat::number_of_executed_units: 5000\n"), 5000)

    def test_broken_off(self) -> None:
        self.assertEqual(played("#2\tINITED cov: 1\n#1024\tNEW cov: 2\nTraceback\n"), 1024)

    def test_nothing(self) -> None:
        self.assertEqual(played("ModuleNotFoundError"), 0)
