"""Whatever is posted to the gateway: never a 5xx, and nothing is stored of what is not a webhook."""

from __future__ import annotations

from typing import Any

import schemathesis
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.gateway.conftest import PATHS, SECRETS, Gateway

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["awb", "scans", "status_feed", "waybill", "additional", "tag", "checkpoints", "order_id", "data", "hash",
             "latest_status", "tracking_number", "tracking_status", "current_status", "shipment_status_id", "api_input"]
        ) | st.text(max_size=5),
        inner,
        max_size=5,
    ),
    max_leaves=25,
)  # fmt: skip
SLOWLY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@SLOWLY
@given(name=st.sampled_from(sorted(PATHS)), body=ANY_JSON)
def test_any_json_is_answered_and_what_is_stored_can_be_worked_on(gateway: Gateway, name: str, body: Any) -> None:
    headers = {"x-api-key": SECRETS[name], "webhook_key": SECRETS[name], "X-Webhook-Token": SECRETS[name]}

    answer = gateway.post(PATHS[name], body, headers=headers)

    assert answer.status_code in (200, 400, 401, 429)
    assert not [row for row in gateway.rows() if row["outcome"].startswith("failed")]


def test_the_routes_answer_as_their_description_says(gateway: Gateway) -> None:
    """Schemathesis makes requests from the routes' own OpenAPI description."""
    from magento_oms.gateway.doors import Doors
    from magento_oms.gateway.webhooks import webhook_routes
    from magento_oms.gateway.writer import Writer

    described = FastAPI()
    described.include_router(webhook_routes(Doors, Writer(gateway.database), lambda instance: None))
    schema = schemathesis.openapi.from_dict(get_openapi(title="gateway", version="1", routes=described.routes))
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def answered(case: Any) -> None:
            answer = case.call(base_url=gateway.url)
            assert answer.status_code < 500
            assert answer.status_code != 200

        answered()
    assert gateway.rows() == []
