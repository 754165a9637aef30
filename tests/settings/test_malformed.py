"""What is said of a text that is not YAML; ``test_document`` has what libyaml says of each."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.settings.malformed import explain


class MalformedTests(SynchronousTestCase):
    def test_nothing_of_the_library_is_repeated(self) -> None:
        line, hint = explain("found SECRET in the text", "while scanning SECRET", "SECRET", "SECRET")
        self.assertEqual(line, "is not valid YAML")
        self.assertNotIn("SECRET", hint)

    def test_the_text_says_more_than_the_library(self) -> None:
        self.assertIn("a tab", explain("did not find expected key", "", "", "\tx")[0])
        self.assertIn("behind a value", explain("did not find expected key", "", "a: 'b' ", "c")[0])
        self.assertIn("does not fit", explain("did not find expected key", "", "  ", "c")[0])
