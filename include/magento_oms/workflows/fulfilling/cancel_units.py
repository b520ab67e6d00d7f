"""The effect that tells Magento of units that the seller cancelled. Magento's cancel cannot choose lines: it takes all
that is not invoiced. So invoiced units go on an offline credit memo, and the others are cancelled once nothing else is
left to invoice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import Json, MagentoOrderActions, PermanentError
from magento_oms.storage.database import text
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.storage.fulfilments import CarriedLine
from magento_oms.workflows.cancel_rules import ENDED
from magento_oms.workflows.cancelling.seller import CANCEL_UNITS
from magento_oms.workflows.effect_kinds import NotNow, Result
from magento_oms.workflows.fulfilling import credit_memo
from magento_oms.workflows.fulfilling.credit_memo import CreditMemoRules
from magento_oms.workflows.fulfilling.items import acted_on
from magento_oms.workflows.fulfilling.stopped import WAITS

ZERO = Decimal(0)
LOOK_AGAIN = 300.0
"""Seconds; it is also woken by each invoice of the order."""


@dataclass(frozen=True, slots=True)
class UnitsToCancel:
    """Lines with the units that are cancelled in the OMS, in all, of an order."""

    order_id: int
    increment_id: str
    entity_id: int
    reference: str
    rules: CreditMemoRules
    lines: list[CarriedLine]


class CancelUnits:
    """See the module. It goes by totals, so that sending it again finds nothing left to do."""

    name = CANCEL_UNITS

    def __init__(self, config: InstanceConfig) -> None:
        self._config = config

    def read(self, connection: Connection, effect: ClaimedEffect) -> UnitsToCancel:
        """What `send` and `find` need to know."""
        order = connection.execute(
            text("select id, entity_id, increment_id, store_id, payment_kind from sales_order where id = :id"),
            {"id": effect.order_id},
        ).one()
        rows = connection.execute(
            text(
                "select item_id, act_on_item_id, sku, name, ordered, cancelled from order_line"
                " where order_id = :id and kind = 'physical' and cancelled > 0 order by item_id"
            ),
            {"id": order.id},
        )
        return UnitsToCancel(
            order.id,
            order.increment_id,
            order.entity_id,
            f"[oms-cancellation-{self._config.code}-{effect.details['cancellation']}]",
            credit_memo.rules_of(self._config, order.store_id, order.payment_kind),
            [
                CarriedLine(
                    row.item_id, row.act_on_item_id, row.sku, row.name, row.ordered, row.cancelled, ZERO, ZERO, ZERO
                )
                for row in rows
            ],
        )

    def send(self, magento: MagentoOrderActions, subject: UnitsToCancel) -> Result:
        """Bring Magento to what is cancelled, and read it back.

        Raises:
            NotNow: other units must be invoiced first.
            PermanentError: Magento will not; the way out says what a person does there.
        """
        order = magento.order(subject.entity_id)
        missing = _missing(order, subject)
        if not missing:
            return Result("cancelled on Magento already")
        if stopped := WAITS.get(str(order.get("state"))):
            raise NotNow(f"Order {subject.increment_id} {stopped} on Magento.", "It goes on when that has ended.")
        rows = {row.item_id: row for row in credit_memo.rows(order)}
        to_cancel = {item: min(units, max(rows[item].open, ZERO)) for item, units in missing.items()}
        memo = ""
        if to_refund := {item: units - to_cancel[item] for item, units in missing.items() if units > to_cancel[item]}:
            for item, units in to_refund.items():
                if units > rows[item].invoiced - rows[item].refunded - rows[item].shipped:
                    raise PermanentError(
                        f"Order {subject.increment_id}: {units} of item {item} were cancelled, and Magento shows them"
                        " as shipped or refunded.",
                        way_out="Compare the order's shipments in Magento's admin, then dismiss this.",
                    )
            memo = credit_memo.refund(magento, subject, to_refund)
        if any(to_cancel.values()):
            if others := [row for row in rows.values() if row.open > to_cancel.get(row.item_id, ZERO)]:
                raise NotNow(
                    f"Magento's cancel cannot choose lines, and item {others[0].item_id} of order"
                    f" {subject.increment_id} is not invoiced yet.",
                    "Nothing need be done: once the rest is invoiced, what is left is cancelled.",
                    retry_in=LOOK_AGAIN,
                )
            magento.cancel(subject.entity_id)
        if left := _missing(magento.order(subject.entity_id), subject):
            told = ", ".join(f"{units.normalize():f} of item {item}" for item, units in left.items())
            raise PermanentError(
                f"Magento did not cancel {told} of order {subject.increment_id}.",
                way_out=f"Invoice {told} in Magento's admin and refund them offline, then dismiss this.",
            )
        return Result("cancelled on Magento", facts={"memo": memo})

    def find(self, magento: MagentoOrderActions, subject: UnitsToCancel) -> Result | None:
        """It happened if nothing is missing on Magento."""
        if _missing(magento.order(subject.entity_id), subject):
            return None
        return Result("found cancelled on Magento", facts={"memo": credit_memo.ours(magento, subject)})

    def settle(self, connection: Connection, subject: UnitsToCancel, result: Result) -> None:
        """Money that was paid is for a person to give back."""
        credit_memo.tell_of_money(connection, subject, self._config.code, result.facts.get("memo", ""))


def wake(connection: Connection, order_id: int) -> None:
    """Something of an order was invoiced: what waits for that looks again."""
    connection.execute(
        text("update effect set due_at = now() where order_id = :id and kind = :kind and state = 'due'"),
        {"id": order_id, "kind": CANCEL_UNITS},
    )


def _missing(order: Json, subject: UnitsToCancel) -> Mapping[int, Decimal]:
    """Item id that Magento acts on → units that are cancelled here and neither cancelled nor refunded there."""
    if str(order.get("state")) in ENDED:
        return {}
    there = {row.item_id: row.cancelled + row.refunded for row in credit_memo.rows(order)}
    wanted = acted_on(order, subject.lines)
    return {item: units - there.get(item, ZERO) for item, units in wanted.items() if units > there.get(item, ZERO)}
