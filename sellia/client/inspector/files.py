"""Files of the inspector's page, from package data, and nothing else."""

from importlib.resources import files
from importlib.resources.abc import Traversable

from sellia.client.inspector.answers import Answer, ApiError
from sellia.ui.files import PageFiles


class InspectorFiles:
    """Files of the page, as answers."""

    def __init__(self, root: Traversable | None = None) -> None:
        self._files = PageFiles(root if root is not None else files("sellia.client.inspector") / "page")

    def get(self, path: str, known: str = "") -> Answer:
        """Return a file, or 304 for one whose tag is ``known``.  Raises ApiError for what is none."""
        found = self._files.find(path)
        if found is None:
            raise ApiError(404, "no-such-file", "The inspector has no such page.")
        headers = {b"ETag": found.tag.encode(), b"Cache-Control": b"no-cache"}
        if found.is_known(known):
            return Answer(304, b"", found.type, headers)
        return Answer(200, found.data, found.type, headers)
