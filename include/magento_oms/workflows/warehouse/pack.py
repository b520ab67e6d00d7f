"""Packing: all units of a fulfilment are in boxes. Its invoice is issued, its boxes become parcels and are booked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b

import orjson
from sqlalchemy import Connection

from magento_oms.config.account_models import AggregatorAccountRef
from magento_oms.config.models import InstanceConfig, StoreConfig
from magento_oms.domain.fulfilments import FulfilmentState
from magento_oms.domain.invoicing.content import InvoiceContent
from magento_oms.domain.money import allot, share
from magento_oms.domain.parcels import NewParcel, ParcelContents
from magento_oms.ports import Direction, InvoiceFacts, ParcelItem, ParcelSize
from magento_oms.storage import effects, fulfilments, notices, orders, parcels
from magento_oms.storage.database import text
from magento_oms.storage.fulfilments import CarriedLine, StoredFulfilment
from magento_oms.workflows.couriers import plans
from magento_oms.workflows.fulfilling import effects as fulfilling
from magento_oms.workflows.warehouse import issue_invoice
from magento_oms.workflows.warehouse.problems import Detail, Kind, WarehouseProblem

ZERO = Decimal(0)
LARGEST_CM = Decimal(500)
HEAVIEST_G = Decimal(500_000)


@dataclass(frozen=True, slots=True)
class Box:
    """One box: what is in it (item id → units), and its size; None: the courier account's usual one.

    Centimetres and grams.
    """

    items: dict[int, Decimal]
    length_cm: Decimal | None = None
    breadth_cm: Decimal | None = None
    height_cm: Decimal | None = None
    weight_g: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Packed:
    """What came of packing. `again`: it was packed so before, and nothing was done now."""

    fulfilment_id: int
    invoice_number: str
    parcels: tuple[int, ...]
    again: bool = False


def pack(
    connection: Connection,
    config: InstanceConfig,
    fulfilment_id: int,
    shipment_id: str,
    boxes: Sequence[Box],
    *,
    by: str,
    now: datetime | None = None,
) -> Packed:
    """Pack a fulfilment. The same packing again, under the same shipment id, answers the same.

    Args:
        shipment_id: the warehouse's own id of this packing, unique for ever.

    Raises:
        WarehouseProblem: nothing was changed.
    """
    stored = fulfilments.get(connection, fulfilment_id, lock=True)
    if stored is None:
        raise WarehouseProblem(Kind.MISSING, f"There is no fulfilment {fulfilment_id}.")
    digest = _digest(boxes)
    if answer := _packed_before(connection, stored, shipment_id, digest):
        return answer
    _check_state(connection, stored)
    store = config.store(stored.store_id)
    if store is None or not store.aggregators:
        raise WarehouseProblem(
            Kind.REFUSED,
            f"No courier account is configured for the store of order {stored.increment_id}.",
            way_out="List one under the store's `aggregators`.",
        )
    lines = [line for line in fulfilments.lines(connection, [fulfilment_id])[fulfilment_id] if line.quantity]
    if wrong := [*_wrong_sizes(boxes), *_wrong_units(boxes, lines)]:
        raise WarehouseProblem(Kind.INVALID, f"Fulfilment {fulfilment_id} was not packed.", details=tuple(wrong))
    invoice = issue_invoice.issue(connection, config, store, stored, lines, now or datetime.now(UTC))
    fulfilments.note_packed(connection, fulfilment_id, shipment_id, digest)
    connection.execute(
        text(
            "update order_line l set packed = l.packed + f.quantity from fulfilment_line f"
            " where f.fulfilment_id = :id and l.order_id = f.order_id and l.item_id = f.item_id"
        ),
        {"id": fulfilment_id},
    )
    _hold_for_permits(connection, stored, store, invoice)
    orders.derive_lines(connection, stored.order_id)
    orders.derive_state(connection, stored.order_id)
    fulfilments.derive_state(connection, fulfilment_id)
    parcel_ids = _make_parcels(connection, stored, store.aggregators[0], boxes, lines, invoice)
    invoicing = effects.plan(connection, fulfilling.create_invoice(config, stored), stored.order_id)
    for parcel_id in parcel_ids:
        first = store.aggregators[0]
        plans.plan_booking(
            connection, parcel_id, first.account, first.aggregator, after=[] if invoicing is None else [invoicing]
        )
    details = {
        "fulfilment": fulfilment_id,
        "location": stored.location,
        "shipment": shipment_id,
        "boxes": len(boxes),
        "invoice": invoice.number,
        "by": by,
    }
    orders.add_event(connection, stored.order_id, "packed", details)
    notices.tell(connection, "packed", fulfilment_id)
    return Packed(fulfilment_id, invoice.number, tuple(parcel_ids))


def _packed_before(connection: Connection, stored: StoredFulfilment, shipment_id: str, digest: bytes) -> Packed | None:
    # Two fulfilments may be packed under one id at the same time: the second waits here, and is told.
    connection.execute(
        text("select pg_advisory_xact_lock(hashtextextended(:id, 5))"), {"id": f"shipment:{shipment_id}"}
    )
    other = fulfilments.by_shipment(connection, shipment_id)
    if other is not None and other != stored.id:
        raise WarehouseProblem(
            Kind.CONFLICT, f"Shipment {shipment_id} is fulfilment {other}: a shipment id is used once."
        )
    if stored.shipment_id is None:
        return None
    if stored.shipment_id != shipment_id:
        raise WarehouseProblem(
            Kind.CONFLICT, f"Fulfilment {stored.id} was packed already, as shipment {stored.shipment_id}."
        )
    if stored.pack_digest != digest:
        raise WarehouseProblem(
            Kind.CONFLICT,
            f"Shipment {shipment_id} was packed already, with other boxes.",
            way_out="Ask for the fulfilment to see what is kept.",
        )
    row = connection.execute(
        text(
            "select i.number, array(select id from parcel where fulfilment_id = :id and direction = 'forward'"
            " order by id) as parcels from invoice i where i.fulfilment_id = :id"
        ),
        {"id": stored.id},
    ).one()
    return Packed(stored.id, row.number, tuple(row.parcels), again=True)


def _check_state(connection: Connection, stored: StoredFulfilment) -> None:
    if stored.order_state == "cancelled" or stored.state is FulfilmentState.CANCELLED:
        raise WarehouseProblem(
            Kind.CONFLICT,
            f"Fulfilment {stored.id} of order {stored.increment_id} is cancelled: it must not be packed.",
            way_out="Put the goods back on the shelf.",
        )
    if stored.order_state == "held":
        reasons = connection.execute(
            text("select reason from order_hold where order_id = :id and released_at is null"), {"id": stored.order_id}
        ).scalars()
        raise WarehouseProblem(
            Kind.REFUSED,
            f"Order {stored.increment_id} is on hold. {' '.join(reasons)}",
            way_out="Pack it once the hold is released; it stays in the list until then.",
        )
    if stored.state is not FulfilmentState.ROUTED:
        raise WarehouseProblem(Kind.CONFLICT, f"Fulfilment {stored.id} is {stored.state}.")


def _wrong_sizes(boxes: Sequence[Box]) -> list[Detail]:
    details = []
    if not boxes:
        details.append(Detail("/boxes", "There is no box."))
    for number, box in enumerate(boxes):
        for name, most in (
            ("length_cm", LARGEST_CM),
            ("breadth_cm", LARGEST_CM),
            ("height_cm", LARGEST_CM),
            ("weight_g", HEAVIEST_G),
        ):
            value = getattr(box, name)
            if value is not None and not (value.is_finite() and ZERO < value <= most):
                details.append(Detail(f"/boxes/{number}/{name}", f"{value} is not above 0 and up to {most}."))
        if not any(units > 0 for units in box.items.values()):
            details.append(Detail(f"/boxes/{number}/items", "The box is empty."))
    return details


def _wrong_units(boxes: Sequence[Box], lines: Sequence[CarriedLine]) -> list[Detail]:
    details = []
    packed: dict[int, Decimal] = {}
    for number, box in enumerate(boxes):
        for item_id, units in box.items.items():
            if not units.is_finite() or units <= 0 or units != int(units):
                details.append(Detail(f"/boxes/{number}/items/{item_id}", f"{units} is no whole number above zero."))
            packed[item_id] = packed.get(item_id, ZERO) + units
    wanted = {line.item_id: line for line in lines}
    for item_id in sorted(packed.keys() - wanted.keys()):
        details.append(Detail(f"/items/{item_id}", "The fulfilment has no such line, or it is cancelled."))
    for item_id, line in wanted.items():
        units = packed.get(item_id, ZERO)
        if units > line.quantity:
            details.append(Detail(f"/items/{item_id}", f"{units} {line.sku} packed, {line.quantity} routed here."))
        elif units < line.quantity:
            details.append(
                Detail(
                    f"/items/{item_id}",
                    f"{units} {line.sku} packed, {line.quantity} routed here; send back what is missing first.",
                )
            )
    return details


def _hold_for_permits(
    connection: Connection, stored: StoredFulfilment, store: StoreConfig, invoice: InvoiceContent
) -> None:
    for kind, why in issue_invoice.permits_needed(invoice, store).items():
        orders.place_hold(
            connection,
            stored.order_id,
            f"{kind}:{stored.id}",
            f"{why[0].upper()}{why[1:]}. Give its number by the OMS API, or by"
            f" `magento-oms orders permit {stored.id} {kind} NUMBER`.",
        )


def _make_parcels(
    connection: Connection,
    stored: StoredFulfilment,
    account: AggregatorAccountRef,
    boxes: Sequence[Box],
    lines: Sequence[CarriedLine],
    invoice: InvoiceContent,
) -> list[int]:
    """One parcel a box. COD, and value with shipping, of the boxes add up to the invoice's."""
    goods = {line.item_id: line for line in invoice.goods}
    units_of = {line.item_id: line.quantity for line in lines}
    given: dict[int, Decimal] = {}
    contents: list[tuple[ParcelItem, ...]] = []
    values: list[Decimal] = []
    for box in boxes:
        items, value = [], ZERO
        for item_id, units in sorted(box.items.items()):
            line, whole = goods[item_id], units_of[item_id]
            before = given.get(item_id, ZERO)
            given[item_id] = before + units
            value += share(line.total, before, units, whole)
            items.append(
                ParcelItem(
                    sku=line.sku,
                    name=line.name,
                    quantity=int(units),
                    unit_price=line.price,
                    discount=share(line.discount, before, units, whole),
                    tax_percent=line.rate,
                    hsn=line.hsn,
                )
            )
        contents.append(tuple(items))
        values.append(value)
    weights = values if any(values) else [Decimal(1)] * len(values)
    cod = allot(invoice.collect, weights)
    # All that is paid beyond the goods in the boxes: charges, and virtual lines that are invoiced along.
    shipping = allot(max(invoice.total - sum(values, ZERO), ZERO), weights)
    papers = InvoiceFacts(invoice.number, invoice.issued_on, invoice.total, invoice.seller.gstin)
    return [
        parcels.create(
            connection,
            NewParcel(
                order_id=stored.order_id,
                direction=Direction.FORWARD,
                location=stored.location,
                contents=ParcelContents(items, _size(box, account), papers),
                value=value,
                cod=due,
                shipping=fee,
                fulfilment_id=stored.id,
            ),
        )
        for box, items, value, due, fee in zip(boxes, contents, values, cod, shipping, strict=True)
    ]


def _size(box: Box, account: AggregatorAccountRef) -> ParcelSize:
    usual = account.dimensions
    return ParcelSize(
        length_cm=box.length_cm or usual.length_cm,
        breadth_cm=box.breadth_cm or usual.breadth_cm,
        height_cm=box.height_cm or usual.height_cm,
        weight_g=box.weight_g or usual.weight_g,
    )


def _digest(boxes: Sequence[Box]) -> bytes:
    plain = [
        asdict(box) | {"items": {str(item): str(units.normalize()) for item, units in sorted(box.items.items())}}
        for box in boxes
    ]
    told = orjson.dumps(plain, default=lambda value: str(value.normalize()), option=orjson.OPT_SORT_KEYS)
    return blake2b(told, digest_size=16).digest()
