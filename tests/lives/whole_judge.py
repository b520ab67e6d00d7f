"""What must hold of whole lives: units, stock, papers and money, wherever an order was cancelled or came back."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

from tests.lives.judge import ENDED, OPEN_TARGETS, ROUNDS, Judge
from tests.lives.ledgers import CourierParcel, StoreOrder
from tests.lives.whole_scene import WholeScene

from magento_oms.ports import OutsideError
from magento_oms.storage.too_late import TOO_LATE
from magento_oms.workflows.cancelling.call_off import SHIPPED_ON_PAPER
from magento_oms.workflows.cancelling.seller import CANCEL_ORDER, CANCEL_UNITS
from magento_oms.workflows.cancelling.too_late import EXPECTED_RTO
from magento_oms.workflows.couriers.outcomes import SHIPPED_ALL_THE_SAME
from magento_oms.workflows.fulfilling.credit_memo import PAY_BACK
from magento_oms.workflows.fulfilling.effects import CREATE_SHIPMENT
from magento_oms.workflows.returns.receive import Verdict
from magento_oms.workflows.returns.refund import CREATE_CREDIT_MEMO
from magento_oms.workflows.turns import AnotherRunHasTheTurn
from magento_oms.workflows.warehouse.problems import WarehouseProblem

Row = dict[str, Any]
ZERO = Decimal(0)
BY_A_PERSON = (CREATE_CREDIT_MEMO, CANCEL_ORDER, CANCEL_UNITS, CREATE_SHIPMENT)
"""Effects that Magento's API may refuse, for a person to do in the admin."""
TOLD = {EXPECTED_RTO, TOO_LATE, PAY_BACK, SHIPPED_ALL_THE_SAME, SHIPPED_ON_PAPER}
"""What a person may be told of at the end."""
LEFT_WAREHOUSE = {"delivered", "rto_delivered", "lost"}
"""Where a parcel ends."""


class WholeJudge(Judge):
    """Looks on at whole lives."""

    _scene: WholeScene

    def __init__(self, scene: WholeScene) -> None:
        super().__init__(scene)
        self._shelf: dict[tuple[str, str], Row] = {}
        self._left_when_cancelled: dict[int, set[int]] = {}

    # After every step ---------------------------------------------------------------------------------------------

    def after_a_step(self) -> None:
        """As of any life, and of what comes back."""
        super().after_a_step()
        self._units_are_where_they_are_said_to_be()
        self._stock_is_what_left_and_came_back()
        self._credit_notes_fit()
        self._cancelled_orders_stay()

    def _is_forward(self, what: str, before: str, now: str) -> bool:
        # A box is opened where units of it are cancelled, and the rest is packed anew.
        opened = (what, before) == ("order", "packed") and now in ("allocated", "acknowledged")
        return opened or super()._is_forward(what, before, now)

    def _units_are_where_they_are_said_to_be(self) -> None:
        wrong = self._scene.oms.rows(
            "select l.*, coalesce(u.claimed, 0) as claimed, coalesce(u.back, 0) as back, coalesce(f.shipped, 0) as gone"
            " from order_line l left join (select order_id, item_id,"
            "  count(*) filter (where state in ('expected', 'received', 'passed', 'failed')) as claimed,"
            "  count(*) filter (where state in ('received', 'passed', 'failed')) as back"
            "  from return_item group by 1, 2) u using (order_id, item_id)"
            " left join (select order_id, item_id, sum(shipped) as shipped from fulfilment_line group by 1, 2) f"
            "  using (order_id, item_id)"
            " where coalesce(u.claimed, 0) > l.shipped or l.returned <> coalesce(u.back, 0)"
            " or l.shipped + l.cancelled > l.ordered or l.kind = 'physical' and l.shipped <> coalesce(f.shipped, 0)"
        )
        assert wrong == [], f"units are in two places, or in none: {wrong}"

    def _stock_is_what_left_and_came_back(self) -> None:
        rows = self._scene.oms.rows(
            "select s.location, s.sku, s.quantity,"
            " coalesce((select sum(fl.shipped) from fulfilment_line fl join fulfilment f on f.id = fl.fulfilment_id"
            "  join order_line l on l.order_id = fl.order_id and l.item_id = fl.item_id"
            "  where f.location = s.location and l.sku = s.sku), 0) as shipped,"
            " (select count(*) from return_item i join return_order r on r.id = i.return_id"
            "  join order_line l on l.order_id = i.order_id and l.item_id = i.item_id"
            "  where r.location = s.location and l.sku = s.sku and i.state = 'passed') as passed from stock s"
        )
        told, self._scene.told = self._scene.told, False
        for row in rows:
            key = (row["location"], row["sku"])
            was = self._shelf.get(key)
            self._shelf[key] = row
            if told or was is None:
                continue
            left, back = row["shipped"] - was["shipped"], row["passed"] - was["passed"]
            assert row["quantity"] == max(was["quantity"] - left, ZERO) + back, (was, row)

    def _credit_notes_fit(self) -> None:
        wrong = self._scene.oms.rows(
            "select * from (select i.id, i.total, sum(n.total) as credited,"
            "  (select coalesce(sum((g ->> 'quantity')::numeric), 0) from jsonb_array_elements(i.content -> 'goods') g)"
            "   as sold, sum((select coalesce(sum((g ->> 'quantity')::numeric), 0)"
            "   from jsonb_array_elements(n.content -> 'goods') g)) as back,"
            "  bool_or(jsonb_array_length(n.content -> 'charges') > 0)"
            "   or jsonb_array_length(i.content -> 'charges') = 0 as charges"
            " from invoice i join credit_note n on n.invoice_id = i.id group by i.id) x"
            " where credited > total or back > sold or (back = sold and charges and credited <> total)"
        )
        assert wrong == [], f"credit notes do not add up to their invoices: {wrong}"
        gaps = self._scene.oms.rows(
            "select seller, financial_year from credit_note group by 1, 2"
            " having count(distinct serial) <> max(serial) or count(*) <> max(serial)"
        )
        assert gaps == [], f"credit note numbers are skipped or shared: {gaps}"

    def _cancelled_orders_stay(self) -> None:
        """What was stopped before it left never leaves."""
        for row in self._scene.oms.rows(
            "select o.id, o.entity_id, array_agg(f.id) filter (where f.state = 'handed_over') as gone,"
            " count(*) filter (where f.state in ('routed', 'packed', 'ready')) as open"
            " from sales_order o join fulfilment f on f.order_id = o.id where o.state = 'cancelled' group by o.id"
        ):
            assert not row["open"], f"a cancelled order is still to be shipped: {row}"
            gone = set(row["gone"] or ())
            before = self._left_when_cancelled.setdefault(row["id"], gone)
            assert gone == before, f"a cancelled order was shipped: {row}"

    # At the end ---------------------------------------------------------------------------------------------------

    def comes_to_rest(self) -> None:
        """Everybody does their work until all that goes has arrived and all that comes back is judged."""
        self._trouble_is_over()
        for round_ in range(ROUNDS):
            self._everybody_works(last=round_ == ROUNDS - 1)
            self._couriers_and_people_work(round_)
            self.after_a_step()
            if round_ > 2 and self._is_at_rest():
                break
        self._agrees()

    def _couriers_and_people_work(self, round_: int) -> None:
        scene, oms = self._scene, self._scene.oms
        scene.pull_cancellations()
        self._parcels_arrive()
        for row in oms.rows(
            "select i.item_code, r.id from return_item i join return_order r on r.id = i.return_id"
            " where i.state in ('expected', 'received') and r.state <> 'lost' order by r.id, i.id"
        ):
            passed = row["id"] % 3 != 0
            with suppress(WarehouseProblem):
                scene.take_in(row["id"], [Verdict(row["item_code"], passed, "" if passed else "STAIN_DAMAGE")])
        scene.sync_returns()
        for row in oms.rows("select return_id from return_exchange where outcome = 'person_decides'"):
            with suppress(WarehouseProblem):
                scene.decide_exchange(row["return_id"], release=True)
        self._push_all()
        if round_ > 2:
            scene.dismiss_refused(BY_A_PERSON)

    def _parcels_arrive(self) -> None:
        """What a courier has goes its way to the end; reverse pickups too."""
        scene = self._scene
        rows = scene.oms.rows(
            "select b.account, b.reference from courier_booking b join parcel p on p.id = b.parcel_id"
            " left join fulfilment f on f.id = p.fulfilment_id"
            " where b.awb <> '' and b.given_up = '' and (p.direction = 'reverse' or f.state = 'handed_over')"
            " order by b.id"
        )
        for row in rows:
            scene.outside.move_on(row["account"], row["reference"], 20)
        for account in sorted({row["account"] for row in rows}):
            scene.poll(account)

    def _push_all(self) -> None:
        scene = self._scene
        for _ in range(4):
            for row in scene.oms.rows(OPEN_TARGETS):
                with suppress(OutsideError, AnotherRunHasTheTurn):
                    scene.push(row["target"])
            scene.oms.let_effects_fall_due()

    def _is_at_rest(self) -> bool:
        [row] = self._scene.oms.rows(
            "select (select count(*) from return_order where state not in ('processed', 'cancelled', 'lost')) as some,"
            " (select count(*) from return_exchange where outcome = '' and order_id is not null) as exchanges"
        )
        return super()._is_at_rest() and not any(row.values())

    def _agrees(self) -> None:
        scene = self._scene
        assert self._is_at_rest(), self._restless()
        parcels = scene.outside.ledger.parcels()
        for entity_id in self._orders:
            order = scene.outside.ledger.order(entity_id)
            if entity_id not in scene.oms.states():
                assert order.state in ("canceled", "pending_payment"), order
                continue
            self._whole_order_agrees(order, scene.oms.order(entity_id), parcels)
        codes = {row["code"] for row in scene.oms.rows("select code from quarantine where resolved_at is null")}
        assert codes <= TOLD, scene.oms.rows("select subject, code, reason from quarantine where resolved_at is null")
        self._returns_agree(parcels)

    def _whole_order_agrees(self, order: StoreOrder, stored: Row, parcels: list[CourierParcel]) -> None:
        oms = self._scene.oms
        fulfilments = oms.rows("select id, state from fulfilment where order_id = :id", id=stored["id"])
        gone = {row["id"] for row in fulfilments if row["state"] == "handed_over"}
        references = {
            row["reference"]: row["fulfilment_id"]
            for row in oms.rows(
                "select b.reference, p.fulfilment_id from courier_booking b join parcel p on p.id = b.parcel_id"
                " where p.direction = 'forward' and p.order_id = :id",
                id=stored["id"],
            )
        }
        live = [each for each in parcels if each.reference in references and each.awb and not each.cancelled]
        assert {references[each.reference] for each in live} == gone, (order, stored, fulfilments, live)
        assert all(each.state in LEFT_WAREHOUSE for each in live), live
        for line in self._lines(stored):
            if line["kind"] == "physical" and stored["state"] != "held":
                assert line["shipped"] + line["cancelled"] == line["ordered"], (line, order, stored)
        if order.state in ("canceled", "closed"):
            assert stored["state"] in ("cancelled", "shipped", "returned"), (order, stored)
            assert bool(gone) == (stored["state"] != "cancelled") or stored["state"] == "shipped", (order, stored)
        elif stored["state"] != "held":
            self._shipped_agrees(order, stored, gone)

    def _shipped_agrees(self, order: StoreOrder, stored: Row, gone: set[int]) -> None:
        """Of an order that goes on there: what left is on its shipments, what was cancelled here is cancelled there."""
        ours = {name for name in order.ours if name.startswith("[oms-shipment")}
        wanted = {f"[oms-shipment-loom-{number}]" for number in gone}
        assert ours <= wanted, (order, stored)
        if ours < wanted:
            # The admin refunded units when they had left, before their shipment was made: Magento ships them no more.
            assert order.documents["credit memos by others"], (order, stored)
        assert order.state in (ENDED | {"processing", "new"}), order
        for line in self._lines(stored):
            item = line["act_on_item_id"]
            if line["kind"] == "physical" and line["item_id"] == item:
                there = order.cancelled.get(item, ZERO) + order.refunded.get(item, ZERO)
                assert there >= line["cancelled"], (line, order)

    def _returns_agree(self, parcels: list[CourierParcel]) -> None:
        """What couriers brought back is in returns, unit by unit, and what passed is refunded if the store asks so."""
        oms = self._scene.oms
        back = {each.reference for each in parcels if each.state == "rto_delivered" and not each.cancelled}
        for row in oms.rows(
            "select b.reference, r.state, (select sum(l.shipped - (select count(*) from return_item i"
            "  where i.order_id = l.order_id and i.item_id = l.item_id and i.state not in ('cancelled', 'missing')))"
            "  from fulfilment_line fl join order_line l on l.order_id = fl.order_id and l.item_id = fl.item_id"
            "  where fl.fulfilment_id = p.fulfilment_id and l.sku in"
            "   (select e ->> 'sku' from jsonb_array_elements(p.contents -> 'items') e)) as nobodys"
            " from courier_booking b join parcel p on p.id = b.parcel_id left join return_order r on r.parcel_id = p.id"
            " where b.reference = any(:back)",
            back=sorted(back),
        ):
            back.discard(row["reference"])
            # Where returns have all of its units already, it is one of those that came.
            assert row["state"] in ("processed", "cancelled") or not row["nobodys"], row
        assert not back, f"parcels came back that the OMS does not know: {back}"
        asked = oms.rows(
            "select i.*, e.state as effect from return_item i join return_order r on r.id = i.return_id"
            " left join effect e on e.kind = 'create_credit_memo' and e.state <> 'cancelled'"
            " and e.subject like 'return:' || r.id || ':%'"
            " where i.refund = 'asked'"
        )
        assert [row for row in asked if row["effect"] is not None] == [], asked
        uncredited = oms.rows(
            "select i.* from return_item i join return_order r on r.id = i.return_id"
            " where i.state = 'passed' and r.state = 'processed' and i.credit_note_id is null"
        )
        assert uncredited == [], uncredited

    def _restless(self) -> Mapping[str, list[Row]]:
        found = dict(super()._restless())
        found["returns"] = self._scene.oms.rows("select * from return_order where state <> 'processed'")
        found["exchanges"] = self._scene.oms.rows("select * from return_exchange where outcome = ''")
        return found
