"""`POST /V1/order/{id}/refund` (offline) and `POST /V1/invoice/{id}/refund`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from commerce_sandbox.magento_rules import bodies
from commerce_sandbox.magento_rules.book import Context, Document, OrderBook, Outcome, Refused
from commerce_sandbox.magento_rules.inventory import StockFault
from commerce_sandbox.magento_rules.inventory_moves import give_back, source_without_choice, write_off
from commerce_sandbox.magento_rules.invoices import (
    CREATION_COMMENT,
    PAID,
    answer_id,
    charges_left,
    comment_row,
    find,
    payment_method,
    quantities,
    shipping_address_id,
)
from commerce_sandbox.magento_rules.items import Line
from commerce_sandbox.magento_rules.lifecycle import CANCELED, CLOSED, HOLDED, PAYMENT_REVIEW, Order, act
from commerce_sandbox.magento_rules.numbers import ZERO, DeltaRounder, add, dec, money, num, stamp, total

REFUNDED = 2
_ARGUMENTS: bodies.Fields = {
    "shipping_amount": "float",
    "adjustment_positive": "float",
    "adjustment_negative": "float",
    "extension_attributes": "extension",
}
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
_LINES = "Creditmemo Document Validation Error(s):"


def refund_order(book: OrderBook, body: Any, ctx: Context) -> Outcome:
    """Refund offline: quantities (all that is left if none are named), shipping and adjustments; answers an id.

    Shipping that is not named is refunded as far as it is left; `return_to_stock_items` (order item ids) says which
    pieces go back to stock.

    Raises:
        Refused: 400 with a line for every validator that objects.
    """
    return _refund(book, body, ctx, invoice=None, online=False)


def refund_invoice(book: OrderBook, invoice_id: int, body: Any, ctx: Context) -> Outcome:
    """Refund against one invoice, with the gateway if `isOnline`. Offline payment methods never allow it.

    Raises:
        Refused: 404 for an unknown invoice, 400 as `refund_order` and where the payment method does not refund.
    """
    invoice = find(book.invoices, invoice_id)
    online = bool(bodies.optional(body, "isOnline", "bool", default=False))
    return _refund(book, body, ctx, invoice=invoice, online=online)


def _refund(book: OrderBook, body: Any, ctx: Context, *, invoice: Document | None, online: bool) -> Outcome:
    wanted = quantities(body)
    given = bodies.top(body)
    comment = bodies.entity(given.get("comment"), CREATION_COMMENT)
    arguments = bodies.entity(given.get("arguments"), _ARGUMENTS)
    notify = bool(bodies.optional(body, "notify", "bool", default=False))
    told = notify and bool(bodies.optional(body, "appendComment", "bool", default=False))

    def change(order: Order) -> str | int:
        chosen = _chosen(order, wanted, invoice)
        memo = _document(order, chosen, arguments, invoice)
        _refuse_invalid(order, chosen, memo, invoice, wanted)
        memo_id = ctx.next_id("creditmemo")
        _number(memo, memo_id, order)
        if comment.get("comment"):
            memo["comments"] = [comment_row(comment, memo_id, ctx, "creditmemo_comment", told)]
        if notify:
            memo["email_sent"] = 1
        _register(order, memo, invoice, online=online)
        order.row["customer_note_notify"] = int(notify)
        book.creditmemos.append(memo)
        state = order.next_state()
        kind = "online" if online else "offline"
        text = f"We refunded {_price(dec(memo['grand_total']), order.row)} {kind}."
        status = ctx.statuses.default(state)
        order.add_history(text, status, notified=int(notify), visible=0, entity="creditmemo")
        order.enter(state)
        _return_to_stock(order, chosen, arguments, memo_id)
        return answer_id(memo_id, ctx)

    return act(book, ctx, change)


def _chosen(order: Order, wanted: dict[int, Decimal], invoice: Document | None) -> list[tuple[Line, Decimal]]:
    """The lines of the credit memo with their quantities, those with 0 included."""
    limits = None if invoice is None else _left_on_invoice(order, invoice)
    chosen = []
    for line in order.lines:
        if line.dummy():
            quantity = line.share(_asked(line.parent, wanted)) if line.parent is not None else ZERO
            if line.parent is None and line.children:
                child = line.children[0]
                quantity = line.quantity("ordered") * _asked(child, wanted) / child.quantity("ordered")
        else:
            quantity = _asked(line, wanted)
        if limits is not None:
            quantity = min(quantity, limits.get(line.item_id, ZERO))
        chosen.append((line, max(quantity, ZERO)))
    return chosen


def _asked(line: Line, wanted: dict[int, Decimal]) -> Decimal:
    return wanted.get(line.item_id, ZERO) if wanted else line.to_refund


def _left_on_invoice(order: Order, invoice: Document) -> dict[int, Decimal]:
    left = {int(item["order_item_id"]): dec(item["qty"]) for item in invoice["items"]}
    for memo in order.book.creditmemos:
        if memo.get("invoice_id") == invoice["entity_id"]:
            for item in memo["items"]:
                left[int(item["order_item_id"])] = left.get(int(item["order_item_id"]), ZERO) - dec(item["qty"])
    return left


def _document(
    order: Order, chosen: list[tuple[Line, Decimal]], arguments: Document, invoice: Document | None
) -> Document:
    row = order.row
    rounder = DeltaRounder()
    items = [_row(line, quantity, rounder) for line, quantity in chosen if quantity > 0]
    shipping, shipping_incl_tax = _shipping(row, arguments, invoice)
    left_tax = dec(row.get("shipping_tax_amount")) - dec(row.get("shipping_tax_refunded"))
    left_shipping = dec(row.get("shipping_amount")) - dec(row.get("shipping_refunded"))
    whole_shipping = shipping == left_shipping
    shipping_tax = left_tax if whole_shipping else money(_part(row, "shipping_tax_amount", shipping))
    shipping_discount = money(_part(row, "shipping_discount_amount", shipping))
    last = all(quantity == line.to_refund for line, quantity in chosen if not line.dummy())
    allowed_tax = dec(row.get("tax_invoiced")) - dec(row.get("tax_refunded"))
    tax = total(items, "tax_amount") + shipping_tax
    subtotal_left = dec(row.get("subtotal_invoiced")) - dec(row.get("subtotal_refunded"))
    positive, negative = dec(arguments.get("adjustment_positive")), dec(arguments.get("adjustment_negative"))
    amounts = {
        "adjustment": positive - negative,
        "subtotal": subtotal_left if last else min(subtotal_left, total(items, "row_total")),
        "subtotal_incl_tax": total(items, "row_total_incl_tax"),
        "discount_amount": -(total(items, "discount_amount") + shipping_discount),
        "shipping_amount": shipping,
        "shipping_incl_tax": shipping_incl_tax,
        "shipping_tax_amount": shipping_tax,
        "tax_amount": allowed_tax if last and whole_shipping else min(allowed_tax, tax),
        "discount_tax_compensation_amount": total(items, "discount_tax_compensation_amount"),
    }
    for name in ("adjustment_positive", "adjustment_negative"):
        if arguments.get(name) is not None:
            amounts[name] = dec(arguments[name])
    summed = ("adjustment", "subtotal", "discount_amount", "shipping_amount", "tax_amount")
    grand_total = sum((amounts[name] for name in summed), amounts["discount_tax_compensation_amount"])
    amounts["grand_total"] = grand_total + (charges_left(row, order.book.creditmemos) if last else ZERO)
    memo: Document = {key: row[key] for key in _COPIED_FROM_ORDER if key in row}
    rate = dec(row.get("base_grand_total")) / dec(row["grand_total"]) if dec(row.get("grand_total")) else Decimal(1)
    for key, value in amounts.items():
        memo[key] = num(value)
        memo[f"base_{key}"] = num(value * rate)
    memo["items"] = items
    memo["comments"] = []
    return memo


def _shipping(row: Document, arguments: Document, invoice: Document | None) -> tuple[Decimal, Decimal]:
    """Shipping to refund without and with tax.

    Raises:
        Refused: 400 if more is asked than is left.
    """
    whole, whole_incl = dec(row.get("shipping_amount")), dec(row.get("shipping_incl_tax"))
    left = whole - dec(row.get("shipping_refunded"))
    asked = arguments.get("shipping_amount")
    if asked is None:
        invoiced = left if invoice is None else min(left, dec(invoice.get("shipping_amount")))
        tax_left = dec(row.get("shipping_tax_amount")) - dec(row.get("shipping_tax_refunded"))
        return invoiced, money(invoiced + tax_left) if invoiced == left else money(
            _part(row, "shipping_incl_tax", invoiced)
        )
    desired = money(dec(asked))
    if desired and not whole:
        raise Refused(400, "You can not refund shipping if there is no shipping amount.")
    if desired > money(left):
        raise Refused(400, "Maximum shipping amount allowed to refund is: %1", [_price(left, row)])
    ratio = desired / whole if whole else ZERO
    return min(desired, left), money(whole_incl * ratio)


def _part(row: Document, key: str, shipping: Decimal) -> Decimal:
    whole = dec(row.get("shipping_amount"))
    return dec(row.get(key)) * shipping / whole if whole else ZERO


def _row(line: Line, quantity: Decimal, rounder: DeltaRounder) -> Document:
    """One row of the credit memo; the last part of a line takes what rounding left."""
    source = line.row
    row: Document = {"base_cost": None}
    for key in ("name", "price", "base_price", "price_incl_tax", "base_price_incl_tax", "product_id", "sku"):
        if source.get(key) is not None:
            row[key] = source[key]
    row |= {"order_item_id": line.item_id, "qty": num(quantity)}
    if line.dummy():
        return row
    last = quantity == line.to_refund
    open_quantity = max(line.to_refund, quantity)

    def part(invoiced: str, refunded: str, *, negative: bool = False) -> Decimal:
        left = dec(source.get(invoiced)) - dec(source.get(refunded))
        return left if last else rounder(left / open_quantity * quantity, negative=negative)

    amounts = {
        "row_total": part("row_invoiced", "amount_refunded"),
        "row_total_incl_tax": rounder(line.row_total_incl_tax / line.quantity("ordered") * quantity, "including"),
        "tax_amount": part("tax_invoiced", "tax_refunded"),
        "discount_tax_compensation_amount": part(
            "discount_tax_compensation_invoiced", "discount_tax_compensation_refunded"
        ),
    }
    if dec(source.get("discount_invoiced")):
        amounts["discount_amount"] = part("discount_invoiced", "discount_refunded", negative=True)
    for key, value in amounts.items():
        row[key] = num(value)
        row[f"base_{key}"] = num(value)
    return row | {
        "base_weee_tax_row_disposition": 0,
        "weee_tax_applied": "[]",
        "weee_tax_applied_row_amount": 0,
        "weee_tax_row_disposition": 0,
    }


def _refuse_invalid(
    order: Order,
    chosen: list[tuple[Line, Decimal]],
    memo: Document,
    invoice: Document | None,
    wanted: dict[int, Decimal],
) -> None:
    row = order.row
    errors = []
    if order.state in {PAYMENT_REVIEW, HOLDED, CANCELED, CLOSED}:
        errors.append(f"A creditmemo can not be created when an order has a status of {order.status}")
    elif not any(line.to_refund or line.dummy() for line in order.lines):
        errors.append("The order does not allow a creditmemo to be created.")
    paid, refunded = money(dec(row.get("total_paid"))), dec(row.get("total_refunded"))
    if paid == refunded:
        errors.append("We can't create creditmemo for the order.")
    if invoice is not None and not _invoice_can_be_refunded(order, invoice):
        errors.append("We can't create creditmemo for the invoice.")
    for line, quantity in chosen:
        if not line.dummy() and quantity > line.to_refund:
            sku = line.row.get("sku")
            errors.append(
                f'The quantity to creditmemo must not be greater than the unrefunded quantity for product SKU "{sku}".'
            )
    asked = dec(memo["grand_total"])
    if asked <= 0:
        errors.append("The credit memo's total must be positive.")
    elif not any(quantity > 0 for _, quantity in chosen) and not dec(memo["shipping_amount"]):
        errors.append("You can't create a creditmemo without products.")
    if money(refunded + asked) > paid:
        errors.append(f"The most money available to refund is {num(paid - refunded)}.")
    for item_id, quantity in wanted.items():
        found = order.lines.get(item_id)
        if found is None:
            errors.append("The creditmemo contains product item that is not part of the original order.")
        elif quantity > found.to_refund and not found.dummy():
            errors.append("The quantity to refund must not be greater than the unrefunded quantity.")
    if errors:
        raise Refused(400, "\n".join([_LINES, *errors]))


def _invoice_can_be_refunded(order: Order, invoice: Document) -> bool:
    """Paid, not used up, and by a payment method that gives money back."""
    method = payment_method(order.book, order.ctx)
    used = total(
        (memo for memo in order.book.creditmemos if memo.get("invoice_id") == invoice["entity_id"]), "grand_total"
    )
    return invoice.get("state") == PAID and dec(invoice.get("grand_total")) > used and method.can_refund


def _number(memo: Document, memo_id: int, order: Order) -> None:
    ctx = order.ctx
    now = stamp(ctx.now)
    memo |= {
        "created_at": now,
        "entity_id": memo_id,
        "increment_id": ctx.next_increment("creditmemo", int(order.row.get("store_id") or 0)),
        "order_id": order.row["entity_id"],
        "state": REFUNDED,
        "updated_at": now,
    }
    address = shipping_address_id(order.row)
    if address is not None:
        memo["shipping_address_id"] = address
    for item in memo["items"]:
        item |= {"entity_id": ctx.next_id("creditmemo_item"), "parent_id": memo_id}


def _register(order: Order, memo: Document, invoice: Document | None, *, online: bool) -> None:
    """Write the credit memo's quantities and amounts into lines, order, invoice and payment."""
    for item in memo["items"]:
        line = order.lines.get(item["order_item_id"])
        if line is None:
            continue
        add(line.row, "qty_refunded", dec(item["qty"]))
        for target, source in (
            ("tax_refunded", "tax_amount"),
            ("discount_tax_compensation_refunded", "discount_tax_compensation_amount"),
            ("amount_refunded", "row_total"),
            ("discount_refunded", "discount_amount"),
        ):
            add(line.row, target, dec(item.get(source)))
            add(line.row, f"base_{target}", dec(item.get(f"base_{source}")))
    row = order.row
    for target, source in (
        ("total_refunded", "grand_total"),
        ("subtotal_refunded", "subtotal"),
        ("tax_refunded", "tax_amount"),
        ("discount_tax_compensation_refunded", "discount_tax_compensation_amount"),
        ("shipping_refunded", "shipping_amount"),
        ("shipping_tax_refunded", "shipping_tax_amount"),
        ("adjustment_positive", "adjustment_positive"),
        ("adjustment_negative", "adjustment_negative"),
        ("discount_refunded", "discount_amount"),
        ("total_online_refunded" if online else "total_offline_refunded", "grand_total"),
    ):
        add(row, target, dec(memo.get(source)))
        add(row, f"base_{target}", dec(memo.get(f"base_{source}")))
    payment = row.setdefault("payment", {})
    for target, source in (("amount_refunded", "grand_total"), ("shipping_refunded", "shipping_amount")):
        add(payment, target, dec(memo.get(source)))
        add(payment, f"base_{target}", dec(memo.get(f"base_{source}")))
    if online:
        add(payment, "base_amount_refunded_online", dec(memo.get("base_grand_total")))
    if invoice is not None:
        memo["invoice_id"] = invoice["entity_id"]
        invoice["base_total_refunded"] = num(dec(invoice.get("base_total_refunded")) + dec(memo["base_grand_total"]))
        invoice["is_used_for_refund"] = 1


def _return_to_stock(
    order: Order, chosen: list[tuple[Line, Decimal]], arguments: Mapping[str, Any], memo_id: int
) -> None:
    extension = arguments.get("extension_attributes")
    named = extension.get("return_to_stock_items") if isinstance(extension, dict) else None
    ids = {int(item_id) for item_id in named or []}
    returned = [(line, quantity) for line, quantity in chosen if line.item_id in ids and quantity > 0]
    shipments = order.book.shipments
    source = (shipments[-1].get("extension_attributes") or {}).get("source_code") if shipments else None
    source_code = str(source or source_without_choice(order))
    give_back(order, returned, memo_id, source_code)
    # A child goes with its parent, whose pieces are the children's.
    kept = [
        (line, quantity)
        for line, quantity in chosen
        if line.parent is None and line.item_id not in ids and not ids & {child.item_id for child in line.children}
    ]
    try:
        write_off(order, kept, memo_id, source_code)
    except StockFault:
        raise Refused(400, "Could not save a Creditmemo, see error log for details") from None


_SYMBOLS = {"INR": "₹", "USD": "$", "EUR": "€", "GBP": "£"}


def _price(amount: Decimal, row: Document) -> str:
    code = str(row.get("order_currency_code") or "INR")
    return f"{_SYMBOLS.get(code, code)}{money(amount):,.2f}"
