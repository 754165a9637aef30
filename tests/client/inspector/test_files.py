"""Files of the page: what is served, known tags, and what is none."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.inspector.answers import ApiError
from sellia.client.inspector.files import InspectorFiles


class FilesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.files = InspectorFiles()

    def test_a_file(self) -> None:
        told = self.files.get("/app.js")
        self.assertEqual(told.status, 200)
        self.assertIn(b"javascript", told.type)
        self.assertEqual(told.headers[b"Cache-Control"], b"no-cache")

    def test_one_that_is_known(self) -> None:
        tag = self.files.get("/app.js").headers[b"ETag"].decode()
        told = self.files.get("/app.js", tag)
        self.assertEqual((told.status, told.body), (304, b""))

    def test_what_is_none(self) -> None:
        for path in ("/nothing.js", "/../door.py", "/..%2fdoor.py", "/types.d.ts/", "//etc/passwd", "/\x00"):
            error = self.assertRaises(ApiError, self.files.get, path)
            assert isinstance(error, ApiError)
            self.assertEqual((error.status, error.code), (404, "no-such-file"), path)
