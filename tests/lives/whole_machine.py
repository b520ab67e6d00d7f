"""Whole lives of orders: at every point of the way somebody cancels, edits, refunds, or sends something back."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar, cast

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from tests.lives.machine import HAPPENINGS, ForwardLife, numbers
from tests.lives.whole_judge import WholeJudge
from tests.lives.whole_scene import WholeScene

from magento_oms.domain.returns import QC_REASONS, ReturnKind
from magento_oms.workflows.returns.place import AskedReturn, AskedUnit
from magento_oms.workflows.returns.receive import Verdict
from magento_oms.workflows.returns.tracking import Brought

WEIGHTS = {
    "next_thing_is_done": 25,
    "customer_cancels_the_order": 1,
    "order_is_edited": 1,
    "admin_refunds": 3,
    "cancellations_are_pulled": 1,
    "seller_cancels_any_order": 1,
    "seller_cancels_units": 2,
    "parcels_move_on": 8,
    "return_is_placed": 6,
    "return_is_placed_again": 1,
    "return_is_received": 6,
    "return_is_called_off": 2,
    "returns_are_synced": 2,
    "person_decides_an_exchange": 1,
}
"""What happens how often, beside what happens in any life."""
WHOLE_HAPPENINGS = (*HAPPENINGS, *(name for name, weight in WEIGHTS.items() for _ in range(weight)))
JOURNEYS = {
    "delivered": 4, "refused_then_rto": 2, "three_failed_then_rto": 1, "lost": 1, "pickup_failed": 1,
    "reverse_delivered": 4, "reverse_qc_failed": 1, "reverse_cancelled": 1, "reverse_lost": 1,
}  # fmt: skip
"""Ways that parcels go, in shares."""
KINDS = (ReturnKind.CUSTOMER_RETURN, ReturnKind.CUSTOMER_RETURN, ReturnKind.SELF_SHIP, ReturnKind.RETURN_TO_ORIGIN)
SHIPPED = (
    "select id from sales_order o where exists (select from order_line l where l.order_id = o.id and l.shipped > 0)"
)


class WholeLife(ForwardLife):
    """See the module."""

    scene_type = WholeScene
    judge_type = WholeJudge
    journeys: ClassVar[dict[str, int]] = JOURNEYS
    scene: WholeScene
    judge: WholeJudge

    @initialize(
        vendors=st.integers(0, 1_000).filter(bool),
        policy=st.sampled_from(("complete", "many_partial", "many_partial")),
        credit_memo=st.sampled_from(("all", "customer_returns", "never")),
        orders=st.lists(numbers, min_size=2, max_size=4),
    )
    def begins(self, vendors: int, policy: str, credit_memo: str, orders: list[int]) -> None:
        self.ids: list[int] = []
        self.die_after: int | None = None
        rules = {"routing": {"policy": policy}, "returns": {"credit_memo": credit_memo}}
        self.scene = cast(WholeScene, type(self).new_scene(vendors, **rules))
        self.judge = WholeJudge(self.scene)
        for number in orders:
            self.order_is_placed(number, number // 7)

    @rule(what=st.sampled_from(WHOLE_HAPPENINGS), which=numbers, more=numbers)
    def happens(self, what: str, which: int, more: int) -> None:
        """One step, and what must hold after it."""
        self.step(what, which, more)

    def finish(self) -> None:
        """Count what came of it."""
        [row] = self.scene.oms.rows(
            "select (select count(*) from return_order where state = 'processed') as returns,"
            " (select count(*) from return_order where kind = 'return_to_origin') as brought_back,"
            " (select count(*) from cancellation) as cancellations,"
            " (select count(*) from cancellation where units = '{}') as too_late,"
            " (select count(*) from credit_note) as credit_notes,"
            " (select count(*) from fulfilment where state = 'handed_over') as handed_over,"
            " (select count(*) from return_exchange) as exchanges,"
            " (select count(*) from credit_memo where ours) as refunds"
        )
        self.counted.update(row)

    # Cancelling ---------------------------------------------------------------------------------------------------

    def customer_cancels_the_order(self, which: int, more: int) -> None:
        with self.trouble("customer cancels"):
            self.scene.outside.by_hand(self.one(self.ids, which), "cancel")

    def order_is_edited(self, which: int, more: int) -> None:
        """In the admin: it is cancelled, and another one takes its place."""
        with self.trouble("edited"):
            if len(self.ids) < 6 and (successor := self.scene.outside.edit(self.one(self.ids, which))):
                self.ids.append(successor)

    def admin_refunds(self, which: int, more: int) -> None:
        """A unit, or all that is invoiced, by an offline credit memo."""
        with self.trouble("admin refunds"):
            self.scene.outside.refund(self.one(self.ids, which), None if more % 4 == 0 else more)

    def cancellations_are_pulled(self, which: int, more: int) -> None:
        with self.trouble("pull cancellations"):
            self.scene.pull_cancellations()

    def seller_cancels_any_order(self, which: int, more: int) -> None:
        with self.trouble("seller cancels"):
            if found := self.scene.oms.rows("select id from sales_order order by id"):
                self.scene.seller_cancels(self.one(found, which)["id"])

    def seller_cancels_units(self, which: int, more: int) -> None:
        """One more unit of a line, also where none is left; all of a bundle, or a part of it, which Magento cannot."""
        with self.trouble("seller cancels units"):
            lines = self.scene.oms.rows(
                "select order_id, item_id, act_on_item_id, parent_item_id, cancelled, ordered from order_line"
                " where kind = 'physical' order by order_id, item_id"
            )
            if not lines:
                return
            chosen = self.one(lines, which)
            bundle = chosen["parent_item_id"]
            parts = [row for row in lines if row["parent_item_id"] == bundle] if bundle else [chosen]
            one_price = len({row["act_on_item_id"] for row in parts}) == 1
            a_unit = len(parts) == 1 or (one_price and more % 3 == 0)
            totals = {row["item_id"]: row["cancelled"] + 1 if a_unit else row["ordered"] for row in parts}
            self.scene.seller_cancels_units(chosen["order_id"], totals)

    # Parcels ------------------------------------------------------------------------------------------------------

    def parcels_travel(self, which: int, more: int) -> None:
        self.parcels_move_on(which, more)

    def parcels_move_on(self, which: int, more: int) -> None:
        """Some that the courier has, forward or back."""
        with self.trouble("travel"):
            if found := self.scene.oms.rows(
                "select b.account, b.reference from courier_booking b join parcel p on p.id = b.parcel_id"
                " left join fulfilment f on f.id = p.fulfilment_id"
                " where b.awb <> '' and b.given_up = '' and (p.direction = 'reverse' or f.state = 'handed_over')"
                " order by b.id"
            ):
                chosen = self.one(found, which)
                self.scene.outside.move_on(chosen["account"], chosen["reference"], 1 + more % 6)
        if more % 3 == 0:
            self.tracking_is_polled(which, more)

    # Returns ------------------------------------------------------------------------------------------------------

    def return_is_placed(self, which: int, more: int) -> None:
        """Of some units of a shipped order, perhaps of too many; perhaps another order replaces it."""
        with self.trouble("return placed"):
            shipped = self.scene.oms.rows(f"{SHIPPED} order by id")
            if not shipped:
                return
            order_id = self.one(shipped, which)["id"]
            lines = self.scene.oms.rows(
                "select item_id, ordered from order_line where order_id = :id and kind = 'physical' order by item_id",
                id=order_id,
            )
            units = [row["item_id"] for row in lines for _ in range(int(row["ordered"]))]
            chosen = [unit for number, unit in enumerate(units) if (more >> number % 16) & 1] or units[:1]
            kind = KINDS[which // 5 % len(KINDS)]
            brought = Brought()
            if kind is ReturnKind.CUSTOMER_RETURN:
                brought = Brought(book_pickup=True) if which % 4 else Brought(awb=f"C{which}", courier="Delhivery")
            replaces = self.scene.oms.rows(
                "select increment_id from sales_order where id <> :id and state in ('open', 'held', 'acknowledged')"
                " order by id",
                id=order_id,
            )
            exchange = self.one(replaces, more)["increment_id"] if replaces and which % 7 == 0 else ""
            asked = AskedReturn(
                f"R{len(self.scene.asked) + 1}", kind,
                tuple(AskedUnit(f"U{number}", item, reason="too large") for number, item in enumerate(chosen)),
                brought=brought, quality_check=bool(which % 2), replacement=exchange, hold_replacement=bool(more % 3),
            )  # fmt: skip
            self.scene.give_back(order_id, asked)

    def return_is_placed_again(self, which: int, more: int) -> None:
        """The same again answers the same; under the same code with another body it is refused."""
        with self.trouble("return placed again"):
            if not self.scene.asked:
                return
            order_id, asked = self.one(list(self.scene.asked.values()), which)
            placed = self.scene.give_back(order_id, asked)
            assert placed.again, asked

    def return_is_received(self, which: int, more: int) -> None:
        """One unit, or all, of a return that has come or not."""
        with self.trouble("return received"):
            if chosen := self.some_units(which):
                return_id, codes = chosen
                verdicts = (None, True, True, False)
                self.scene.take_in(
                    return_id,
                    [
                        Verdict(code, passed, "" if passed is not False else QC_REASONS[(more + number) % 3])
                        for number, code in enumerate(codes[: 1 + more % len(codes)])
                        for passed in (verdicts[(more // 5 + number) % 4],)
                    ],
                )

    def return_is_called_off(self, which: int, more: int) -> None:
        with self.trouble("return called off"):
            if chosen := self.some_units(which):
                self.scene.call_off(chosen[0], None if more % 2 else chosen[1][:1])

    def returns_are_synced(self, which: int, more: int) -> None:
        with self.trouble("return sync"):
            self.scene.sync_returns()

    def person_decides_an_exchange(self, which: int, more: int) -> None:
        with self.trouble("exchange decided"):
            if waits := self.scene.oms.rows(
                "select return_id from return_exchange where outcome = 'person_decides' order by return_id"
            ):
                self.scene.decide_exchange(self.one(waits, which)["return_id"], release=bool(more % 2))

    def some_units(self, which: int) -> tuple[int, list[str]] | None:
        """A return with the codes of its units, those first that are expected."""
        rows = self.scene.oms.rows(
            "select r.id, i.item_code from return_order r join return_item i on i.return_id = r.id"
            " order by r.id, i.state <> 'expected', i.id"
        )
        if not rows:
            return None
        return_id = self.one(sorted({row["id"] for row in rows}), which)
        return return_id, [row["item_code"] for row in rows if row["id"] == return_id]

    # Progress -----------------------------------------------------------------------------------------------------

    def next_thing_is_done(self, which: int, more: int) -> None:
        """Once orders are on their way, what comes back is next as often as what goes out."""
        states = Counter(row["state"] for row in self.scene.oms.rows("select state from fulfilment"))
        if states["handed_over"] and which % 2:
            moves = (self.parcels_move_on, self.return_is_received, self.return_is_placed)
            moves[which // 2 % 3](which // 6, more)
        else:
            super().next_thing_is_done(which // 2, more)
