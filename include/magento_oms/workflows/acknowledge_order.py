"""The effect that tells Magento that an order is being worked on: pending → processing, with a comment in every case.

How the status is moved depends on Magento's version, so there are strategies. With `auto` the first live order finds
out which one works: each is tried and read back, and the one that worked is remembered for the instance.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import CommentOptions, Json, MagentoOrderActions, PermanentError
from magento_oms.storage import instances, orders
from magento_oms.storage.database import text
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.workflows.effect_kinds import NotNow, Result
from magento_oms.workflows.fulfilling.tell_magento import comment_options
from magento_oms.workflows.intake_rules import ACKNOWLEDGE

TRIED_BY_ITSELF = ("comment", "entity")
"""In this order. `invoice` marks the order as paid: never tried unless a person configured it."""

BY_COMMENT = ("comment", "status_in_state")

STOPPED = {
    "canceled": "is cancelled",
    "closed": "is closed",
    "holded": "is on hold",
    "payment_review": "is in payment review",
    "pending_payment": "waits for its payment",
}


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What is needed to acknowledge one order.

    Attributes:
        reference: in the comment, so that it is found again.
        found: strategy that worked for the instance before; None until one did.
        uninvoiced: item id that Magento acts on → quantity not invoiced yet.
    """

    order_id: int
    entity_id: int
    reference: str
    found: str | None
    options: CommentOptions
    uninvoiced: dict[int, Decimal]


class AcknowledgeOrder:
    """See the module."""

    name = ACKNOWLEDGE

    def __init__(self, config: InstanceConfig) -> None:
        self._config = config
        self._status = config.acknowledgement.status

    def read(self, connection: Connection, effect: ClaimedEffect) -> Acknowledgement:
        """What `send` and `find` need to know."""
        order = connection.execute(
            text("select id, entity_id, store_id from sales_order where id = :id"), {"id": effect.order_id}
        ).one()
        lines = connection.execute(
            text(
                "select act_on_item_id, max(ordered - invoiced - cancelled) as open from order_line"
                " where order_id = :id group by act_on_item_id having max(ordered - invoiced - cancelled) > 0"
            ),
            {"id": order.id},
        ).all()
        return Acknowledgement(
            order_id=order.id,
            entity_id=order.entity_id,
            # Without the generation: a comment that an earlier one left is found, so there is never a second.
            reference=f"[oms-ack-{self._config.code}-{order.entity_id}]",
            found=instances.acknowledgement_found(connection, self._config.code),
            options=comment_options(self._config.store(order.store_id)),
            uninvoiced={row.act_on_item_id: row.open for row in lines},
        )

    def send(self, magento: MagentoOrderActions, subject: Acknowledgement) -> Result:
        """Move the status by the first strategy that works, read it back, and leave the comment.

        Raises:
            NotNow: the order is on hold, cancelled or unpaid on Magento; intake will hear of it.
            PermanentError: no strategy works on this Magento.
        """
        order = magento.order(subject.entity_id)
        if stopped := STOPPED.get(str(order.get("state"))):
            raise NotNow(
                f"Order {subject.entity_id} {stopped} on Magento.",
                "Nothing need be done: it goes on, or is cancelled, when Magento's change has been read.",
            )
        if self._moved(order):
            self._comment(magento, subject, order)
            return Result("already processing on Magento: comment only", {"strategy": None})
        strategy, order = self._move(magento, subject, order)
        self._comment(magento, subject, order)
        return Result(f"processing on Magento by {strategy}", {"strategy": strategy})

    def find(self, magento: MagentoOrderActions, subject: Acknowledgement) -> Result | None:
        """It happened if the order carries our comment and its status has moved."""
        order = magento.order(subject.entity_id)
        if self._moved(order) and _has_comment(order, subject.reference):
            return Result("found on Magento", {"strategy": None})
        return None

    def settle(self, connection: Connection, subject: Acknowledgement, result: Result) -> None:
        """Note it on the order; remember the strategy."""
        orders.acknowledged(connection, subject.order_id, datetime.now(UTC), result.outcome)
        if strategy := result.facts.get("strategy"):
            instances.note_acknowledgement(connection, self._config.code, strategy)

    def _moved(self, order: Json) -> bool:
        """Whether the order is where an acknowledged one is, or further."""
        held = order.get("state") == "holded"
        status, state = (order.get(f"hold_before_{name}" if held else name) for name in ("status", "state"))
        return status == self._status or state in ("processing", "complete")

    def _move(self, magento: MagentoOrderActions, subject: Acknowledgement, order: Json) -> tuple[str, Json]:
        """Move the status. Returns the strategy that did it, and the order that was read back to prove it."""
        refusals: list[str] = []
        for strategy in self._strategies(subject.found):
            if strategy in BY_COMMENT and _has_comment(order, subject.reference):
                refusals.append(f"{strategy}: the comment is there from an earlier try, but the status did not change")
                continue
            try:
                self._try(strategy, magento, subject)
            except PermanentError as refusal:
                refusals.append(f"{strategy}: {refusal.what}")
                continue
            order = magento.order(subject.entity_id)
            if self._moved(order):
                return strategy, order
            refusals.append(f"{strategy}: Magento accepted it, but the status did not change")
        raise PermanentError(
            f"Magento takes no way of moving order {subject.entity_id} to {self._status}. " + " ".join(refusals),
            way_out=f"Set `acknowledgement.strategy` in instances/{self._config.code}.yaml to one that this Magento "
            "takes (`invoice` also marks the order as paid; `status_in_state` needs a status of the state `new`), then "
            "`magento-oms quarantine retry`.",
        )

    def _strategies(self, found: str | None) -> tuple[str, ...]:
        configured = str(self._config.acknowledgement.strategy)
        if configured != "auto":
            return (configured,)
        # What worked before comes first; a Magento that was upgraded may want another one.
        return tuple(dict.fromkeys([found, *TRIED_BY_ITSELF] if found else TRIED_BY_ITSELF))

    def _try(self, strategy: str, magento: MagentoOrderActions, subject: Acknowledgement) -> None:
        if strategy in BY_COMMENT:
            magento.add_comment(subject.entity_id, self._text(subject), status=self._status, options=subject.options)
        elif strategy == "entity":
            magento.set_status(subject.entity_id, state="processing", status=self._status)
        else:
            magento.invoice(subject.entity_id, items=subject.uninvoiced, comment=self._text(subject))

    def _comment(self, magento: MagentoOrderActions, subject: Acknowledgement, order: Json) -> None:
        if not _has_comment(order, subject.reference):
            magento.add_comment(subject.entity_id, self._text(subject), options=subject.options)

    def _text(self, subject: Acknowledgement) -> str:
        return f"{self._config.acknowledgement.comment} {subject.reference}"


def _has_comment(order: Json, reference: str) -> bool:
    return any(reference in str(row.get("comment") or "") for row in order.get("status_histories") or ())
