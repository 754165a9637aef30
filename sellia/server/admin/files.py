"""The admin page: files of package data, and nothing else.

None of them is secret and none is trusted: the page asks the API for all that it shows and does, as every script does.
"""

from importlib.resources import files
from typing import Any

from twisted.web.resource import Resource
from twisted.web.server import Request

from sellia.errors import ProblemError
from sellia.problems import METHOD_NOT_ALLOWED, NO_SUCH_PAGE
from sellia.server.admin.answers import Answer, refusal
from sellia.server.admin.resource import write
from sellia.ui.files import PageFiles


class AdminPage(Resource):
    """Serves the files of the page."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self._files = PageFiles(files("sellia.server.admin") / "page")

    def render(self, request: Request) -> Any:
        return write(request, self._answer(request))

    def _answer(self, request: Request) -> Answer:
        if request.method not in (b"GET", b"HEAD"):
            error = ProblemError(METHOD_NOT_ALLOWED)
            error.allow = b"GET, HEAD"
            return refusal(error)
        found = self._files.find(request.path.decode("utf-8", "replace"))
        if found is None:
            return refusal(ProblemError(NO_SUCH_PAGE, "The admin page is at /, and its API below /api/v1/."))
        known = (request.getHeader(b"if-none-match") or b"").decode("latin-1")
        headers = ((b"Content-Type", found.type), (b"ETag", found.tag.encode()), (b"Cache-Control", b"no-cache"))
        return Answer(304, headers, b"") if found.is_known(known) else Answer(200, headers, found.data)
