"""The application of `tests.field.contract` with Django and Channels, and a form with its CSRF check."""

import hashlib
import time

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=[".sellia.test"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="none",
    DATA_UPLOAD_MAX_MEMORY_SIZE=None,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"],
)
django.setup()

from channels.generic.websocket import WebsocketConsumer  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.http import HttpResponse, StreamingHttpResponse  # noqa: E402
from django.middleware.csrf import get_token  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402

LAST = {"closed": "nobody"}


def hello(request):
    return HttpResponse("hello")


@csrf_exempt
def digest(request):
    return HttpResponse(f"{len(request.body)} {hashlib.sha256(request.body).hexdigest()}")


def stream(request):
    def pieces():
        for _ in range(40):
            time.sleep(0.025)
            yield b"x" * 20_000

    return StreamingHttpResponse(pieces())


def form(request):
    if request.method == "POST":
        return HttpResponse("posted")
    return HttpResponse(f"<input name='csrfmiddlewaretoken' value='{get_token(request)}'>")


def closed(request):
    return HttpResponse(LAST["closed"])


class Echo(WebsocketConsumer):
    """Send back what comes."""

    def connect(self):
        offered = self.scope["subprotocols"]
        self.accept(offered[0] if offered else None)

    def receive(self, text_data=None, bytes_data=None):
        if text_data and text_data.startswith("close "):
            self.close(int(text_data[6:]), "as asked")
        else:
            self.send(text_data, bytes_data)

    def disconnect(self, code):
        LAST["closed"] = str(code)


urlpatterns = [path(f"{view.__name__}", view) for view in (hello, digest, stream, form, closed)]
sockets = AllowedHostsOriginValidator(URLRouter([path("echo", Echo.as_asgi())]))
application = ProtocolTypeRouter({"http": get_asgi_application(), "websocket": sockets})
