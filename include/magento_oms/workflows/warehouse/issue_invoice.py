"""Issuing a fulfilment's invoice when it is packed: its number, its figures, and what the law wants beside it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping

from magento_oms.config.models import InstanceConfig, StoreConfig
from magento_oms.domain import gstin
from magento_oms.domain.geography import state_of_pincode
from magento_oms.domain.invoicing.compose import Cut, LinePart, OrderMoney, compose, weights
from magento_oms.domain.invoicing.content import DocumentType, InvoiceContent, Party
from magento_oms.domain.invoicing.numbers import INDIA, SeriesIsFull, financial_year, invoice_number
from magento_oms.storage import invoices
from magento_oms.storage.database import text
from magento_oms.storage.fulfilments import CarriedLine, StoredFulfilment
from magento_oms.workflows.warehouse.problems import Kind, WarehouseProblem

ZERO = Decimal(0)
EWAY_BILL = "eway_bill"
IRN = "irn"

_LINES = text(
    "select l.item_id, l.kind, l.sku, l.name, l.ordered, l.cancelled, l.packed, l.invoiced, l.payable, l.tax,"
    " l.tax_percent, l.discount, coalesce(p.hsn, '') as hsn, p.gst_percent from order_line l"
    " join sales_order o on o.id = l.order_id left join product p on p.instance = o.instance and p.sku = l.sku"
    " where l.order_id = :id order by l.item_id"
)


def issue(
    connection: Connection,
    config: InstanceConfig,
    store: StoreConfig,
    stored: StoredFulfilment,
    lines: Sequence[CarriedLine],
    now: datetime,
) -> InvoiceContent:
    """Write the invoice of a fulfilment that is being packed. The order is locked, and `packed` not moved yet.

    Raises:
        WarehouseProblem: the place of supply is not known, or the series is full.
    """
    order = (
        connection.execute(text("select * from sales_order where id = :id"), {"id": stored.order_id}).mappings().one()
    )
    seller_row = (
        connection.execute(text("select * from location where code = :code"), {"code": stored.location})
        .mappings()
        .one()
    )
    seller = _seller(seller_row)
    buyer, ship_to = _buyer(order["buyer"], "billing"), _buyer(order["buyer"], "shipping")
    supply = _place_of_supply(buyer, ship_to, stored)
    taxed = "none" if not seller.gstin else "intra" if supply == seller.state_code else "inter"
    document = DocumentType.TAX_INVOICE if seller.gstin else DocumentType.BILL_OF_SUPPLY
    rows = connection.execute(_LINES, {"id": stored.order_id}).mappings().all()
    now_packed = {line.item_id: line.quantity for line in lines if line.quantity}
    parts = [_part(row, store, now_packed[row["item_id"]]) for row in rows if row["item_id"] in now_packed]
    invoiced = invoices.invoiced_items(connection, stored.order_id)
    virtual = [
        _part(row, store, row["ordered"] - row["cancelled"], ZERO)
        for row in rows
        if row["kind"] == "virtual" and row["ordered"] > row["cancelled"] and row["item_id"] not in invoiced
    ]
    figures = compose(parts, virtual, _money(order, rows, now_packed), taxed=taxed)
    year = financial_year(now)
    series = seller.gstin or f"location:{stored.location}"
    serial = invoices.next_serial(connection, series, str(document), year)
    try:
        number = invoice_number(store.invoice.prefix, year, serial)
    except SeriesIsFull as full:
        raise WarehouseProblem(Kind.REFUSED, f"No invoice number is left: {full}.") from None
    content = InvoiceContent(
        document=document,
        number=number,
        issued_on=now.astimezone(INDIA).date(),
        order_number=stored.increment_id,
        ordered_on=order["placed_at"].astimezone(store.zone).date(),
        seller=seller,
        buyer=buyer,
        ship_to=ship_to,
        supply_state=gstin.state_named(supply),
        supply_code=supply,
        goods=figures.goods,
        charges=figures.charges,
        rounding=figures.rounding,
        total=figures.total,
        store_credit=figures.store_credit,
        to_pay=figures.to_pay,
        collect=figures.collect,
        payment="Cash on delivery" if stored.payment_kind == "cod" else "Prepaid",
        currency=order["currency"],
    )
    invoices.insert(
        connection,
        content,
        order_id=stored.order_id,
        fulfilment_id=stored.id,
        seller=series,
        financial_year=year,
        serial=serial,
        issued_at=now,
    )
    return content


def permits_needed(content: InvoiceContent, store: StoreConfig) -> dict[str, str]:
    """What the law wants before the goods move: kind → why."""
    needed: dict[str, str] = {}
    limit = store.invoice.eway_bill_above
    if limit is not None and content.total > limit:
        needed[EWAY_BILL] = (
            f"invoice {content.number} of Rs {content.total} is above Rs {limit}: it needs an e-way bill"
        )
    if store.invoice.e_invoicing and content.buyer.gstin and content.document is DocumentType.TAX_INVOICE:
        needed[IRN] = f"invoice {content.number} goes to a registered buyer: an IRN with its signed QR is needed"
    return needed


def _money(order: RowMapping, rows: Sequence[RowMapping], now_packed: dict[int, Decimal]) -> OrderMoney:
    cuts = [
        Cut(row["payable"], row["ordered"], row["packed"], now_packed.get(row["item_id"], ZERO))
        for row in rows
        if row["kind"] == "physical"
    ]
    whole, before, after = weights(cuts, sum((row["payable"] for row in rows if row["kind"] != "physical"), ZERO))
    return OrderMoney(
        whole=whole,
        before=before,
        after=after,
        all_lines=sum((row["payable"] for row in rows), ZERO),
        shipping=order["shipping"],
        other_charges=order["other_charges"],
        store_credit=order["store_credit"],
        grand_total=order["grand_total"],
        to_collect=order["to_collect"],
    )


def _part(row: RowMapping, store: StoreConfig, now: Decimal, before: Decimal | None = None) -> LinePart:
    rate = row["gst_percent"]
    return LinePart(
        item_id=row["item_id"],
        sku=row["sku"],
        name=row["name"],
        hsn=row["hsn"] or store.invoice.hsn,
        ordered=row["ordered"],
        before=row["packed"] if before is None else before,
        now=now,
        payable=row["payable"],
        tax=row["tax"],
        tax_percent=row["tax_percent"],
        discount=row["discount"],
        gst_percent=store.invoice.gst_percent if rate is None else rate,
    )


def _place_of_supply(buyer: Party, ship_to: Party, stored: StoredFulfilment) -> str:
    """GST's code of the state: a registered buyer's own, else where the goods go (IGST Act s. 10)."""
    if buyer.gstin:
        return buyer.gstin[:2]
    if not ship_to.state_code:
        raise WarehouseProblem(
            Kind.REFUSED,
            f"Order {stored.increment_id}: the state of the delivery address is none of India's, and its pincode is "
            "not known, so that GST cannot be told.",
            way_out="Correct the address on Magento and cancel and re-place the order, or cancel it.",
        )
    return ship_to.state_code


def _seller(row: RowMapping) -> Party:
    address = row["address"]
    return Party(
        name=row["name"],
        lines=tuple(address["lines"]),
        city=address["city"],
        state=address["state"],
        state_code=(row["gstin"] or "")[:2] or gstin.code_of(address["state"]) or "",
        pincode=address["pincode"],
        phone=address.get("phone") or "",
        email=address.get("email") or "",
        gstin=row["gstin"] or "",
    )


def _buyer(buyer: dict[str, Any], which: str) -> Party:
    address = buyer.get(which) or buyer.get("billing") or buyer.get("shipping") or {}
    state, pincode = str(address.get("region") or ""), str(address.get("pincode") or "")
    by_pincode = state_of_pincode(pincode)
    code = gstin.code_of(state) or (gstin.code_of(by_pincode) if by_pincode else None) or ""
    # What a customer typed there need not be one.
    registered = gstin.compact(str(address.get("gstin") or "")) if address.get("gstin") else None
    company = str(address.get("company") or "")
    name = str(address.get("name") or buyer.get("name") or "")
    return Party(
        name=f"{company}, {name}" if company and registered else name,
        lines=tuple(str(line) for line in address.get("lines") or ()),
        city=str(address.get("city") or ""),
        state=state or by_pincode or "",
        state_code=code,
        pincode=pincode,
        phone=str(address.get("phone") or ""),
        email=str(buyer.get("email") or ""),
        gstin=registered or "",
    )
