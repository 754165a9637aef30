"""What an HTTP API's OpenAPI description is held to: it is sound in itself, and the API keeps to it (schemathesis)."""

from collections.abc import Collection
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from schemathesis.specs.openapi.checks import positive_data_acceptance
from twisted.trial.unittest import SynchronousTestCase

_EXAMPLES = settings(
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def judge(url: str, key: str, *, examples: int = 3, left_out: Collection[str] = ()) -> list[str]:
    """
    Let schemathesis try every call of the API at ``url`` with so many valid and invalid requests; return what it finds
    wrong.

    ``left_out`` are calls by their method and path. It blocks.
    """
    bearer = {"Authorization": f"Bearer {key}"}
    often = settings(_EXAMPLES, max_examples=examples)
    schema = schemathesis.openapi.from_url(f"{url}/api/openapi.json", headers=bearer)
    faults: list[str] = []
    for operation in (result.ok() for result in schema.get_all_operations()):
        if operation.label in left_out:
            continue
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
            one = _one(bearer, valid=mode is schemathesis.GenerationMode.POSITIVE)
            try:
                often(given(case=operation.as_strategy(generation_mode=mode))(one))()
            except Unsatisfiable:
                pass  # there is no invalid request of this call
            except BaseException as error:  # a group of schemathesis's own
                faults.append(f"{operation.label}: {error!r} {getattr(error, 'exceptions', '')}")
    return faults


def _one(headers: dict[str, str], *, valid: bool) -> Any:
    def one(case: Any) -> None:
        response = case.call(headers=headers)
        # What no schema can say (whether a name is free, or a cursor is one) may be refused, but not for its form.
        case.validate_response(response, excluded_checks=[positive_data_acceptance])
        if valid and response.status_code == 422 and b'"faults"' in response.content:
            raise AssertionError(f"a valid request was refused: {case.as_curl_command()}: {response.text}")

    return one


def assert_sound(test: SynchronousTestCase, document: dict[str, Any]) -> None:
    """Every schema is one, and every reference in the description leads to one."""
    schemas = document["components"]["schemas"]

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                test.assertIn(value["$ref"].removeprefix("#/components/schemas/"), schemas)
            value = list(value.values())
        for each in value if isinstance(value, list) else ():
            walk(each)

    walk(document)
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
