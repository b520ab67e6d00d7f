"""Magento's order payload → `MagentoOrder`. Pure, so that the inbox is replayed without a store.

Rules and their source: configurables are two rows of which the parent carries price and quantities, bundles carry them
on parent or parts (Magento's REST payload); store credit and COD fee are in `extension_attributes`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

from magento_oms.domain.money import allot
from magento_oms.domain.orders import LineKind, MagentoLine, MagentoOrder, NotUnderstood
from magento_oms.ports import Json, parse_magento_time

ZERO = Decimal(0)
TOO_MUCH = Decimal(10) ** 15
"""No order has an amount or a quantity like this."""

PLAIN = frozenset({"simple", "grouped", "virtual", "downloadable", "giftcard"})
WITH_CHILDREN = frozenset({"configurable", "bundle"})
VIRTUAL = frozenset({"virtual", "downloadable"})

STORE_CREDIT_FIELDS = (
    "amstorecredit_amount",  # Amasty store credit
    "customer_balance_amount",  # Adobe Commerce: store credit, gift cards, reward points
    "gift_cards_amount",
    "reward_currency_amount",
)

LOOK_AT_ORDER = "Look at the order in Magento's admin, correct it there or in the module that made it, then"
RETRY = f"{LOOK_AT_ORDER} `magento-oms quarantine retry` reads it again."


def magento_order(payload: Json) -> MagentoOrder:
    """The order that `payload` (one element of `items` of `GET /V1/orders`, or `GET /V1/orders/{id}`) tells of.

    Raises:
        NotUnderstood: with a reason in plain words.
    """
    try:
        return _order(payload)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # A shape that nobody foresaw is this one order's trouble: its batch goes on.
        raise NotUnderstood(
            "unexpected_shape",
            f"The order is not built as Magento builds orders ({type(error).__name__}).",
            f"{LOOK_AT_ORDER} `magento-oms quarantine retry`; if it looks right there, the mapping needs a change.",
        ) from error


def _order(payload: Json) -> MagentoOrder:
    extension = _object(payload.get("extension_attributes"))
    items = payload.get("items")
    if not isinstance(items, list) or not items:
        raise NotUnderstood("missing_items", "The order has no items.", RETRY)
    lines = _lines(items)
    money = _Money(payload, extension)
    _check_subtotal(items, money)
    return MagentoOrder(
        entity_id=_whole(payload, "entity_id"),
        increment_id=_text(payload, "increment_id"),
        store_id=_whole(payload, "store_id"),
        state=str(payload.get("state") or ""),
        status=_text(payload, "status"),
        placed_at=_time(payload, "created_at"),
        updated_at=_time(payload, "updated_at"),
        virtual=_flag(payload, "is_virtual"),
        payment_method=str(_object(payload.get("payment")).get("method") or ""),
        currency=_text(payload, "order_currency_code"),
        subtotal=money.subtotal,
        shipping=money.shipping_incl_tax + money.cod_fee,
        cod_fee=money.cod_fee,
        discount=-money.discount,
        store_credit=money.store_credit,
        tax=money.tax,
        other_charges=money.other_charges(),
        grand_total=money.grand_total,
        total_due=_amount(payload, "total_due"),
        relation=_relation(payload),
        buyer=_buyer(payload, extension),
        lines=lines,
    )


class _Money:
    """The order's totals, in the order's currency."""

    def __init__(self, payload: Json, extension: Json) -> None:
        self.subtotal = _amount(payload, "subtotal")
        self.discount = _amount(payload, "discount_amount")  # negative on the order, positive on lines
        self.shipping = _amount(payload, "shipping_amount")
        self.shipping_incl_tax = _amount(payload, "shipping_incl_tax", self.shipping)
        self.tax = _amount(payload, "tax_amount")
        self.compensation = _amount(payload, "discount_tax_compensation_amount") + _amount(
            payload, "shipping_discount_tax_compensation_amount"
        )
        self.cod_fee = _amount(extension, "cash_on_delivery_fee")
        self.store_credit = sum((abs(_amount(extension, name)) for name in STORE_CREDIT_FIELDS), ZERO)
        if "grand_total" not in payload:
            raise NotUnderstood("missing_field", "The order has no grand_total.", RETRY)
        self.grand_total = _amount(payload, "grand_total")
        self.units = _amount(payload, "total_qty_ordered")
        if self.grand_total < 0:
            raise NotUnderstood("bad_amount", f"The grand total is {self.grand_total}, below zero.", RETRY)

    @property
    def tolerance(self) -> Decimal:
        """Magento spreads tax and discount over lines: a paisa a unit may be off, and a few for the order."""
        return Decimal("0.05") + Decimal("0.01") * self.units

    def other_charges(self) -> Decimal:
        """What the grand total holds beyond all that has a name. Modules add charges of their own; none takes any off
        unseen.
        """
        named = self.subtotal + self.discount + self.shipping + self.tax + self.compensation + self.cod_fee
        rest = self.grand_total - (named - self.store_credit)
        if rest < -self.tolerance:
            raise NotUnderstood(
                "totals_do_not_add_up",
                f"The grand total {self.grand_total} is {-rest} less than subtotal, discount, shipping, tax, COD fee "
                "and store credit make together.",
                RETRY,
            )
        return rest


def _check_subtotal(items: Sequence[Json], money: _Money) -> None:
    """Prices times quantities of the rows that a buyer sees make the subtotal."""
    goods = sum(
        (_amount(row, "price") * _amount(row, "qty_ordered") for row in items if not row.get("parent_item_id")), ZERO
    )
    if abs(goods - money.subtotal) > money.tolerance:
        raise NotUnderstood(
            "totals_do_not_add_up", f"The items make {goods} together, the order's subtotal is {money.subtotal}.", RETRY
        )


def _lines(items: Sequence[Json]) -> tuple[MagentoLine, ...]:
    children: dict[int, list[Json]] = defaultdict(list)
    for row in items:
        if row.get("parent_item_id"):
            children[_whole(row, "parent_item_id")].append(row)
    known = {_whole(row, "item_id") for row in items}
    if orphans := children.keys() - known:
        raise NotUnderstood("missing_items", f"Items name the parent item {min(orphans)}, which is not there.", RETRY)
    lines: list[MagentoLine] = []
    for row in items:
        if row.get("parent_item_id"):
            continue
        kind = str(row.get("product_type") or "")
        if kind == "configurable":
            lines.append(_configurable(row, children[_whole(row, "item_id")]))
        elif kind == "bundle":
            lines += _bundle(row, children[_whole(row, "item_id")])
        elif kind in PLAIN:
            lines.append(_line(row))
        else:
            raise NotUnderstood(
                "unknown_product_type",
                f"Item {row.get('item_id')} has the product type {kind!r}, which is not known.",
                "Ask for the type to be added to the mapping, or cancel the line in Magento; then "
                "`magento-oms quarantine retry` reads the order again.",
            )
    return tuple(lines)


def _line(row: Json, *, carrier: Json | None = None) -> MagentoLine:
    """A line named by `row`, with money and quantities of `carrier` where another row carries them."""
    carrier = row if carrier is None else carrier
    item_id = _whole(row, "item_id")
    virtual = _flag(row, "is_virtual") or row.get("product_type") in VIRTUAL
    ordered = _amount(carrier, "qty_ordered")
    if ordered <= 0:
        raise NotUnderstood("bad_quantity", f"Item {item_id} has the quantity {ordered}.", RETRY)
    return MagentoLine(
        item_id=item_id,
        parent_item_id=_whole(row, "parent_item_id") if row.get("parent_item_id") else None,
        act_on_item_id=_whole(carrier, "item_id"),
        kind=LineKind.VIRTUAL if virtual else LineKind.PHYSICAL,
        sku=_text(row, "sku"),
        name=str(row.get("name") or ""),
        product_id=_whole(row, "product_id") if row.get("product_id") else None,
        ordered=ordered,
        invoiced=_amount(carrier, "qty_invoiced"),
        shipped=_amount(carrier, "qty_shipped"),
        cancelled=_amount(carrier, "qty_canceled"),
        refunded=_amount(carrier, "qty_refunded"),
        price=_amount(carrier, "price"),
        row_total=_amount(carrier, "row_total"),
        row_total_incl_tax=_amount(carrier, "row_total_incl_tax"),
        tax=_amount(carrier, "tax_amount"),
        tax_percent=_amount(carrier, "tax_percent"),
        discount=_amount(carrier, "discount_amount"),
        payable=_payable(carrier),
    )


def _payable(row: Json) -> Decimal:
    """What is paid for a row. Its price tells whether `row_total` is after the discount or before."""
    row_total, discount = _amount(row, "row_total"), _amount(row, "discount_amount")
    before = _amount(row, "price") * _amount(row, "qty_ordered")
    if abs(row_total - before) < abs(row_total - (before - discount)):
        row_total -= discount
    return row_total + _amount(row, "tax_amount") + _amount(row, "discount_tax_compensation_amount")


def _configurable(parent: Json, children: Sequence[Json]) -> MagentoLine:
    """The simple child is what is shipped; price and quantities are on the parent, and Magento acts on the parent."""
    if not children:
        # Magento leaves the child away where its product was deleted; the parent's SKU is the child's.
        return _line(parent)
    return _line(children[0], carrier=parent)


def _bundle(parent: Json, children: Sequence[Json]) -> list[MagentoLine]:
    """A bundle's parts. With a fixed price the parent carries money and quantities, allotted here over the parts."""
    if not children:
        raise NotUnderstood("missing_items", f"The bundle {parent.get('item_id')} has no parts.", RETRY)
    product_id = _whole(parent, "product_id") if parent.get("product_id") else None
    parts = [replace(_line(child), bundle_product_id=product_id) for child in children]
    if any(part.row_total for part in parts):
        return parts
    whole = _line(parent)
    weights = [part.ordered for part in parts]
    row_total = allot(whole.row_total, weights)
    row_total_incl_tax = allot(whole.row_total_incl_tax, weights)
    tax = allot(whole.tax, weights)
    discount = allot(whole.discount, weights)
    payable = allot(whole.payable, weights)
    return [
        replace(
            part,
            act_on_item_id=whole.item_id,
            tax_percent=whole.tax_percent,
            row_total=row_total[i],
            row_total_incl_tax=row_total_incl_tax[i],
            tax=tax[i],
            discount=discount[i],
            payable=payable[i],
            invoiced=max(part.invoiced, part.ordered * whole.invoiced / whole.ordered),
            shipped=max(part.shipped, part.ordered * whole.shipped / whole.ordered),
            cancelled=max(part.cancelled, part.ordered * whole.cancelled / whole.ordered),
            refunded=max(part.refunded, part.ordered * whole.refunded / whole.ordered),
        )
        for i, part in enumerate(parts)
    ]


def _buyer(payload: Json, extension: Json) -> dict[str, Any]:
    shipping = _shipping_address(extension)
    billing = _object(payload.get("billing_address"))
    name = " ".join(str(part) for part in (payload.get("customer_firstname"), payload.get("customer_lastname")) if part)
    return {
        "customer_id": payload.get("customer_id"),
        "name": name or postal_address(billing).get("name", ""),
        "email": payload.get("customer_email") or billing.get("email") or "",
        "billing": postal_address(billing),
        "shipping": postal_address(shipping) if shipping else None,
    }


def _shipping_address(extension: Json) -> Json:
    """Only here does Magento tell it; absent for virtual orders."""
    assignments = extension.get("shipping_assignments")
    if not isinstance(assignments, Sequence) or not assignments:
        return {}
    return _object(_object(_object(assignments[0]).get("shipping")).get("address"))


def postal_address(address: Json) -> dict[str, Any]:
    """An address of an order or a customer. Personal data."""
    street = address.get("street") or []
    return {
        "name": " ".join(str(part) for part in (address.get("firstname"), address.get("lastname")) if part),
        "company": address.get("company") or "",
        "lines": [str(line) for line in (street if isinstance(street, list) else [street])],
        "city": address.get("city") or "",
        "region": address.get("region") or "",
        "region_code": address.get("region_code") or "",
        "pincode": str(address.get("postcode") or ""),
        "country": address.get("country_id") or "",
        "phone": str(address.get("telephone") or ""),
        "gstin": address.get("vat_id") or "",
    }


def _relation(payload: Json) -> dict[str, Any] | None:
    """Magento's admin edits an order by cancelling it and placing a new one."""
    named = {
        "replaces": payload.get("relation_parent_real_id"),
        "replaced_by": payload.get("relation_child_real_id"),
    }
    found = {name: value for name, value in named.items() if value}
    return found or None


# PHP writes an empty object as [], leaves nulls away and gives ids as strings or numbers.


def _object(value: Any) -> Json:
    return value if isinstance(value, Mapping) else {}


def _flag(row: Json, name: str) -> bool:
    return row.get(name) in (1, "1", True)


def _amount(row: Json, name: str, default: Decimal = ZERO) -> Decimal:
    value = row.get(name)
    if type(value) is int:  # most are, most of them 0, and there are dozens an order
        value = Decimal(value) if value else ZERO
    if type(value) is Decimal and -TOO_MUCH < value < TOO_MUCH:
        return value
    if value is None or value == "":
        return default
    if isinstance(value, bool):
        raise NotUnderstood("bad_amount", f"{name} is {value!r}, which is no number.", RETRY)
    try:
        amount = Decimal(value) if isinstance(value, (int, str, Decimal)) else Decimal(str(value))
    except (InvalidOperation, ValueError, TypeError):
        raise NotUnderstood("bad_amount", f"{name} is {value!r}, which is no number.", RETRY) from None
    if not amount.is_finite() or abs(amount) >= TOO_MUCH:
        raise NotUnderstood("bad_amount", f"{name} is {value!r}, which is no number.", RETRY)
    return amount


def _whole(row: Json, name: str) -> int:
    value = row.get(name)
    if type(value) is int:
        return value
    try:
        return int(str(value))
    except ValueError:
        raise NotUnderstood("missing_field", f"{name} is {value!r}, not a whole number.", RETRY) from None


def _text(row: Json, name: str) -> str:
    value = row.get(name)
    if value is None or value == "":
        raise NotUnderstood("missing_field", f"The order or one of its items has no {name}.", RETRY)
    return str(value)


def _time(row: Json, name: str) -> Any:
    value = row.get(name)
    try:
        return parse_magento_time(str(value))
    except ValueError:
        raise NotUnderstood("bad_time", f"{name} is {value!r}, not a time like 2026-11-23 13:34:18.", RETRY) from None
