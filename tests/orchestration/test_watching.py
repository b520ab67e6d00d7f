"""What the watcher of due effects sees, and how soon, without Airflow around it."""

from __future__ import annotations

import asyncio
import time

import pytest

from magento_oms.domain.intake import PlannedEffect
from magento_oms.orchestration import triggers, wiring
from magento_oms.storage import effects
from magento_oms.storage.database import engine, notify

TARGET = "magento:loom"


def test_a_burst_of_signals_is_one_look(oms_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of pushes at work must not keep the others waiting, however many they are."""
    monkeypatch.setattr(wiring, "oms_url", lambda: oms_database)

    async def watch() -> tuple[list[frozenset[str]], float]:
        stream = triggers._due_targets()
        seen = [await anext(stream)]
        with engine(oms_database).begin() as connection:
            for number in range(500):
                notify(connection, f"effects:courier:{number}")
            effects.plan(connection, PlannedEffect(TARGET, "acknowledge_order", "order:1", "order:1", False), None)
        started = time.monotonic()
        seen.append(await asyncio.wait_for(anext(stream), 10))
        woken = time.monotonic() - started
        await stream.aclose()
        return seen, woken

    seen, woken = asyncio.run(watch())

    assert seen == [frozenset(), {TARGET}]
    assert woken < 3
