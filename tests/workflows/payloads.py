"""Orders as Magento's REST API writes them, made by hand for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

Row = dict[str, Any]


def item(item_id: int, sku: str, quantity: float = 1, price: float = 100, kind: str = "simple", **more: Any) -> Row:
    """One row of an order's `items`; `more` replaces or adds fields."""
    row: Row = {
        "item_id": item_id,
        "sku": sku,
        "name": f"Product {sku}",
        "product_id": 1000 + item_id,
        "product_type": kind,
        "is_virtual": int(kind in ("virtual", "downloadable")),
        "qty_ordered": quantity,
        "qty_invoiced": 0,
        "qty_shipped": 0,
        "qty_canceled": 0,
        "qty_refunded": 0,
        "price": price,
        "row_total": price * quantity,
        "row_total_incl_tax": price * quantity,
        "tax_amount": 0,
        "tax_percent": 0,
        "discount_amount": 0,
    }
    return row | more


ADDRESS: Row = {
    "firstname": "आशा",
    "lastname": "Rao",
    "street": ["12, MG Road", "Near Post Office"],
    "city": "Pune",
    "region": "Maharashtra",
    "region_code": "MH",
    "postcode": "411001",
    "country_id": "IN",
    "telephone": "9800000001",
    "email": "asha@example.com",
}


def order(
    entity_id: int,
    *,
    at: datetime,
    items: Sequence[Mapping[str, Any]] | None = None,
    status: str = "pending",
    state: str = "new",
    method: str = "cashondelivery",
    extension: Mapping[str, Any] | None = None,
    **more: Any,
) -> Row:
    """An order placed at `at`, whose totals add up; `more` replaces or adds fields of the order.

    With `shipping_amount`, `discount_amount` (below zero), `tax_amount` given, the grand total follows.
    """
    rows = [dict(row) for row in items] if items is not None else [item(entity_id * 10, f"SKU-{entity_id}", 2, 250)]
    subtotal = sum((row["price"] * row["qty_ordered"] for row in rows if not row.get("parent_item_id")), 0)
    extras = dict(extension or {})
    named = sum(more.get(name, 0) for name in ("shipping_amount", "discount_amount", "tax_amount"))
    grand_total = round(
        subtotal + named + extras.get("cash_on_delivery_fee", 0) - abs(extras.get("amstorecredit_amount", 0)), 4
    )
    written = f"{at:%Y-%m-%d %H:%M:%S}"
    return {
        "entity_id": entity_id,
        "increment_id": f"{entity_id:09d}",
        "store_id": 1,
        "state": state,
        "status": status,
        "created_at": written,
        "updated_at": written,
        "is_virtual": int(all(row["is_virtual"] for row in rows)),
        "order_currency_code": "INR",
        "subtotal": subtotal,
        "shipping_amount": 0,
        "discount_amount": 0,
        "tax_amount": 0,
        "grand_total": grand_total,
        "total_due": grand_total,
        "total_qty_ordered": sum(row["qty_ordered"] for row in rows),
        "customer_firstname": "आशा",
        "customer_lastname": "Rao",
        "customer_email": "asha@example.com",
        "billing_address": dict(ADDRESS),
        "payment": {"method": method},
        "items": rows,
        "status_histories": [],
        "extension_attributes": {"shipping_assignments": [{"shipping": {"address": dict(ADDRESS)}}], **extras},
    } | more


def over_the_wire(payload: Mapping[str, Any]) -> tuple[Row, bytes]:
    """The payload as the hook hands it on: parsed with fractions as `Decimal`, and its JSON text."""
    raw = json.dumps(payload, ensure_ascii=False).encode()
    return json.loads(raw, parse_float=Decimal), raw
