"""What Magento tells of returns: credit memos and RMAs, read by windows, any number of times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.workflows.fakes import NOW
from tests.workflows.forward.conftest import forward_config
from tests.workflows.returns.conftest import Returns
from tests.workflows.returns.test_returns_by_courier import ON_ITS_WAY

from magento_oms.ports import ParcelStatus as S
from magento_oms.workflows.returns.receive import Verdict
from magento_oms.workflows.returns.sync import SyncSummary, sync


def synced(life: Returns, **more: Any) -> SyncSummary:
    """A run over the hour."""
    start = NOW - timedelta(minutes=30)
    return sync(
        life.oms.url, life.store, life.config, start=start, end=start + timedelta(hours=1), run_id="test", **more
    )


def placed(life: Returns) -> list[dict[str, Any]]:
    """The returns that there are."""
    return life.oms.rows("select * from return_order order by id")


def test_a_credit_memo_on_shipped_units_places_a_return_of_them_once(life: Returns) -> None:
    entity_id = life.shipped("KURTA", "SAREE", quantity=2)
    memo = life.store.refund_in_admin(entity_id, {10: 1, 11: 2})
    for _ in range(2):
        synced(life)
    [row] = placed(life)
    assert (row["return_code"], row["source"], row["location"]) == (
        f"CM-{memo['entity_id']}", "magento_credit_memo", "pune",
    )  # fmt: skip
    assert sorted(life.units(row["id"])) == ["10-1", "11-1", "11-2"]
    assert life.oms.count("credit_memo") == 1
    life.take_in(row["id"], Verdict("10-1", passed=True))


def test_a_credit_memo_of_a_return_that_there_is_is_noted_on_it(life: Returns) -> None:
    entity_id = life.shipped("KURTA", quantity=2)
    life.give_back(entity_id, life.asked("R1"))
    life.store.refund_in_admin(entity_id, {10: 1})
    summary = synced(life)
    assert len(placed(life)) == 1
    assert summary.taken == {"refunds 1 units that come back already": 1}
    assert life.oms.rows("select refund from return_item")[0]["refund"]
    life.store.refund_in_admin(entity_id, {10: 1})
    synced(life)
    assert len(placed(life)) == 2


def test_our_own_credit_memo_is_known(life_of: Callable[..., Returns]) -> None:
    life = life_of(returns={"credit_memo": "all"})
    entity_id = life.shipped("KURTA", quantity=2)
    one = life.give_back(entity_id, life.asked("R1"))
    life.take_in(one.return_id, Verdict("U1", passed=True))
    life.push_all()
    summary = synced(life)
    assert summary.taken == {"made by us": 1}
    [memo] = life.oms.rows("select ours, return_id from credit_memo")
    assert (memo["ours"], memo["return_id"]) == (True, one.return_id)
    assert len(placed(life)) == 1


def test_a_credit_memo_before_shipping_is_no_return(life: Returns) -> None:
    life.stock("pune", KURTA=5)
    from tests.workflows.forward.conftest import goods

    entity_id = life.place(goods("KURTA", quantity=2))
    life.store.pay(entity_id)
    life.store.refund_in_admin(entity_id, {10: 1})
    summary = synced(life)
    assert placed(life) == []
    assert summary.taken == {"no shipped units: nothing comes back for it": 1}


def test_a_store_may_want_no_returns_from_credit_memos(life_of: Callable[..., Returns]) -> None:
    life = life_of(returns={"from_credit_memos": False})
    life.store.refund_in_admin(life.shipped("KURTA"), {10: 1})
    assert synced(life).taken == {"the store places no returns from credit memos": 1}
    assert placed(life) == []


def test_a_store_without_a_location_takes_nothing_back(life: Returns) -> None:
    life.store.refund_in_admin(life.shipped("KURTA"), {10: 1})
    life.config = forward_config(locations=[], aggregators=[])
    assert synced(life).taken == {"the store ships and takes back elsewhere: it has no location": 1}
    assert placed(life) == []


def test_a_credit_memo_without_its_order_is_a_persons_business_and_the_others_go_on(life: Returns) -> None:
    entity_id = life.shipped("KURTA")
    memo = life.store.refund_in_admin(entity_id, {10: 1})
    life.store.credit_memos.insert(0, {**memo, "entity_id": 0.5, "order_id": 999} | {"entity_id": 1})
    memo["entity_id"] = 7000
    summary = synced(life)
    assert (summary.quarantined, len(placed(life))) == (1, 1)
    assert life.oms.quarantined() == {"credit_memo:1": "return_without_order"}


def test_an_rma_is_placed_once_authorised_followed_and_called_off(life: Returns) -> None:
    entity_id = life.shipped("KURTA", quantity=2)
    rma: dict[str, Any] = {
        "entity_id": 5,
        "increment_id": "000000005",
        "order_id": entity_id,
        "date_requested": f"{NOW - timedelta(days=3):%Y-%m-%d %H:%M:%S}",
        "status": "pending",
        "items": [{"order_item_id": 10, "qty_requested": 2, "qty_authorized": 0}],
        "tracks": [],
    }
    life.store.rmas = [rma]
    synced(life)
    assert placed(life) == []
    rma["status"] = "authorized"
    rma["items"][0]["qty_authorized"] = 1
    for _ in range(2):
        synced(life)
    [row] = placed(life)
    assert (row["return_code"], row["source"], len(life.units(row["id"]))) == ("RMA-000000005", "magento_rma", 1)
    rma["tracks"] = [{"track_number": "AWB-RMA", "carrier_title": "Delhivery"}]
    synced(life)
    assert life.found("AWB-RMA") == [row["id"]]
    rma["status"] = "closed"
    synced(life)
    assert life.get(row["id"]).state == "cancelled"


def test_a_magento_without_rma_is_no_trouble_and_the_window_is_covered(life: Returns) -> None:
    assert synced(life).note == "this Magento has no RMA"
    assert life.oms.rows("select workflow from window_ledger") == [{"workflow": "return_sync"}]


def test_a_dry_run_only_counts(life: Returns) -> None:
    life.store.refund_in_admin(life.shipped("KURTA"), {10: 1})
    summary = synced(life, dry_run=True)
    assert (summary.credit_memos, life.oms.count("credit_memo"), life.oms.count("window_ledger")) == (1, 0, 0)


def test_an_rto_that_was_scanned_before_anybody_listened_gets_its_return(life: Returns) -> None:
    parcel = life.parcel_of(life.shipped("KURTA"))
    life.scan(parcel["booking"], *ON_ITS_WAY, S.RTO_IN_TRANSIT)
    life.oms.run("delete from return_item")
    life.oms.run("delete from return_order")
    assert synced(life).rto_mended == 1
    [row] = placed(life)
    assert (row["kind"], row["state"]) == ("return_to_origin", "in_transit")


def test_a_return_that_a_scan_ended_is_credited_by_the_next_run(life: Returns) -> None:
    entity_id = life.shipped("KURTA", quantity=2)
    from magento_oms.workflows.returns.tracking import Brought

    one = life.give_back(entity_id, life.asked("R1", "U1", "U2", brought=Brought(book_pickup=True)))
    life.push_all()
    life.take_in(one.return_id, Verdict("U1", passed=True))
    life.scan(life.parcel_of(entity_id, "reverse")["booking"], S.RETURN_CANCELLED)
    assert life.get(one.return_id).state == "processed"
    assert life.oms.count("credit_note") == 0
    assert synced(life).settled == 1
    assert life.oms.count("credit_note") == 1
    assert synced(life).settled == 0
