"""`POST /V1/order/{id}/invoice` and what belongs to invoices."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from commerce_sandbox.magento_rules import bodies
from commerce_sandbox.magento_rules.book import Context, Document, OrderBook, Outcome, PaymentMethod, Refused
from commerce_sandbox.magento_rules.inventory_moves import release_virtual
from commerce_sandbox.magento_rules.items import Line
from commerce_sandbox.magento_rules.lifecycle import (
    CANCELED,
    CLOSED,
    COMPLETE,
    HOLDED,
    PAYMENT_REVIEW,
    Order,
    act,
)
from commerce_sandbox.magento_rules.numbers import ZERO, DeltaRounder, add, dec, num, stamp, total

OPEN, PAID = 1, 2

CREATION_ITEM: bodies.Fields = {"order_item_id": "int", "qty": "float", "extension_attributes": "extension"}
CREATION_COMMENT: bodies.Fields = {
    "comment": "string",
    "is_visible_on_front": "int",
    "extension_attributes": "extension",
}
_ARGUMENTS: bodies.Fields = {"extension_attributes": "extension"}

_AMOUNTS = ("subtotal", "discount_amount", "shipping_amount", "tax_amount", "discount_tax_compensation_amount")
_COPIED_FROM_ORDER = (
    "base_currency_code",
    "base_to_global_rate",
    "base_to_order_rate",
    "billing_address_id",
    "discount_description",
    "global_currency_code",
    "order_currency_code",
    "store_currency_code",
    "store_id",
    "store_to_base_rate",
    "store_to_order_rate",
)


def invoice(book: OrderBook, body: Any, ctx: Context) -> Outcome:
    """Invoice quantities (all that is left if none are named) and mark the invoice paid, captured or not.

    Answers the invoice's id. A new order goes to processing (custom statuses are reset to the state's default); an
    order with nothing left to do goes to complete.

    Raises:
        Refused: 400, one text with a line for every validator that objects; nothing was kept.
    """
    wanted = quantities(body)
    comment = bodies.entity(bodies.top(body).get("comment"), CREATION_COMMENT)
    bodies.entity(bodies.top(body).get("arguments"), _ARGUMENTS)
    capture = bool(bodies.optional(body, "capture", "bool", default=False))
    notify = bool(bodies.optional(body, "notify", "bool", default=False))
    told = notify and bool(bodies.optional(body, "appendComment", "bool", default=False))

    def change(order: Order) -> str | int:
        chosen = _chosen(order, wanted)
        _refuse_invalid(order, chosen)
        invoice_id = ctx.next_id("invoice")
        document = _document(order, chosen, invoice_id)
        if comment.get("comment"):
            document["comments"] = [comment_row(comment, invoice_id, ctx, "invoice_comment", told)]
        if notify:
            document["email_sent"] = 1
        _register(order, chosen, document, capture=capture)
        book.invoices.append(document)
        order.enter(order.next_state(in_progress=True))
        release_virtual(order, chosen, invoice_id)
        return answer_id(invoice_id, ctx)

    return act(book, ctx, change)


def capture_invoice(book: OrderBook, invoice_id: int, ctx: Context) -> Outcome:
    """`POST /V1/invoices/{id}/capture`: only an open invoice of a method that captures can be captured.

    Raises:
        Refused: 404 for an unknown invoice, 400 for one that cannot be captured.
    """
    document = find(book.invoices, invoice_id)
    if document.get("state") != OPEN or not payment_method(book, ctx).can_capture:
        raise Refused(400, "The capture action is not available.")

    def change(order: Order) -> bool:
        document["state"] = PAID
        document["updated_at"] = stamp(ctx.now)
        _pay(order, document, online=True)
        return True

    return act(book, ctx, change)


def quantities(body: Any) -> dict[int, Decimal]:
    """The `items` of an invoice, shipment or refund as item id -> quantity; the last of two rows for an item counts."""
    rows = bodies.entities(bodies.top(body).get("items"), CREATION_ITEM)
    return {int(row.get("order_item_id") or 0): dec(row.get("qty")) for row in rows}


def find(documents: list[Document], entity_id: int) -> Document:
    """The document with an id.

    Raises:
        Refused: 404 if there is none.
    """
    for document in documents:
        if int(document["entity_id"]) == int(entity_id):
            return document
    raise Refused(404, "The entity that was requested doesn't exist. Verify the entity and try again.")


def payment_method(book: OrderBook, ctx: Context) -> PaymentMethod:
    """What the order's payment method can do; an unknown one is offline."""
    code = str((book.order.get("payment") or {}).get("method") or "")
    return ctx.payment_methods.get(code) or PaymentMethod(code, code)


def answer_id(entity_id: int, ctx: Context) -> str | int:
    """An id as these calls answer it: a JSON string, or a number where the store is told to."""
    return str(entity_id) if ctx.rules.ids_as_strings else entity_id


def comment_row(comment: Document, parent_id: int, ctx: Context, kind: str, told: bool) -> Document:
    """A comment under an invoice, shipment or credit memo."""
    return {
        "is_customer_notified": int(told),
        "parent_id": parent_id,
        "comment": comment["comment"],
        "is_visible_on_front": int(comment.get("is_visible_on_front") or 0),
        "created_at": stamp(ctx.now),
        "entity_id": ctx.next_id(kind),
    }


def _chosen(order: Order, wanted: dict[int, Decimal]) -> list[tuple[Line, Decimal]]:
    """The lines of the invoice with their quantities; lines that are not named come with 0.

    Raises:
        Refused: 400 at once for the first line of which more is asked than is left.
    """
    chosen = []
    for line in order.lines:
        quantity = _quantity(line, wanted)
        if quantity is None:
            continue
        if not line.row.get("is_qty_decimal"):
            quantity = Decimal(int(quantity))
        quantity = max(quantity, ZERO)
        if quantity > line.to_invoice and not line.dummy():
            raise Refused(400, 'We found an invalid quantity to invoice item "%1".', [line.row.get("name")])
        chosen.append((line, quantity))
    return chosen


def _quantity(line: Line, wanted: dict[int, Decimal]) -> Decimal | None:
    """How many of a line go on the invoice; None if the line does not appear at all."""
    if not line.dummy():
        if line.to_invoice <= 0:
            return None
        return _asked(line, wanted) if wanted else line.to_invoice
    if line.parent is not None:
        if line.parent.to_invoice <= 0:
            return None
        parent = wanted.get(line.parent.item_id, ZERO) if wanted else line.parent.to_invoice
        return line.share(parent) if parent > 0 else None
    parts = [_of_child(child, wanted) / child.quantity("ordered") for child in line.children]
    whole = max(parts, default=ZERO) * line.quantity("ordered")
    part = min(whole, line.quantity("ordered") - line.quantity("invoiced"))
    return part if part > 0 else None


def _of_child(child: Line, wanted: dict[int, Decimal]) -> Decimal:
    return min(_asked(child, wanted), child.to_invoice) if wanted else child.to_invoice


def _asked(line: Line, wanted: dict[int, Decimal]) -> Decimal:
    """How many of a line are asked for; naming a bundle that is priced by its parts names them all."""
    if line.item_id in wanted or line.parent is None:
        return wanted.get(line.item_id, ZERO)
    return line.share(wanted.get(line.parent.item_id, ZERO))


def _refuse_invalid(order: Order, chosen: list[tuple[Line, Decimal]]) -> None:
    errors = []
    if sum((quantity for _, quantity in chosen), ZERO) <= 0:
        errors.append("The invoice can't be created without products. Add products and try again.")
    if order.state in {PAYMENT_REVIEW, HOLDED, CANCELED, COMPLETE, CLOSED}:
        errors.append(f"An invoice cannot be created when an order has a status of {order.status}")
    elif not any(line.to_invoice > 0 for line in order.lines):
        errors.append("The order does not allow an invoice to be created.")
    if errors:
        raise Refused(400, "\n".join(["Invoice Document Validation Error(s):", *errors]))


def _document(order: Order, chosen: list[tuple[Line, Decimal]], invoice_id: int) -> Document:
    """The invoice's document, its amounts apportioned from the lines and, on the first one, the order's shipping."""
    ctx, row = order.ctx, order.row
    rounder = DeltaRounder()
    rows = [_row(line, quantity, rounder) for line, quantity in chosen]
    asked = {line.item_id: quantity for line, quantity in chosen}
    last = all(asked.get(line.item_id, ZERO) == line.not_invoiced for line in order.lines if not line.dummy())
    amounts = _amounts(order, rows, last=last)
    now = stamp(ctx.now)
    document: Document = {key: row[key] for key in _COPIED_FROM_ORDER if key in row}
    for key, value in amounts.items():
        document[key] = num(value)
        document[_base(key)] = num(value * _rate(row))
    document |= {
        "can_void_flag": 0,
        "created_at": now,
        "entity_id": invoice_id,
        "increment_id": ctx.next_increment("invoice", int(row.get("store_id") or 0)),
        "order_id": row["entity_id"],
        "state": PAID,
        "total_qty": num(sum((quantity for _, quantity in chosen), ZERO)),
        "updated_at": now,
    }
    address = shipping_address_id(row)
    if address is not None:
        document["shipping_address_id"] = address
    kept = [item for item in rows if dec(item["qty"]) > 0]
    for item in kept:
        item |= {"entity_id": ctx.next_id("invoice_item"), "parent_id": invoice_id}
    document["items"] = kept
    document["comments"] = []
    return document


def _row(line: Line, quantity: Decimal, rounder: DeltaRounder) -> Document:
    """One row of the invoice. The last part of a line takes what rounding left of the line's amounts.

    Pieces that were cancelled keep their share; Magento, which here looks at what is left to invoice, would charge it.
    """
    source = line.row
    row: Document = {}
    for key in ("name", "price", "base_price", "price_incl_tax", "base_price_incl_tax", "product_id", "sku"):
        if source.get(key) is not None:
            row[key] = source[key]
    row |= {"order_item_id": line.item_id, "qty": num(quantity)}
    if line.dummy():
        return row
    last = quantity == line.not_invoiced
    open_quantity = line.not_invoiced

    def part(whole: Decimal, done: str, *, negative: bool = False) -> Decimal:
        left = whole - dec(source.get(done))
        return left if last else rounder(left / open_quantity * quantity, negative=negative)

    amounts = {
        "row_total": part(line.row_total, "row_invoiced"),
        "row_total_incl_tax": rounder(line.row_total_incl_tax / line.quantity("ordered") * quantity, "including"),
        "tax_amount": part(dec(source.get("tax_amount")), "tax_invoiced"),
        "discount_tax_compensation_amount": part(
            dec(source.get("discount_tax_compensation_amount")), "discount_tax_compensation_invoiced"
        ),
    }
    if dec(source.get("discount_amount")):
        amounts["discount_amount"] = part(dec(source["discount_amount"]), "discount_invoiced", negative=True)
    rate = _rate(source)
    for key, value in amounts.items():
        row[key] = num(value)
        row[f"base_{key}"] = num(value * rate)
    source["weee_tax_applied"] = "[]"
    return row


def _amounts(order: Order, rows: list[Document], *, last: bool) -> dict[str, Decimal]:
    """The totals of an invoice by column. What other modules add (fee, store credit) goes with the first invoice."""
    row = order.row
    first = not any(dec(document.get("shipping_amount")) for document in order.book.invoices)
    no_discount_yet = not any(dec(document.get("discount_amount")) for document in order.book.invoices)

    def left(key: str) -> Decimal:
        return dec(row.get(key)) - dec(row.get(key.removesuffix("_amount") + "_invoiced"))

    def shipping(key: str) -> Decimal:
        return dec(row.get(key)) if first else ZERO

    discount = total(rows, "discount_amount") + (dec(row.get("shipping_discount_amount")) if no_discount_yet else ZERO)
    tax = total(rows, "tax_amount") + shipping("shipping_tax_amount")
    compensation_key = "discount_tax_compensation_amount"
    compensation = total(rows, compensation_key) + shipping("shipping_discount_tax_compensation_amount")
    amounts = {
        "subtotal": left("subtotal") if last else min(left("subtotal"), total(rows, "row_total")),
        "subtotal_incl_tax": total(rows, "row_total_incl_tax"),
        "discount_amount": -discount,
        "shipping_amount": shipping("shipping_amount"),
        "shipping_incl_tax": shipping("shipping_incl_tax"),
        "shipping_tax_amount": shipping("shipping_tax_amount"),
        "shipping_discount_tax_compensation_amount": shipping("shipping_discount_tax_compensation_amount"),
        "tax_amount": left("tax_amount") if last else min(left("tax_amount"), tax),
        compensation_key: left(compensation_key) if last else min(left(compensation_key), compensation),
    }
    grand_total = sum((amounts[key] for key in _AMOUNTS), ZERO)
    amounts["grand_total"] = max(grand_total + charges_left(row, order.book.invoices), ZERO)
    return amounts


def charges_left(row: Document, documents: list[Document]) -> Decimal:
    """What the order's grand total holds beside Magento's own parts and no document of the order has yet.

    A cash-on-delivery fee (more) and store credit (less): modules add both. The first document takes them, as far as it
    does not fall below 0.
    """
    shipping = dec(row.get("shipping_discount_tax_compensation_amount"))
    return _beside_own_parts(row) - shipping - sum((_beside_own_parts(each) for each in documents), ZERO)


def _beside_own_parts(row: Document) -> Decimal:
    return dec(row.get("grand_total")) - sum((dec(row.get(key)) for key in (*_AMOUNTS, "adjustment")), ZERO)


def _register(order: Order, chosen: list[tuple[Line, Decimal]], document: Document, *, capture: bool) -> None:
    """Write the invoice's quantities and amounts into the lines, the order and its payment."""
    by_line = {item["order_item_id"]: item for item in document["items"]}
    for line, quantity in chosen:
        item = by_line.get(line.item_id)
        if item is None:
            continue
        add(line.row, "qty_invoiced", quantity)
        for target, source in (
            ("tax_invoiced", "tax_amount"),
            ("discount_tax_compensation_invoiced", "discount_tax_compensation_amount"),
            ("discount_invoiced", "discount_amount"),
            ("row_invoiced", "row_total"),
        ):
            add(line.row, target, dec(item.get(source)))
            add(line.row, f"base_{target}", dec(item.get(f"base_{source}")))
    for target, source in (
        ("total_invoiced", "grand_total"),
        ("subtotal_invoiced", "subtotal"),
        ("tax_invoiced", "tax_amount"),
        ("discount_tax_compensation_invoiced", "discount_tax_compensation_amount"),
        ("shipping_invoiced", "shipping_amount"),
        ("discount_invoiced", "discount_amount"),
    ):
        add(order.row, target, dec(document.get(source)))
        add(order.row, f"base_{target}", dec(document.get(f"base_{source}")))
    add(order.row, "base_total_invoiced_cost", ZERO)
    _pay(order, document, online=capture and payment_method(order.book, order.ctx).can_capture)


def _pay(order: Order, document: Document, *, online: bool) -> None:
    payment = order.row.setdefault("payment", {})
    for target, source in (("amount_paid", "grand_total"), ("shipping_captured", "shipping_amount")):
        add(payment, target, dec(document.get(source)))
        add(payment, f"base_{target}", dec(document.get(f"base_{source}")))
    if online:
        add(payment, "base_amount_paid_online", dec(document.get("base_grand_total")))
    add(order.row, "total_paid", dec(document.get("grand_total")))
    add(order.row, "base_total_paid", dec(document.get("base_grand_total")))


def shipping_address_id(row: Document) -> int | None:
    """The id of the order's shipping address; None for a virtual order."""
    for assignment in (row.get("extension_attributes") or {}).get("shipping_assignments") or []:
        address = (assignment.get("shipping") or {}).get("address") or {}
        if address.get("entity_id") is not None:
            return int(address["entity_id"])
    return None


def _base(key: str) -> str:
    """The base-currency twin of a column; one of them is abbreviated in Magento."""
    if key == "shipping_discount_tax_compensation_amount":
        return "base_shipping_discount_tax_compensation_amnt"
    return f"base_{key}"


def _rate(row: Document) -> Decimal:
    """Base currency for one of the order's currency, read off a pair of columns."""
    own, base = dec(row.get("price") or row.get("subtotal")), dec(row.get("base_price") or row.get("base_subtotal"))
    return base / own if own and base else Decimal(1)
