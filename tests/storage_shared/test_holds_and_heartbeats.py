"""The emergency brake, and the signs of life of the watchers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Connection

from magento_oms.storage import holds
from magento_oms.storage.heartbeats import Heartbeats

if TYPE_CHECKING:
    from tests.storage_shared.conftest import Elapse


def test_a_hold_stops_its_target_only(connection: Connection) -> None:
    assert holds.held(connection, "magento:heritage") is None
    holds.hold(connection, "magento:heritage", "wrong invoices went out", "cli")
    assert holds.held(connection, "magento:heritage") == "wrong invoices went out"
    assert holds.held(connection, "magento:urban") is None
    assert holds.held(connection, "courier:main") is None
    assert holds.release(connection, "magento:heritage")
    assert not holds.release(connection, "magento:heritage")
    assert holds.held(connection, "magento:heritage") is None


def test_the_star_stops_everything_and_is_released_by_itself(connection: Connection) -> None:
    holds.hold(connection, holds.EVERYTHING, "stock-taking", "control room")
    holds.hold(connection, "magento:heritage", "wrong invoices went out", "cli")
    assert holds.held(connection, "courier:main") == "stock-taking"
    assert holds.held(connection, "magento:heritage") == "wrong invoices went out"
    assert holds.release(connection, "magento:heritage")
    assert holds.held(connection, "magento:heritage") == "stock-taking"
    assert holds.release(connection, "*")
    assert holds.held(connection, "magento:heritage") is None


def test_holding_again_keeps_the_time_and_takes_the_new_reason(connection: Connection) -> None:
    holds.hold(connection, "magento:heritage", "first", "cli")
    connection.commit()
    before = holds.all_holds(connection)
    connection.commit()
    holds.hold(connection, "magento:heritage", "second", "control room")
    after = holds.all_holds(connection)
    assert [(hold.target, hold.reason, hold.by) for hold in after] == [("magento:heritage", "second", "control room")]
    assert after[0].at == before[0].at
    assert after[0].at.tzinfo is UTC


@pytest.mark.parametrize(("target", "reason"), [("", "why"), ("*", "  ")])
def test_a_hold_names_target_and_reason(connection: Connection, target: str, reason: str) -> None:
    with pytest.raises(ValueError, match="names what is held and why"):
        holds.hold(connection, target, reason, "cli")


def test_silent_watchers_are_found(oms_database: str, elapse: Elapse) -> None:
    beats = Heartbeats(oms_database)
    beats.beat("order_pull_live:heritage")
    elapse("heartbeat", 100)
    beats.beat("order_pull_live:urban")
    elapse("heartbeat", 50)
    beats.beat("effects", {"due": 3})
    stale = beats.stale(timedelta(seconds=40))
    assert [beat.name for beat in stale] == ["order_pull_live:heritage", "order_pull_live:urban"]
    assert 150 <= stale[0].age < 200
    assert [beat.name for beat in beats.stale(timedelta(seconds=120))] == ["order_pull_live:heritage"]
    beats.beat("order_pull_live:heritage")
    assert beats.stale(timedelta(seconds=120)) == []


def test_the_last_beat_with_its_words(oms_database: str) -> None:
    beats = Heartbeats(oms_database)
    assert beats.last("effects") is None
    beats.beat("effects", {"due": 3})
    beats.beat("effects", {"due": 0, "listening": True})
    last = beats.last("effects")
    assert last is not None
    assert last.details == {"due": 0, "listening": True}
    assert last.at.tzinfo is UTC
    assert abs((datetime.now(UTC) - last.at).total_seconds()) < 60
    beats.forget("effects")
    assert beats.last("effects") is None
