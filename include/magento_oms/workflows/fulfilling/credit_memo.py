"""Offline credit memos on Magento, for what was invoiced there and will not be shipped. They move no money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import AlreadyDone, Json, MagentoOrderActions, PermanentError
from magento_oms.storage import quarantine

ZERO = Decimal(0)
PAY_BACK = "pay_back"
"""Code of the trouble that money is to be given back by hand."""


class Refundable(Protocol):
    """An effect's subject: the order, and the reference that its credit memo carries."""

    @property
    def increment_id(self) -> str: ...

    @property
    def entity_id(self) -> int: ...

    @property
    def reference(self) -> str: ...

    @property
    def rules(self) -> CreditMemoRules: ...


@dataclass(frozen=True, slots=True)
class CreditMemoRules:
    """What the store says about credit memos.

    Attributes:
        allowed: we may make them; else a person does.
        store_id: of the order.
        prepaid: the customer has paid, so that money is to be given back.
    """

    allowed: bool
    store_id: int
    prepaid: bool


@dataclass(frozen=True, slots=True)
class Row:
    """The quantities of one row of an order as Magento has them; only of rows that it acts on."""

    item_id: int
    ordered: Decimal
    invoiced: Decimal
    shipped: Decimal
    refunded: Decimal
    cancelled: Decimal

    @property
    def open(self) -> Decimal:
        """Neither invoiced nor cancelled: what Magento's cancel would take."""
        return self.ordered - self.invoiced - self.cancelled

    @property
    def live(self) -> Decimal:
        """Neither cancelled nor refunded."""
        return self.ordered - self.cancelled - self.refunded


def rules_of(config: InstanceConfig, store_id: int, payment_kind: str) -> CreditMemoRules:
    """The rules of an order's store."""
    store = config.store(store_id)
    allowed = store is not None and store.cancellation.credit_memos == "offline"
    return CreditMemoRules(allowed, store_id, payment_kind == "prepaid")


def rows(order: Json) -> list[Row]:
    """The rows that Magento acts on: parents, and parts of a bundle that carry their own prices."""
    found = order.get("items") or ()
    priced = {str(row.get("parent_item_id")) for row in found if row.get("parent_item_id") and _figure(row, "price")}
    bundles = {str(row.get("item_id")) for row in found if row.get("product_type") == "bundle"} & priced
    acted_on = []
    for row in found:
        parent = str(row.get("parent_item_id") or "")
        if (parent and parent not in bundles) or str(row.get("item_id")) in bundles:
            continue
        names = ("qty_ordered", "qty_invoiced", "qty_shipped", "qty_refunded", "qty_canceled")
        acted_on.append(Row(int(row.get("item_id") or 0), *(_figure(row, name) for name in names)))
    return acted_on


def refund(
    magento: MagentoOrderActions, subject: Refundable, items: Mapping[int, Decimal], *, all_of_it: bool = False
) -> str:
    """Refund units offline, back to sale; the credit memo's id (ours, if it is there already).

    Args:
        all_of_it: nothing is left of the order: shipping is refunded, too.

    Raises:
        PermanentError: Magento refuses, or the store wants a person to do it; the way out names items and figures.
    """
    told = ", ".join(f"{quantity.normalize():f} of item {item}" for item, quantity in items.items())
    by_hand = (
        f"Refund {told} of order {subject.increment_id} in Magento's admin (Sales > Orders > Invoices > Credit Memo),"
        " then dismiss this."
    )
    if not subject.rules.allowed:
        raise PermanentError(
            f"Order {subject.increment_id}: {told} are invoiced on Magento, and cannot be cancelled there.",
            way_out=by_hand,
        )
    try:
        return magento.refund(
            subject.entity_id,
            items=items,
            comment=f"Cancelled by the seller; no money was moved by this. {subject.reference}",
            shipping=None if all_of_it else ZERO,
            restock=sorted(items),
        )
    except AlreadyDone:
        return ours(magento, subject)
    except PermanentError as refusal:
        raise PermanentError(refusal.what, way_out=by_hand, exchange=refusal.exchange) from None


def ours(magento: MagentoOrderActions, subject: Refundable) -> str:
    """The id of the credit memo with our reference; empty: there is none."""
    for memo in magento.credit_memos_of(subject.entity_id):
        if any(subject.reference in str(row.get("comment") or "") for row in memo.get("comments") or ()):
            return str(memo["entity_id"])
    return ""


def tell_of_money(connection: Connection, subject: Refundable, instance: str, memo: str) -> None:
    """Have a person give the money back of a prepaid order, once."""
    if not memo or not subject.rules.prepaid:
        return
    quarantine.open_(
        connection,
        instance=instance,
        store_id=subject.rules.store_id,
        subject=f"credit_memo:{memo}",
        code=PAY_BACK,
        reason=f"Order {subject.increment_id} is prepaid, and its credit memo {memo} is an offline one: no money was"
        " moved.",
        way_out="Pay its amount back at the payment provider, then dismiss this.",
    )


def _figure(row: Json, name: str) -> Decimal:
    return Decimal(str(row.get(name) or 0))
