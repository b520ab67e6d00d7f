"""An order in our words: what a store sold, before anything is decided about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any


class LineKind(StrEnum):
    """Whether a line is something that a warehouse ships."""

    PHYSICAL = "physical"
    VIRTUAL = "virtual"


@dataclass(frozen=True, slots=True)
class MagentoLine:
    """One physical SKU with a quantity (a configurable's simple child, a bundle's part), or a virtual line.

    Quantities are Magento's totals for this SKU. Money is in the order's currency, for the whole line, Magento's own
    figures; a fixed-price bundle's figures are allotted over its parts.

    Attributes:
        item_id: Magento's id of the row that names the SKU.
        parent_item_id: the configurable's or bundle's row; None for a plain line.
        act_on_item_id: the row that Magento wants named for invoice and shipment.
        refunded: quantity on credit memos, shipped or not.
        payable: for the line, after discount, GST included, before store credit.
        bundle_product_id: Magento's id of the bundle that it is a part of; None: of none.
    """

    item_id: int
    parent_item_id: int | None
    act_on_item_id: int
    kind: LineKind
    sku: str
    name: str
    product_id: int | None
    ordered: Decimal
    invoiced: Decimal
    shipped: Decimal
    cancelled: Decimal
    refunded: Decimal
    price: Decimal
    row_total: Decimal
    row_total_incl_tax: Decimal
    tax: Decimal
    tax_percent: Decimal
    discount: Decimal
    payable: Decimal
    bundle_product_id: int | None = None


@dataclass(frozen=True, slots=True)
class MagentoOrder:
    """An order as Magento tells it, in our words. Times are aware UTC, money in `currency`.

    Attributes:
        discount: positive; of coupons and rules, without store credit.
        store_credit: positive; store credit, gift cards and reward points: means of payment, they never lower the
            taxable value.
        shipping: `shipping_incl_tax` plus the COD fee.
        other_charges: what the grand total holds beyond all that has a name.
        relation: increment ids of the order that this one replaced or was replaced by, where Magento tells.
        buyer: personal data: names, addresses, e-mail, phone.
    """

    entity_id: int
    increment_id: str
    store_id: int
    state: str
    status: str
    placed_at: datetime
    updated_at: datetime
    virtual: bool
    payment_method: str
    currency: str
    subtotal: Decimal
    shipping: Decimal
    cod_fee: Decimal
    discount: Decimal
    store_credit: Decimal
    tax: Decimal
    other_charges: Decimal
    grand_total: Decimal
    total_due: Decimal
    relation: dict[str, Any] | None
    buyer: dict[str, Any]
    lines: tuple[MagentoLine, ...]


class NotUnderstood(Exception):
    """A payload that cannot be made sense of. It goes to quarantine and can be replayed.

    Args:
        code: short name of the reason, the same for the same kind of trouble.
        reason: one sentence naming field and figure, without personal data.
        way_out: what a person can do.
    """

    def __init__(self, code: str, reason: str, way_out: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.way_out = way_out
