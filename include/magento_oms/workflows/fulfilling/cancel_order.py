"""The effect that cancels an order on Magento because the seller will not ship it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, text

from magento_oms.config.models import InstanceConfig
from magento_oms.domain.fulfilments import FulfilmentState
from magento_oms.domain.intake import PlannedEffect
from magento_oms.ports import Json, MagentoOrderActions, PermanentError
from magento_oms.storage import effects, fulfilments, orders
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.workflows.effect_kinds import Result
from magento_oms.workflows.warehouse.problems import Kind, WarehouseProblem

CANCEL_ORDER = "cancel_order"
HOLD = "seller_cancellation"
ENDED = ("canceled", "closed")


def ask_to_cancel(connection: Connection, config: InstanceConfig, order_id: int, reason: str, *, by: str) -> bool:
    """Have an order cancelled on Magento; whether that was not asked before. Until it is, nothing of it goes on.

    Raises:
        WarehouseProblem: it is packed, or has left, or has ended.
    """
    order = connection.execute(
        text("select instance, entity_id, increment_id, state, shadow from sales_order where id = :id for update"),
        {"id": order_id},
    ).one()
    if order.state == "cancelled":
        return False
    packed = [
        stored
        for stored in fulfilments.of_order(connection, order_id)
        if stored.state not in (FulfilmentState.ROUTED, FulfilmentState.CANCELLED)
    ]
    if packed or order.state in ("shipped", "returned", "history"):
        raise WarehouseProblem(
            Kind.CONFLICT,
            f"Order {order.increment_id} is {packed[0].state if packed else order.state}: the seller cancels until"
            " packing only.",
            way_out="Let it go out and come back, or cancel it in Magento's admin.",
        )
    subject = f"order:{order.entity_id}"
    effect = PlannedEffect(
        f"magento:{config.code}",
        CANCEL_ORDER,
        subject,
        lane=f"magento:{config.code}:{subject}",
        withheld=order.shadow,
        even_if_stopped=True,
        details={"reason": reason},
    )
    if effects.plan(connection, effect, order_id) is None:
        return False
    orders.place_hold(connection, order_id, HOLD, f"The seller cancels it: {reason}")
    orders.add_event(connection, order_id, "cancellation_asked", {"by": by, "reason": reason})
    orders.derive_state(connection, order_id)
    return True


@dataclass(frozen=True, slots=True)
class Cancellation:
    """An order to be cancelled."""

    order_id: int
    entity_id: int
    increment_id: str


class CancelOrder:
    """See the module. What was cancelled is read by intake, as any change of the store."""

    name = CANCEL_ORDER

    def read(self, connection: Connection, effect: ClaimedEffect) -> Cancellation:
        """What `send` and `find` need to know."""
        row = connection.execute(
            text("select id, entity_id, increment_id from sales_order where id = :id"), {"id": effect.order_id}
        ).one()
        return Cancellation(*row)

    def send(self, magento: MagentoOrderActions, subject: Cancellation) -> Result:
        """Cancel it, and read back that it is: Magento may say that it cancelled what it did not.

        Raises:
            PermanentError: something of it is invoiced or shipped, or Magento will not.
        """
        order = magento.order(subject.entity_id)
        if str(order.get("state")) in ENDED:
            return Result("cancelled on Magento already")
        # Magento cancels a shipped order that is not invoiced, and completes a partly invoiced one.
        if gone := _invoiced_or_shipped(order):
            raise PermanentError(
                f"Order {subject.increment_id} cannot be cancelled: {gone}.",
                way_out="Make a credit memo in Magento's admin; the order's hold ends when that has been read.",
            )
        magento.cancel(subject.entity_id)
        now = str(magento.order(subject.entity_id).get("state"))
        if now not in ENDED:
            raise PermanentError(
                f"Magento did not cancel order {subject.increment_id}: it is {now}.",
                way_out="Cancel it in Magento's admin, then dismiss this.",
            )
        return Result("cancelled on Magento")

    def find(self, magento: MagentoOrderActions, subject: Cancellation) -> Result | None:
        """It happened if the order is cancelled."""
        ended = str(magento.order(subject.entity_id).get("state")) in ENDED
        return Result("found cancelled on Magento") if ended else None

    def settle(self, connection: Connection, subject: Cancellation, result: Result) -> None:
        """Nothing to note: intake reads the order's new state."""


def _invoiced_or_shipped(order: Json) -> str:
    for row in order.get("items") or ():
        for name, words in (("qty_invoiced", "invoiced"), ("qty_shipped", "shipped")):
            if Decimal(str(row.get(name) or 0)) > 0:
                return f"item {row.get('item_id')} is {words}"
    return ""
