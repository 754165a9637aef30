"""The inspector's API keeps to its description (schemathesis), over real sockets and without a client."""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.specs.openapi.checks import positive_data_acceptance
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from sellia.client.inspector import guard
from sellia.client.inspector.answers import ApiError
from sellia.client.inspector.pages import InspectorPages
from sellia.client.inspector.web import InspectorFactory
from sellia.relay.limits.token_bucket import Rate
from tests.client.inspector.stage import Subject

BEARER = {"Authorization": "Bearer t0ken"}

#: What never ends, and what needs a client in any case.
LEFT_OUT = ("GET /api/events", "GET /api/holds")


class NoClient(Subject):
    """What is inspected where there is no client."""

    @property
    def client(self) -> Any:
        raise ApiError(409, "no-client", "There is no client.")

    visits = holds = client


class ConformanceTests(TestCase):
    timeout = 300
    maxDiff = None

    async def test_the_api_keeps_to_its_description(self) -> None:
        self.patch(guard, "WRONG", Rate(100_000, 1.0))  # wrong tokens are tried, too
        clock: Any = reactor
        pages = InspectorPages(guard.Guard("t0ken", 4040), NoClient(clock))
        port = clock.listenTCP(0, InspectorFactory(pages, clock), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        faults = await deferToThread(judge, f"http://127.0.0.1:{port.getHost().port}")
        self.assertEqual("\n".join(faults), "")


def judge(url: str) -> list[str]:
    """Let schemathesis try every call with valid and with invalid requests; return what it finds wrong."""
    schema = schemathesis.openapi.from_url(f"{url}/api/openapi.json", headers=BEARER)
    faults: list[str] = []
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
            if operation.label in LEFT_OUT:
                continue
            try:
                _EXAMPLES(given(case=operation.as_strategy(generation_mode=mode))(_one))()
            except Unsatisfiable:
                pass  # there is no invalid request of this call
            except BaseException as error:  # a group of schemathesis's own
                faults.append(f"{operation.label}: {error!r} {getattr(error, 'exceptions', '')}")
    return faults


def _one(case: Any) -> None:
    case.validate_response(case.call(headers=BEARER), excluded_checks=[positive_data_acceptance])


_EXAMPLES = settings(
    max_examples=3,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
