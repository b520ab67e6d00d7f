"""The effect that cancels an order on Magento because the seller will not ship it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import MagentoOrderActions, PermanentError
from magento_oms.storage.database import text
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.workflows.cancel_rules import ENDED
from magento_oms.workflows.cancelling.seller import CANCEL_ORDER
from magento_oms.workflows.effect_kinds import Result
from magento_oms.workflows.fulfilling import credit_memo
from magento_oms.workflows.fulfilling.credit_memo import CreditMemoRules


@dataclass(frozen=True, slots=True)
class Cancellation:
    """An order to be cancelled.

    Attributes:
        reference: in the credit memo's comment.
    """

    order_id: int
    increment_id: str
    entity_id: int
    reference: str
    rules: CreditMemoRules


class CancelOrder:
    """See the module. What was cancelled is read by intake, as any change of the store."""

    name = CANCEL_ORDER

    def __init__(self, config: InstanceConfig) -> None:
        self._config = config

    def read(self, connection: Connection, effect: ClaimedEffect) -> Cancellation:
        """What `send` and `find` need to know."""
        row = connection.execute(
            text("select id, entity_id, increment_id, store_id, payment_kind from sales_order where id = :id"),
            {"id": effect.order_id},
        ).one()
        return Cancellation(
            row.id,
            row.increment_id,
            row.entity_id,
            f"[oms-cancel-{self._config.code}-{row.entity_id}]",
            credit_memo.rules_of(self._config, row.store_id, row.payment_kind),
        )

    def send(self, magento: MagentoOrderActions, subject: Cancellation) -> Result:
        """Refund offline what is invoiced, cancel the rest, and read back that nothing is left: Magento may say that it
        cancelled what it did not.

        Raises:
            PermanentError: something of it is shipped, or Magento will not.
        """
        order = magento.order(subject.entity_id)
        if str(order.get("state")) in ENDED:
            return Result("cancelled on Magento already")
        rows = credit_memo.rows(order)
        # Magento cancels a shipped order that is not invoiced, and completes a partly invoiced one.
        if shipped := [row for row in rows if row.shipped > 0]:
            raise PermanentError(
                f"Order {subject.increment_id} cannot be cancelled: item {shipped[0].item_id} is shipped on Magento.",
                way_out="Let it come back and refund it, or make a credit memo in Magento's admin; the order's hold"
                " ends when that has been read.",
            )
        refunded = ""
        if invoiced := {row.item_id: row.invoiced - row.refunded for row in rows if row.invoiced > row.refunded}:
            refunded = credit_memo.refund(magento, subject, invoiced, all_of_it=True)
        if any(row.open > 0 for row in rows):
            magento.cancel(subject.entity_id)
        now = magento.order(subject.entity_id)
        if str(now.get("state")) not in ENDED and any(row.live > 0 for row in credit_memo.rows(now)):
            raise PermanentError(
                f"Magento did not cancel order {subject.increment_id}: it is {now.get('state')}.",
                way_out="Cancel it in Magento's admin (Sales > Orders > Cancel), then dismiss this.",
            )
        return Result("cancelled on Magento", facts={"memo": refunded})

    def find(self, magento: MagentoOrderActions, subject: Cancellation) -> Result | None:
        """It happened if the order is cancelled, or refunded."""
        order = magento.order(subject.entity_id)
        if str(order.get("state")) not in ENDED and any(row.live > 0 for row in credit_memo.rows(order)):
            return None
        return Result("found cancelled on Magento", facts={"memo": credit_memo.ours(magento, subject)})

    def settle(self, connection: Connection, subject: Cancellation, result: Result) -> None:
        """Intake reads the order's new state; money that was paid is for a person to give back."""
        credit_memo.tell_of_money(connection, subject, self._config.code, result.facts.get("memo", ""))
