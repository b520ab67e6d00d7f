"""What must hold of the lives of orders, judged by the other side's ledgers; statuses are the OMS's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

from tests.lives.ledgers import CourierParcel, StoreOrder
from tests.lives.scene import LOCATIONS, Scene

from magento_oms.domain.fulfilments import FulfilmentState
from magento_oms.domain.parcel_states import ENDS
from magento_oms.ports import OutsideError, ParcelStatus
from magento_oms.workflows.turns import AnotherRunHasTheTurn
from magento_oms.workflows.warehouse.problems import WarehouseProblem

Row = dict[str, Any]
ZERO = Decimal(0)
ENDED = {"canceled", "closed", "complete"}
"""States of Magento's that are never left."""
FULFILMENT_RANK = {FulfilmentState.ROUTED: 0, FulfilmentState.PACKED: 1, FulfilmentState.READY: 1}
ORDER_RANK = {"shipped": 2, "returned": 3, "cancelled": 2, "packed": 1, "history": 9}
ROUNDS = 12
OPEN_TARGETS = "select distinct target from effect where state in ('due', 'sending', 'unknown') order by target"


class Judge:
    """Looks on. Raises AssertionError where a promise is broken."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._orders: dict[int, StoreOrder] = {}
        self._states: dict[tuple[str, int], str] = {}

    # After every step ---------------------------------------------------------------------------------------------

    def after_a_step(self) -> None:
        """Nothing was doubled, and nothing went back."""
        for entity_id in self._scene.outside.ledger.touched():
            order = self._scene.outside.ledger.order(entity_id)
            self._nothing_is_doubled(order)
            before = self._orders.get(entity_id)
            # All of a complete order may be refunded still.
            after = {order.state, "complete"} if order.state == "closed" else {order.state}
            assert before is None or before.state not in ENDED or before.state in after, (before, order)
            self._orders[entity_id] = order
        self._parcels_are_booked_once()
        self._states_go_forward()
        self._stock_is_reserved_for_what_is_open()
        self._numbers_have_no_gap()

    @staticmethod
    def _nothing_is_doubled(order: StoreOrder) -> None:
        for item, ordered in order.ordered.items():
            assert order.invoiced.get(item, ZERO) <= ordered, f"item {item} is invoiced twice: {order}"
            assert order.refunded.get(item, ZERO) <= order.invoiced.get(item, ZERO), (
                f"item {item} refunded twice: {order}"
            )
            gone = order.shipped.get(item, ZERO) + order.cancelled.get(item, ZERO)
            assert gone <= ordered, f"item {item}: shipped and cancelled are more than ordered: {order}"
        doubled = {name: times for name, times in {**order.ours, **order.tracks}.items() if times > 1}
        assert not doubled, f"said or made twice: {doubled} of {order}"

    def _parcels_are_booked_once(self) -> None:
        ledger = self._scene.outside.ledger
        assert ledger.repeated() == []
        parcels = ledger.parcels()
        live = Counter(each.parcel for each in parcels if each.awb and not each.cancelled)
        assert not [number for number, count in live.items() if count > 1], f"more than one live AWB: {parcels}"
        by_order: dict[str, Decimal] = {}
        for each in parcels:
            if each.awb and not each.cancelled:
                assert each.cod >= 0, each
                by_order[each.order] = by_order.get(each.order, ZERO) + each.cod
        numbers = {str(order.increment_id): order.entity_id for order in self._orders.values()}
        for increment_id, collected in by_order.items():
            due = self._scene.outside.due(numbers[increment_id])
            assert collected <= due, f"{collected} would be collected of order {increment_id}, {due} is due"

    def _states_go_forward(self) -> None:
        rows = self._scene.oms.rows(
            "select 'order' as what, id, state from sales_order union all"
            " select 'fulfilment', id, state from fulfilment union all"
            " select 'effect', id, state from effect where state in ('done', 'cancelled') union all"
            " select 'booking', id, status from courier_booking"
        )
        for row in rows:
            key, now = (row["what"], row["id"]), row["state"]
            before = self._states.get(key)
            self._states[key] = now
            if before is None or before == now:
                continue
            assert self._is_forward(row["what"], before, now), f"{row['what']} {row['id']} went from {before} to {now}"
        gone = {key for key in self._states if key[0] == "effect"} - {(row["what"], row["id"]) for row in rows}
        assert not gone, f"effects that were done or cancelled are not any more: {gone}"

    def _is_forward(self, what: str, before: str, now: str) -> bool:
        return _is_forward(what, before, now)

    def _stock_is_reserved_for_what_is_open(self) -> None:
        wrong = self._scene.oms.rows(
            "select s.location, s.sku, s.reserved, coalesce(open.units, 0) as units from stock s left join ("
            " select f.location, l.sku, sum(fl.quantity) as units from fulfilment_line fl"
            " join fulfilment f on f.id = fl.fulfilment_id"
            " join order_line l on l.order_id = fl.order_id and l.item_id = fl.item_id"
            " where f.state not in ('handed_over', 'cancelled') group by 1, 2"
            ") open using (location, sku) where s.reserved <> coalesce(open.units, 0)"
        )
        assert wrong == [], f"reserved stock is not what is to be shipped: {wrong}"

    def _numbers_have_no_gap(self) -> None:
        gaps = self._scene.oms.rows(
            "select seller, document_type, financial_year from invoice group by 1, 2, 3"
            " having count(distinct serial) <> max(serial) or count(*) <> max(serial)"
        )
        assert gaps == [], f"invoice numbers are skipped or shared: {gaps}"

    # At the end ---------------------------------------------------------------------------------------------------

    def comes_to_rest(self) -> None:
        """The trouble is over and everybody does their work: all sides agree, nothing is lost, nothing is doubled."""
        self._trouble_is_over()
        for round_ in range(ROUNDS):
            self._everybody_works(last=round_ == ROUNDS - 1)
            self.after_a_step()
            if round_ > 1 and self._is_at_rest():
                break
        self._couriers_deliver()
        self.after_a_step()
        self._agrees()

    def _trouble_is_over(self) -> None:
        """Outside all answer, nobody holds anything back, and the store lets every order go on."""
        scene = self._scene
        scene.outside.calm()
        for target in (*scene.targets, "routing", "*"):
            scene.hold(target, on=False)
        for entity_id in list(self._orders):
            scene.outside.by_hand(entity_id, "unhold")
            scene.outside.by_hand(entity_id, "pay")

    def _everybody_works(self, *, last: bool) -> None:
        scene, oms = self._scene, self._scene.oms
        scene.time_passes()
        for entity_id in self._orders:
            scene.pull("one", entity_id)
        skus = oms.rows("select distinct sku from order_line where kind = 'physical'")
        for location in LOCATIONS[:1]:
            scene.stock(location, {row["sku"]: Decimal(1000) for row in skus})
        scene.route()
        for row in oms.rows("select id from fulfilment where state = 'routed' order by id"):
            with suppress(WarehouseProblem):
                scene.pack(row["id"], 2)
        for _ in range(6):
            targets = [row["target"] for row in oms.rows(OPEN_TARGETS) if row["target"] in scene.targets]
            for target in targets:
                try:
                    scene.push(target)
                except (OutsideError, AnotherRunHasTheTurn):
                    if last:
                        raise
            oms.let_effects_fall_due()
            if not targets:
                break
        scene.retry_failed()
        for row in oms.rows("select id from fulfilment where state = 'ready' order by id"):
            with suppress(WarehouseProblem):
                scene.hand_over(row["id"], check=True)

    def _is_at_rest(self) -> bool:
        [row] = self._scene.oms.rows(
            "select (select count(*) from effect e join sales_order o on o.id = e.order_id"
            "  where e.state in ('planned', 'due', 'sending', 'unknown', 'failed')"
            "  and (o.state <> 'held' or e.even_if_stopped)) as effects,"
            " (select count(*) from fulfilment f join sales_order o on o.id = f.order_id"
            "  where f.state in ('routed', 'packed', 'ready') and o.state <> 'held') as fulfilments,"
            " (select count(*) from sales_order where state in ('open', 'allocated')) as orders"
        )
        return not any(row.values())

    def _couriers_deliver(self) -> None:
        scene = self._scene
        before = len(scene.outside.told())
        for code in scene.outside.accounts:
            scene.outside.travel(code, 12)
            scene.poll(code)
        # What polling has told already comes as webhooks, too: every third is enough.
        scene.hear(scene.outside.told()[before::3])
        for _ in range(3):
            scene.time_passes()
            for row in scene.oms.rows(OPEN_TARGETS):
                scene.push(row["target"])

    def _agrees(self) -> None:
        scene = self._scene
        assert self._is_at_rest(), self._restless()
        parcels = scene.outside.ledger.parcels()
        for entity_id in self._orders:
            order = scene.outside.ledger.order(entity_id)
            if entity_id not in scene.oms.states():
                # Cancelled before it was read for the first time, or never paid.
                assert order.state in ("canceled", "pending_payment"), order
                assert not order.ours, order
                continue
            stored = scene.oms.order(entity_id)
            live = [each for each in parcels if each.order == order.increment_id and each.awb and not each.cancelled]
            self._order_agrees(order, stored, live)
        assert scene.oms.quarantined() == {}, scene.oms.rows(
            "select subject, code, reason from quarantine where resolved_at is null"
        )
        self._parcels_agree(parcels)

    def _order_agrees(self, order: StoreOrder, stored: Row, live: list[CourierParcel]) -> None:
        oms = self._scene.oms
        handed_over = oms.rows(
            "select f.id from fulfilment f where f.order_id = :id and f.state = 'handed_over'", id=stored["id"]
        )
        shipped = {
            f"[oms-shipment-loom-{row['id']}]": row["id"] for row in handed_over if order.state != "nothing shipped"
        }
        assert {name for name in order.ours if name.startswith("[oms-shipment")} == set(shipped), (order, stored)
        tracks = {each.awb for each in live}
        assert set(order.tracks) == tracks, (order, live)
        if order.state == "canceled":
            assert stored["state"] == "cancelled", (order, stored)
            assert not live, (order, live)
            return
        if all(row["kind"] == "virtual" for row in self._lines(stored)):
            assert stored["state"] in ("acknowledged", "shipped"), (order, stored)
            return
        assert order.state == "complete", (order, stored)
        assert stored["state"] == "shipped", (order, stored)
        for item, ordered in order.ordered.items():
            cancelled = order.cancelled.get(item, ZERO)
            if item in order.invoiced:
                assert order.invoiced[item] == ordered - cancelled, (item, order)
        if any(order.cancelled.values()):
            return
        # The module that gives store credit may take it off Magento's invoices, or not.
        assert order.invoices_total in (order.grand_total, order.grand_total + order.store_credit), order
        assert sum((each.cod for each in live), ZERO) == self._scene.outside.due(order.entity_id), (order, live)
        [row] = oms.rows(
            "select sum(total) as total, sum((content ->> 'to_pay')::numeric) as to_pay,"
            " sum((content ->> 'store_credit')::numeric) as credit from invoice where order_id = :id",
            id=stored["id"],
        )
        assert row["to_pay"] == order.grand_total, (row, order)
        assert row["total"] - row["credit"] == order.grand_total, (row, order)

    def _parcels_agree(self, parcels: list[CourierParcel]) -> None:
        bookings = {
            row["reference"]: row
            for row in self._scene.oms.rows("select reference, awb, status, given_up from courier_booking")
        }
        for each in parcels:
            ours = bookings[each.reference]
            if each.cancelled:
                assert ours["given_up"], (each, ours)
            elif each.awb:
                assert (ours["awb"], ours["given_up"]) == (each.awb, ""), (each, ours)
                assert ours["status"] == "delivered", (each, ours)

    def _lines(self, stored: Row) -> list[Row]:
        return self._scene.oms.rows("select * from order_line where order_id = :id", id=stored["id"])

    def _restless(self) -> Mapping[str, list[Row]]:
        oms = self._scene.oms
        return {
            "effects": oms.rows(
                "select e.id, e.target, e.kind, e.subject, e.state, e.last_error, o.state as order_state,"
                " o.entity_id from effect e left join sales_order o on o.id = e.order_id"
                " where e.state not in ('done', 'cancelled') order by e.id"
            ),
            "fulfilments": oms.rows(
                "select f.id, f.state, o.entity_id, o.state as order_state from fulfilment f"
                " join sales_order o on o.id = f.order_id where f.state in ('routed', 'packed', 'ready')"
            ),
            "orders": oms.rows("select entity_id, state, magento_state, route_at from sales_order order by id"),
            "waiting": oms.rows("select * from unfilled_line"),
            "quarantine": oms.rows("select subject, code, reason from quarantine where resolved_at is null"),
        }


def _is_forward(what: str, before: str, now: str) -> bool:
    match what:
        case "order":
            return ORDER_RANK.get(now, 0) >= ORDER_RANK.get(before, 0) or (before == "packed" and now == "held")
        case "fulfilment":
            old, new = (FULFILMENT_RANK.get(FulfilmentState(each), 2) for each in (before, now))
            return new > old or old == new == 1
        case "booking":
            return ParcelStatus(before) not in ENDS or ParcelStatus(before) is ParcelStatus.CANCELLED
        case _:
            return False
