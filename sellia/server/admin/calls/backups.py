"""The call for a copy of everything, made while the server runs."""

import os
import tempfile
from typing import Any, Final

from twisted.web.server import Request
from twisted.web.static import NoRangeStaticProducer

from sellia.errors import ProblemError
from sellia.problems import OVERLOADED
from sellia.server.admin.answers import Answer
from sellia.server.admin.calls.shared import now
from sellia.server.admin.routes import ROOT, Call, Route, Scope

_MEDIA_TYPE: Final = "application/octet-stream"

#: The copy that is being made, if one is.
_under_way: set[object] = set()


async def back_up(call: Call) -> Answer:
    """Make a copy in a file beside the database, and send it; the file has no name any more when it is sent."""
    key = call.operations.parts.threads
    if key in _under_way:
        raise ProblemError(OVERLOADED, "A copy is being made already; ask again when it is done.")
    _under_way.add(key)
    try:
        file, size = await _copied(call)
    finally:
        _under_way.discard(key)
    name = f"sellia-{now(call):%Y%m%dT%H%M%SZ}.backup"
    headers = (
        (b"Content-Type", _MEDIA_TYPE.encode()),
        (b"Content-Length", b"%d" % size),
        (b"Content-Disposition", f'attachment; filename="{name}"'.encode()),
    )

    def stream(request: Request) -> None:
        request.notifyFinish().addBoth(lambda _: file.close())
        NoRangeStaticProducer(request, file).start()

    return Answer(200, headers, b"", stream, file.close)


async def _copied(call: Call) -> tuple[Any, int]:
    directory = tempfile.mkdtemp(prefix="backup-", dir=call.operations.parts.gateway.settings.state_dir)
    path = os.path.join(directory, "backup")
    try:
        await call.operations.backup(path, by=call.caller.actor)
        file = open(path, "rb")  # closed by whoever sends it
        return file, os.fstat(file.fileno()).st_size
    finally:
        if os.path.exists(path):
            os.unlink(path)
        os.rmdir(directory)


ROUTES: Final = tuple(
    Route(
        *(method, f"{ROOT}backup", name, "Get a consistent copy of everything.", Scope.READ, back_up),
        media_type=_MEDIA_TYPE,
        problems=(OVERLOADED,),
    )
    for method, name in (("GET", "getBackup"), ("POST", "makeBackup"))
)
