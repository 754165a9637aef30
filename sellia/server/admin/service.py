"""Service of the admin endpoint: listens where the settings say, and serves the API and the page."""

from collections.abc import Iterable
from typing import Any

from twisted.application.service import MultiService
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from sellia.errors import SettingsError
from sellia.server.accounts.operations import Operations
from sellia.server.admin.door import Door
from sellia.server.admin.files import AdminPage
from sellia.server.admin.original import BODY_LIMIT, PREFIX, OriginalAdmin
from sellia.server.admin.resource import AdminApi
from sellia.server.admin.routes import Router
from sellia.server.admin.site import AdminSite
from sellia.server.admin.table import ROUTES
from sellia.server.base_domain.api import visitor_of
from sellia.server.base_domain.base_domain import BaseDomain
from sellia.server.limiter import Limiter
from sellia.server.listeners.endpoints import ListeningService, place
from sellia.server.settings import ServerSettings
from sellia.server.settings.relations import NO_ENDPOINT
from sellia.server.settings.values import ADMIN_ENDPOINT

_log = Logger()


class _Root(Resource):
    """The endpoint's root: the API, and the page."""

    isLeaf = True

    def __init__(self, api: AdminApi) -> None:
        super().__init__()
        self._api = api
        self._page = AdminPage()

    def render(self, request: Request) -> Any:
        if request.path.startswith(b"/api/"):
            return self._api.render(request)
        return self._page.render(request)


def serve_admin(
    server: MultiService,
    operations: Operations,
    rooms: BaseDomain,
    sites: Iterable[Site],
    reactor: Any,
    *,
    listen: bool,
) -> "AdminService | None":
    """Serve what the settings say of the admin APIs: ours on its endpoint, the original's on the base domain.

    With ``listen`` False there is no endpoint, unless one was asked for.
    """
    gateway = operations.parts.gateway
    settings = gateway.settings
    if settings.original_admin:
        original = OriginalAdmin(operations, visitor_of)
        rooms.bodies[PREFIX] = BODY_LIMIT
        for site in sites:
            site.resource.others[PREFIX] = original
    asked_for = settings.admin_listen is not None
    if settings.admin_listen == NO_ENDPOINT or not (listen or asked_for):
        return None
    endpoint = settings.admin_listen or ADMIN_ENDPOINT
    service = AdminService(endpoint, operations, settings, gateway.guard, reactor, needed=asked_for)
    service.setServiceParent(server)
    return service


class AdminService(MultiService):
    """The admin API of one server, on ``endpoint``.

    Where that is the default and somebody else listens there, the server goes on without it: nobody has asked for it.
    """

    name = "admin"

    def __init__(
        self,
        endpoint: str,
        operations: Operations,
        settings: ServerSettings,
        guard: Limiter,
        reactor: Any,
        *,
        needed: bool = True,
    ) -> None:
        super().__init__()
        self.door = Door(operations, settings, guard, reactor)
        self.site = AdminSite(_Root(AdminApi(Router(ROUTES), operations, self.door, reactor)), reactor)
        self._endpoint = endpoint
        self._needed = needed
        self._tried = False
        self._listening = ListeningService((endpoint,), self.site, reactor)

    def privilegedStartService(self) -> None:
        """Bind the endpoint.  Raises SettingsError where it was asked for."""
        self._bind()
        super().privilegedStartService()

    def startService(self) -> None:
        self._bind()
        super().startService()
        places = ", ".join(place(each) for each in self._listening.addresses())
        if places:
            _log.info("the admin API and its page are at {places}", places=places)

    def set_settings(self, settings: ServerSettings) -> None:
        """Apply other limits from now on."""
        self.door.set_limits(settings)

    @property
    def port(self) -> int:
        """The TCP port that is listened on; 0 where there is none."""
        return next((getattr(each, "port", 0) for each in self._listening.addresses()), 0)

    def _bind(self) -> None:
        if self._tried:
            return
        self._tried = True
        try:
            self._listening.privilegedStartService()
        except SettingsError as error:
            if self._needed:
                raise SettingsError(f"admin_listen: {error.line}", "Choose another one with --admin-listen.") from None
            _log.warn("there is no admin API: {line}; choose another port with --admin-listen", line=error.line)
            return
        self._listening.setServiceParent(self)
