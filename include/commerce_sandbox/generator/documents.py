"""Order documents field for field as the REST API of a 2.4.7 store shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from commerce_sandbox.generator.places import Shopper
from commerce_sandbox.generator.pricing import Bill, Row
from commerce_sandbox.magento_rules.book import Context, Document, PaymentMethod
from commerce_sandbox.magento_rules.lifecycle import follow_copies
from commerce_sandbox.magento_rules.numbers import stamp

_COLOUR_OPTION = "93"


@dataclass(frozen=True, slots=True)
class StoreView:
    """A store view that orders are placed in.

    Attributes:
        prices_include_tax: catalogue prices hold the tax, so discounts have a tax compensation.
        shipping_taxed: shipping carries 18 % tax of its own.
        cod_fee: paise added to cash-on-delivery orders; 0 for none.
    """

    store_id: int = 1
    code: str = "default"
    name: str = "Main Website\nMain Website Store\nDefault Store View"
    website_id: int = 1
    prices_include_tax: bool = False
    shipping_taxed: bool = False
    cod_fee: int = 0


@dataclass(frozen=True, slots=True)
class Draft:
    """All that was decided about an order before it is written down."""

    store: StoreView
    rows: Sequence[Row]
    bill: Bill
    shopper: Shopper
    customer_id: int | None
    method: PaymentMethod
    coupon: str | None
    state: str
    status: str


def order_document(draft: Draft, ctx: Context) -> Document:
    """The order as it is the moment it is placed. Takes its ids from `ctx`, in Magento's order."""
    order_id = ctx.next_id("order")
    now = stamp(ctx.now)
    virtual = all(row.article.type_id == "virtual" for row in draft.rows)
    shipping_address = None if virtual else _address(draft, ctx, order_id, "shipping")
    billing_address = _address(draft, ctx, order_id, "billing")
    items = _items(draft, ctx, order_id, now)
    order: Document = {
        **_totals(draft),
        **_shipping_columns(draft.bill),
        **_customer(draft),
        "billing_address_id": billing_address["entity_id"],
        "base_currency_code": "INR",
        "base_to_global_rate": 1,
        "base_to_order_rate": 1,
        "created_at": now,
        "customer_note_notify": 1,
        "email_sent": 1,
        "entity_id": order_id,
        "global_currency_code": "INR",
        "increment_id": ctx.next_increment("order", draft.store.store_id),
        "is_virtual": int(virtual),
        "order_currency_code": "INR",
        "quote_id": order_id,
        "remote_ip": "127.0.0.1",
        "protect_code": f"{order_id:032d}",
        "state": draft.state,
        "status": draft.status,
        "store_currency_code": "INR",
        "store_id": draft.store.store_id,
        "store_name": draft.store.name,
        "store_to_base_rate": 0,
        "store_to_order_rate": 0,
        "total_item_count": sum(row.priced for row in draft.rows),
        "total_qty_ordered": sum(row.quantity for row in draft.rows if row.parent is None),
        "updated_at": now,
        "weight": _kilograms(sum(row.article.grams * row.quantity for row in draft.rows if row.parent is None)),
    }
    if not virtual:
        order["shipping_description"] = "Flat Rate - Fixed"
    if draft.coupon is not None:
        order |= {"applied_rule_ids": "1", "coupon_code": draft.coupon, "discount_description": draft.coupon}
    order["items"] = items
    order["billing_address"] = billing_address
    order["payment"] = _payment(draft, ctx, order_id)
    order["status_histories"] = []
    order["extension_attributes"] = _extension(draft, order_id, items, shipping_address)
    follow_copies(order)
    return order


def rupees(paise: int) -> int | float:
    """Paise as JSON shows rupees."""
    return paise // 100 if paise % 100 == 0 else paise / 100


def _both(amounts: Mapping[str, int | float]) -> dict[str, Any]:
    """Columns with their base-currency twins (the stores' base currency is their only one)."""
    return {**amounts, **{f"base_{key}": value for key, value in amounts.items()}}


def _totals(draft: Draft) -> dict[str, Any]:
    bill = draft.bill
    return _both(
        {
            "discount_amount": rupees(-bill.discount),
            "discount_tax_compensation_amount": rupees(bill.compensation),
            "grand_total": rupees(bill.grand_total),
            "subtotal": rupees(bill.subtotal),
            "subtotal_incl_tax": rupees(bill.subtotal_incl_tax),
            "tax_amount": rupees(bill.tax),
            "total_due": rupees(bill.grand_total),
        }
    )


def _shipping_columns(bill: Bill) -> dict[str, Any]:
    amounts = {
        "shipping_amount": rupees(bill.shipping),
        "shipping_discount_amount": 0,
        "shipping_incl_tax": rupees(bill.shipping + bill.shipping_tax),
        "shipping_tax_amount": rupees(bill.shipping_tax),
    }
    compensation = {
        "shipping_discount_tax_compensation_amount": 0,
        "base_shipping_discount_tax_compensation_amnt": 0,
    }
    return {**_both(amounts), **compensation}


def _customer(draft: Draft) -> dict[str, Any]:
    who = draft.shopper
    columns: dict[str, Any] = {
        "customer_email": who.email,
        "customer_firstname": who.firstname,
        "customer_group_id": 0 if draft.customer_id is None else 1,
        "customer_is_guest": int(draft.customer_id is None),
        "customer_lastname": who.lastname,
    }
    if draft.customer_id is not None:
        columns["customer_id"] = draft.customer_id
    return columns


def _address(draft: Draft, ctx: Context, order_id: int, kind: str) -> Document:
    who, city = draft.shopper, draft.shopper.city
    address: Document = {
        "address_type": kind,
        "city": city.name,
        "country_id": "IN",
        "email": who.email,
        "entity_id": ctx.next_id("order_address"),
        "firstname": who.firstname,
        "lastname": who.lastname,
        "parent_id": order_id,
        "postcode": who.postcode,
        "region": city.region,
        "region_code": city.region_code,
        "region_id": city.region_id,
        "street": list(who.street),
        "telephone": who.telephone,
    }
    if draft.customer_id is not None:
        address["customer_address_id"] = draft.customer_id
    return address


def _items(draft: Draft, ctx: Context, order_id: int, now: str) -> list[Document]:
    items = []
    ids: dict[int, int] = {}
    for row in draft.rows:
        item_id = ids[id(row)] = ctx.next_id("order_item")
        item = _item(row, draft)
        item |= {
            "created_at": now,
            "item_id": item_id,
            "order_id": order_id,
            "quote_item_id": item_id,
            "store_id": draft.store.store_id,
            "updated_at": now,
        }
        if row.parent is not None:
            item["parent_item_id"] = ids[id(row.parent)]
        elif draft.coupon is not None:
            item["applied_rule_ids"] = "1"
        taxed = row.tax and (row.priced or row.parent is not None)
        item["extension_attributes"] = {"itemized_taxes": [_tax_of_item(row, item_id)] if taxed else []}
        items.append(item)
    return items


_NOTHING_YET = {
    **dict.fromkeys(
        (
            "amount_refunded",
            "base_amount_refunded",
            "base_discount_invoiced",
            "base_row_invoiced",
            "base_tax_invoiced",
            "discount_invoiced",
            "free_shipping",
            "is_qty_decimal",
            "no_discount",
            "qty_canceled",
            "qty_invoiced",
            "qty_refunded",
            "qty_shipped",
            "row_invoiced",
            "tax_invoiced",
        ),
        0,
    )
}


def _item(row: Row, draft: Draft) -> Document:
    """One line. Its row total is shown less the discount, its total with tax as that plus the tax (recorded so)."""
    article = row.article
    chosen = article.parts[row.choice].article if article.type_id == "configurable" else article
    bundled = row.parent is not None and row.parent.article.type_id == "bundle"
    shown = row.total - row.discount
    item: Document = {
        **_NOTHING_YET,
        **_both(
            {
                "discount_amount": rupees(row.discount),
                "price": rupees(row.price),
                "row_total": rupees(shown),
                "row_total_incl_tax": rupees(shown + row.tax + row.compensation),
                "tax_amount": rupees(row.tax),
            }
        ),
        "discount_percent": _discount_percent(row) if row.discount else 0,
        "is_virtual": int(article.type_id == "virtual"),
        "name": article.name,
        "original_price": rupees(row.price),
        "product_id": article.product_id,
        "product_type": article.type_id,
        "qty_ordered": row.quantity,
        "row_weight": 0 if row.parent is not None else _kilograms(article.grams * row.quantity),
        "sku": chosen.sku,
    }
    if article.type_id != "virtual":
        item["weight"] = _kilograms(article.grams)
    if row.parent is None or (bundled and row.priced):
        item |= _both({"price_incl_tax": rupees(row.price_incl_tax)})
        item["base_original_price"] = rupees(row.price)
    if row.priced:
        item |= _both({"discount_tax_compensation_amount": rupees(row.compensation)})
    if row.priced or row.parent is not None:
        item["tax_percent"] = article.tax_percent if row.priced else 0
    option = _product_option(row)
    if option:
        item["product_option"] = {"extension_attributes": option}
    return item


def _discount_percent(row: Row) -> int:
    """The coupon's percentage as far as the row shows it; coupons of a fixed amount show 0."""
    percent = round(100 * row.discount / row.total) if row.total else 0
    return percent if abs(row.total * percent - 100 * row.discount) <= 100 else 0


def _product_option(row: Row) -> dict[str, Any]:
    article = row.article
    first = 10 * article.product_id
    if article.type_id == "configurable":
        return {"configurable_item_options": [{"option_id": _COLOUR_OPTION, "option_value": 4 + row.choice}]}
    if article.type_id == "bundle":
        return {
            "bundle_options": [
                {"option_id": first + index, "option_qty": part.quantity, "option_selections": [first + index]}
                for index, part in enumerate(article.parts)
            ]
        }
    return {}


def _tax_of_item(row: Row, item_id: int) -> Document:
    rate, amount = row.article.tax_percent, rupees(row.tax)
    return {
        "tax_item_id": item_id,
        "tax_id": rate,
        "item_id": item_id,
        "tax_code": f"GST{rate}",
        "tax_percent": rate,
        "amount": amount,
        "base_amount": amount,
        "real_amount": amount,
        "real_base_amount": amount,
        "taxable_item_type": "product",
    }


def _payment(draft: Draft, ctx: Context, order_id: int) -> Document:
    method = draft.method
    told: list[Any] = [method.title, None] if method.code == "cashondelivery" else [method.title]
    if method.online:
        told += [f"order_{order_id:014d}"]
    return {
        "account_status": None,
        "additional_information": told,
        "cc_last4": None,
        "entity_id": ctx.next_id("order_payment"),
        "method": method.code,
        "parent_id": order_id,
        **_both({"amount_ordered": rupees(draft.bill.grand_total), "shipping_amount": rupees(draft.bill.shipping)}),
    }


def _extension(draft: Draft, order_id: int, items: list[Document], address: Document | None) -> Document:
    bill, method = draft.bill, draft.method
    shipping: Document = {} if address is None else {"address": address, "method": "flatrate_flatrate"}
    told = [{"key": "method_title", "value": method.title}]
    if method.code == "cashondelivery":
        told.append({"key": "instructions", "value": "null"})
    if method.online:
        told.append({"key": "gateway_order_id", "value": f"order_{order_id:014d}"})
    taxes = [(rate, rupees(paise)) for rate, paise in bill.taxes.items() if paise]
    extension: Document = {
        "shipping_assignments": [{"shipping": {**shipping, "total": {}}, "items": items}],
        "payment_additional_info": told,
        "applied_taxes": [_applied(rate, amount) for rate, amount in taxes],
        "item_applied_taxes": _applied_by_item(draft, items),
        "converting_from_quote": False,
        "taxes": [
            {
                "tax_id": rate,
                "order_id": order_id,
                "code": f"GST{rate}",
                "title": f"GST{rate}",
                "percent": rate,
                "amount": amount,
                "base_amount": amount,
                "base_real_amount": amount,
                "priority": 0,
                "position": 0,
                "process": 0,
            }
            for rate, amount in taxes
        ],
        "additional_itemized_taxes": [],
    }
    if bill.store_credit:
        credit = rupees(bill.store_credit)
        extension |= {"amstorecredit_amount": credit, "amstorecredit_base_amount": credit}
    if bill.fee:
        extension |= {"cash_on_delivery_fee": rupees(bill.fee), "base_cash_on_delivery_fee": rupees(bill.fee)}
    return extension


def _applied(rate: int, amount: int | float) -> Document:
    code = f"GST{rate}"
    return {"code": code, "title": code, "percent": rate, "amount": amount, "base_amount": amount}


def _applied_by_item(draft: Draft, items: list[Document]) -> list[Document]:
    found = [
        {
            "type": "product",
            "item_id": item["item_id"],
            "applied_taxes": [_applied(row.article.tax_percent, rupees(row.tax))],
        }
        for row, item in zip(draft.rows, items, strict=True)
        if row.priced and row.tax
    ]
    if draft.bill.shipping_tax:
        found.append({"type": "shipping", "applied_taxes": [_applied(18, rupees(draft.bill.shipping_tax))]})
    return found


def _kilograms(grams: int) -> int | float:
    return grams // 1000 if grams % 1000 == 0 else grams / 1000
