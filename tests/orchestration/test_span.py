"""The window that a task works on, as Airflow tells it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk import timezone
from airflow.sdk.exceptions import AirflowFailException

from magento_oms.orchestration.tasks import span

START, END = datetime(2026, 11, 26, 11, 45, tzinfo=UTC), datetime(2026, 11, 26, 12, 45, tzinfo=UTC)


def context(**form: Any) -> dict[str, Any]:
    """As a task gets it: the run's window in Airflow's own kind of time."""
    return {
        "params": {"from": None, "to": None} | form,
        "data_interval_start": timezone.coerce_datetime(START),
        "data_interval_end": timezone.coerce_datetime(END),
    }


def test_the_runs_own_window_keeps_its_zone_in_arithmetic() -> None:
    start, end = span(context())
    assert (start, end) == (START, END)
    earlier = start.astimezone(UTC) - timedelta(minutes=10)
    assert earlier.utcoffset() == timedelta(0)


def test_the_forms_span_goes_first() -> None:
    told = {"from": "2026-11-20T09:00:00+05:30", "to": "2026-11-20T10:00:00"}
    assert span(context(**told)) == (
        datetime(2026, 11, 20, 3, 30, tzinfo=UTC),
        datetime(2026, 11, 20, 10, tzinfo=UTC),
    )


def test_an_empty_span_is_refused() -> None:
    with pytest.raises(AirflowFailException, match="has no window"):
        span(context(**{"from": "2026-11-27T00:00:00Z"}))
