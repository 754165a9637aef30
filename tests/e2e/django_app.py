"""A Django project in one file, as ``startproject`` makes it: forms, a login, an absolute redirect, a WebSocket.

Run with a port.  Nothing in its settings knows of a tunnel.
"""

import sys

import django
from django.conf import settings

settings.configure(
    DEBUG=True,
    SECRET_KEY="of no use",  # noqa: S106
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.sessions"],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
)
django.setup()

import uvicorn  # noqa: E402
from channels.generic.websocket import WebsocketConsumer  # noqa: E402
from channels.routing import ProtocolTypeRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse  # noqa: E402
from django.middleware.csrf import get_token  # noqa: E402
from django.urls import path  # noqa: E402


def form(request: HttpRequest) -> HttpResponse:
    """A form; what is posted is the name of who logs in."""
    if request.method == "POST":
        request.session["name"] = request.POST["name"]
        return HttpResponseRedirect(request.build_absolute_uri("/hello"))
    return HttpResponse(get_token(request), content_type="text/plain")


def hello(request: HttpRequest) -> HttpResponse:
    """Greets who has logged in, and says what the request looked like."""
    names = ("HTTP_HOST", "HTTP_ORIGIN", "HTTP_REFERER", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO")
    seen = {name: request.META.get(name) for name in names}
    answer = JsonResponse({"name": request.session.get("name"), **seen})
    if request.META.get("HTTP_ORIGIN") == f"http://{request.get_host()}":
        answer["Access-Control-Allow-Origin"] = request.META["HTTP_ORIGIN"]
    return answer


class Echo(WebsocketConsumer):
    """Sends back what it gets."""

    def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        self.send(text_data=text_data)


urlpatterns = [path("form", form), path("hello", hello)]
application = ProtocolTypeRouter(
    {"http": get_asgi_application(), "websocket": AllowedHostsOriginValidator(Echo.as_asgi())}
)

if __name__ == "__main__":
    uvicorn.run(application, host="127.0.0.1", port=int(sys.argv[1]), proxy_headers=False, ws="websockets-sansio")
