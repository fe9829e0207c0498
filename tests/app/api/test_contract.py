"""The schema and what is answered agree, whatever is asked."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import BaseSchema, Case
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from app.api.access import Access
from core.scoring import Classifier
from tests.app.api.conftest import TOKEN, api_of
from tests.toys import write_patches

AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}

NOT_IN_SCHEMA: list[Any] = [positive_data_acceptance]
"""Files or a path, and a path below an allowed folder: no schema can say that."""


@pytest.fixture(scope="module")
def api_schema(toy_classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> BaseSchema:
    data = tmp_path_factory.mktemp("data")
    write_patches(data / "root", 2)
    access = Access((TOKEN,), ("testserver", "localhost", "127.0.0.1"))
    api = api_of(lambda: toy_classifier, access, data=data, roots=[data / "root"])
    return schemathesis.openapi.from_asgi("/api/v1/openapi.json", api, headers=AUTHORIZED)


def test_every_answer_is_as_the_schema_says(api_schema: BaseSchema) -> None:
    """Of each route: well-formed and malformed requests, made by Schemathesis."""
    asked = set()
    for found in api_schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()

        @settings(
            max_examples=10,
            derandomize=True,
            database=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def check(case: Case[Any]) -> None:
            case.call_and_validate(headers=AUTHORIZED, timeout=120, excluded_checks=NOT_IN_SCHEMA)

        check()
        asked.add(f"{operation.method.upper()} {operation.path}")
    assert {"POST /api/v1/score", "DELETE /api/v1/jobs/{job_id}", "GET /healthz"} <= asked
    assert len(asked) == 11
