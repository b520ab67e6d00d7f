"""The effect that refunds on Magento what has passed its check, by an offline credit memo: it moves no money.

Only where the store asks for it, and never twice: our own credit memo is known by its reference, and what somebody
refunded in Magento's admin is taken off.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection

from magento_oms.domain.intake import PlannedEffect
from magento_oms.domain.returns import ReturnKind, UnitState
from magento_oms.ports import Json, MagentoOrderActions, PermanentError
from magento_oms.storage import credit_memos, effects, orders, returns
from magento_oms.storage.database import text
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.storage.fulfilments import CarriedLine
from magento_oms.workflows.effect_kinds import NotNow, Result
from magento_oms.workflows.fulfilling.effects import CREATE_SHIPMENT
from magento_oms.workflows.fulfilling.items import acted_on

CREATE_CREDIT_MEMO = "create_credit_memo"
ASKED = "asked"
BY_SOMEBODY = "magento"
"""What is noted of units that somebody refunded on Magento."""
ZERO = Decimal(0)


def plan(connection: Connection, return_id: int) -> None:
    """Plan a credit memo for the units that have passed and have none yet, if the store wants that."""
    row = connection.execute(
        text(
            "select r.kind, o.id, o.instance, o.entity_id, o.shadow, s.returns ->> 'credit_memo' as wanted,"
            " s.returns -> 'refund_shipping' as shipping from return_order r join sales_order o on o.id = r.order_id"
            " left join store s on s.instance = o.instance and s.store_id = o.store_id where r.id = :id"
        ),
        {"id": return_id},
    ).one()
    if row.wanted not in ("all", "customer_returns"):
        return
    if row.wanted == "customer_returns" and row.kind == ReturnKind.RETURN_TO_ORIGIN:
        return
    units = [
        unit.id
        for unit in returns.units(connection, [return_id])[return_id]
        if unit.state is UnitState.PASSED and not unit.refund
    ]
    if not units:
        return
    returns.note_refund(connection, units, ASKED)
    effect = PlannedEffect(
        f"magento:{row.instance}",
        CREATE_CREDIT_MEMO,
        f"return:{return_id}:{units[0]}",
        lane=f"magento:{row.instance}:order:{row.entity_id}",
        withheld=row.shadow,
        even_if_stopped=True,
        details={"return": return_id, "units": units, "shipping": bool(row.shipping)},
    )
    effects.plan(connection, effect, row.id)


@dataclass(frozen=True, slots=True)
class Refund:
    """Units to be refunded.

    Attributes:
        reference: in the credit memo's comment, so that it is found again.
        lines: with the units to be refunded as their quantity.
        bound: item id → units that may be refunded in all: what came back and passed, and what was never shipped.
        store_credit: rupees of the order that were paid by it.
        shipping: whether the shipping is refunded with it.
    """

    order_id: int
    return_id: int
    units: tuple[int, ...]
    entity_id: int
    increment_id: str
    reference: str
    lines: tuple[CarriedLine, ...]
    bound: dict[int, Decimal]
    store_credit: Decimal
    shipping: bool


class CreateCreditMemo:
    """See the module."""

    name = CREATE_CREDIT_MEMO

    def read(self, connection: Connection, effect: ClaimedEffect) -> Refund:
        """What `send` and `find` need to know.

        Raises:
            NotNow: what is refunded before its shipment is made can never be shipped on Magento.
        """
        if effect.action == "send" and _is_to_be_shipped(connection, effect.order_id):
            raise NotNow("The order's shipment is not on Magento yet.", "It is refunded right after.", retry_in=30.0)
        return_id, units = int(effect.details["return"]), tuple(effect.details["units"])
        order = connection.execute(
            text(
                "select o.id, o.entity_id, o.increment_id, o.store_credit from sales_order o"
                " join return_order r on r.order_id = o.id where r.id = :id"
            ),
            {"id": return_id},
        ).one()
        listed = returns.units(connection, [return_id])[return_id]
        wanted = Counter(unit.item_id for unit in listed if unit.id in units)
        lines, bound, whole = _lines(connection, order.id, wanted)
        return Refund(
            order.id,
            return_id,
            units,
            order.entity_id,
            order.increment_id,
            f"[oms-return-{return_id}-{min(units)}]",
            tuple(lines),
            bound,
            order.store_credit,
            bool(effect.details.get("shipping")) and whole,
        )

    def send(self, magento: MagentoOrderActions, subject: Refund) -> Result:
        """Refund it, as far as nobody did.

        Raises:
            PermanentError: part of the order was paid by store credit, or Magento refuses.
        """
        order = magento.order(subject.entity_id)
        items = _left(order, subject)
        if not items:
            return Result("refunded on Magento already", facts={"memo": BY_SOMEBODY})
        if subject.store_credit > 0:
            raise PermanentError(
                f"Rs {subject.store_credit} of order {subject.increment_id} were paid by store credit, which Magento's"
                " API cannot give back.",
                way_out="Make the credit memo in Magento's admin (Refund to Store Credit), then dismiss this.",
            )
        made = magento.refund(
            subject.entity_id,
            items=items,
            comment=f"Returned and checked {subject.reference}",
            shipping=None if subject.shipping else ZERO,
        )
        return Result(f"credit memo {made}", facts={"memo": made})

    def find(self, magento: MagentoOrderActions, subject: Refund) -> Result | None:
        """Look for a credit memo with our comment."""
        for memo in magento.credit_memos_of(subject.entity_id):
            if credit_memos.reference_in(memo, subject.reference):
                return Result(
                    f"found on Magento as credit memo {memo['entity_id']}", facts={"memo": str(memo["entity_id"])}
                )
        return None

    def settle(self, connection: Connection, subject: Refund, result: Result) -> None:
        """Note which units it refunds."""
        returns.note_refund(connection, subject.units, result.facts.get("memo", BY_SOMEBODY), only=ASKED)
        details = {"return": subject.return_id, "units": len(subject.units), "how": result.outcome}
        orders.add_event(connection, subject.order_id, "refunded", details)


def _is_to_be_shipped(connection: Connection, order_id: int | None) -> bool:
    """Whether a shipment of the order is still to be made on Magento; one that was refused waits for a person."""
    return (
        connection.execute(
            text(
                "select 1 from effect where order_id = :id and kind = :kind"
                " and state in ('planned', 'due', 'sending', 'unknown') limit 1"
            ),
            {"id": order_id, "kind": CREATE_SHIPMENT},
        ).scalar()
        is not None
    )


def _lines(
    connection: Connection, order_id: int, wanted: Counter[int]
) -> tuple[list[CarriedLine], dict[int, Decimal], bool]:
    """The lines of the units, what may be refunded of each in all, and whether all that was shipped has passed."""
    rows = connection.execute(
        text(
            "select l.item_id, l.act_on_item_id, l.sku, l.name, l.ordered, l.shipped, l.cancelled,"
            " (select count(*) from return_item i where i.order_id = l.order_id and i.item_id = l.item_id"
            "  and i.state = 'passed') as passed from order_line l where l.order_id = :id and l.kind = 'physical'"
            " order by l.item_id"
        ),
        {"id": order_id},
    ).all()
    lines = [
        CarriedLine(
            row.item_id, row.act_on_item_id, row.sku, row.name, row.ordered, Decimal(wanted[row.item_id]), ZERO, ZERO,
            ZERO,
        )
        for row in rows
        if wanted[row.item_id]
    ]  # fmt: skip
    bound: dict[int, Decimal] = {}
    for row in rows:
        # Several lines may be acted on as one: the parts of a bundle.
        allowed = row.ordered - row.shipped + row.passed
        bound[row.act_on_item_id] = min(bound.get(row.act_on_item_id, allowed), allowed)
    return lines, bound, all(row.passed >= row.shipped for row in rows)


def _left(order: Json, subject: Refund) -> dict[int, Decimal]:
    """Item id that Magento acts on → units to refund now: what is invoiced, and not refunded, by whomever."""
    items = acted_on(order, subject.lines)
    left = {}
    for row in order.get("items") or ():
        item_id = int(row.get("item_id") or 0)
        if item_id in items:
            refunded, cancelled = _figure(row, "qty_refunded"), _figure(row, "qty_canceled")
            allowed = subject.bound.get(item_id, ZERO) - cancelled - refunded
            if row.get("product_type") == "bundle":  # its bound is in parts
                allowed = items[item_id]
            units = min(items[item_id], allowed, _figure(row, "qty_invoiced") - refunded)
            if units > 0:
                left[item_id] = units
    return left


def _figure(row: Json, name: str) -> Decimal:
    return Decimal(str(row.get(name) or 0))
