"""What the OMS API takes and gives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _plain(value: str) -> str:
    if any(ord(letter) < 0x20 or 0xD800 <= ord(letter) <= 0xDFFF for letter in value):
        raise ValueError("must not hold control characters or halves of letters")
    return value


Plain = Annotated[str, AfterValidator(_plain)]
Units = Annotated[Decimal, Field(max_digits=18, decimal_places=4)]
Size = Annotated[Decimal, Field(max_digits=10, decimal_places=3)]


class Given(BaseModel):
    """What callers send: unknown fields are refused, so that a misspelt one is not lost."""

    model_config = ConfigDict(extra="forbid")


class BoxItem(Given):
    """Units of a line in a box."""

    item_id: int = Field(description="the line, as the fulfilment names it")
    quantity: Units


class BoxGiven(Given):
    """A box. Without a size the courier account's usual one counts."""

    items: list[BoxItem] = Field(max_length=2500)
    length_cm: Size | None = None
    breadth_cm: Size | None = None
    height_cm: Size | None = None
    weight_g: Size | None = None


class PackGiven(Given):
    """A packing: all that the fulfilment still has, in boxes."""

    shipment_id: Plain = Field(
        min_length=1,
        max_length=64,
        description="the warehouse's own id of this packing; the same again answers the same",
    )
    boxes: list[BoxGiven] = Field(max_length=200)


class PackAnswer(BaseModel):
    """What came of packing."""

    fulfilment_id: int
    invoice_number: str
    parcels: list[int]
    again: bool = Field(description="it was packed so before; nothing was done now")


class RejectedLine(Given):
    """Units that are sent back."""

    item_id: int
    quantity: Units


class RejectGiven(Given):
    """What a location cannot ship. It is routed anew, elsewhere."""

    lines: list[RejectedLine] | None = Field(default=None, max_length=2500, description="none: all of it")
    reason: Plain = Field(min_length=1, max_length=200)


class LineShown(BaseModel):
    """A line of a fulfilment."""

    item_id: int
    sku: str
    name: str
    quantity: Decimal
    packed: Decimal
    shipped: Decimal
    rejected: Decimal


class ParcelShown(BaseModel):
    """A parcel of a fulfilment."""

    id: int
    number: int
    account: str
    awb: str
    courier: str
    status: str
    cod: Decimal
    label: bool = Field(description="whether its label is there")


class FulfilmentShown(BaseModel):
    """A fulfilment: what one location ships of one order."""

    id: int
    state: str
    location: str
    instance: str
    order_entity_id: int
    order_number: str
    order_state: str
    payment_kind: str
    required_by: datetime
    shipment_id: str | None
    packed_at: datetime | None
    handed_over_at: datetime | None
    lines: list[LineShown]
    parcels: list[ParcelShown]
    invoice_number: str
    why_here: str


class FulfilmentPage(BaseModel):
    """A page of the feed. Ask again with `cursor` for what changed since."""

    items: list[FulfilmentShown]
    cursor: str = Field(description="where to go on; also when there is nothing more now")
    more: bool = Field(description="whether there is more at once")


class StockLine(Given):
    """What a location has of a SKU: an absolute figure."""

    sku: Plain = Field(min_length=1, max_length=255)
    quantity: Decimal


class StockGiven(Given):
    """A batch of figures."""

    figures: list[StockLine] = Field(min_length=1, max_length=1000)


class StockResult(BaseModel):
    """What became of a line."""

    index: int
    sku: str
    status: str = Field(description="changed, unchanged or refused")
    reason: str = ""


class StockAnswer(BaseModel):
    """What became of a batch; the refused lines are named, the others kept."""

    results: list[StockResult]
    changed: int
    refused: int
    orders_woken: int = Field(description="orders that waited for one of these SKUs and are routed now")


class StockShown(BaseModel):
    """What a location has of a SKU."""

    location: str
    sku: str
    quantity: Decimal
    reserved: Decimal


class StockPage(BaseModel):
    """A page of stock. Ask again with `after` for the next."""

    items: list[StockShown]
    after: str


class OrderShown(BaseModel):
    """An order, without personal data."""

    instance: str
    entity_id: int
    increment_id: str
    store_id: int
    state: str
    placed_at: datetime
    required_by: datetime
    payment_kind: str
    grand_total: Decimal
    currency: str


class OrderPage(BaseModel):
    """A page of orders, the newest first. Ask again with `before` for the next."""

    items: list[OrderShown]
    before: int | None


class OrderWhole(OrderShown):
    """An order with its lines and fulfilments."""

    lines: list[dict[str, Any]]
    fulfilments: list[FulfilmentShown]


class EventShown(BaseModel):
    """One entry of an order's time line."""

    at: datetime
    kind: str
    details: dict[str, Any]


class CancelledLine(Given):
    """Units of a line that shall be cancelled."""

    item_id: int
    cancelled_quantity: Units = Field(description="in all, what was cancelled before included")


def totals_of(lines: Sequence[CancelledLine]) -> dict[int, Decimal]:
    """Item id → units; of a line that is named twice the larger total counts."""
    totals: dict[int, Decimal] = {}
    for line in lines:
        totals[line.item_id] = max(line.cancelled_quantity, totals.get(line.item_id, line.cancelled_quantity))
    return totals


class CancelGiven(Given):
    """What of an order is cancelled, and why."""

    lines: list[CancelledLine] | None = Field(
        default=None, min_length=1, max_length=2500, description="none: the whole order"
    )
    reason: Plain = Field(min_length=1, max_length=200)


class PermitWanted(BaseModel):
    """A fulfilment that waits for an e-way bill or an IRN."""

    fulfilment_id: int
    kind: str = Field(description="eway_bill or irn")
    invoice_number: str
    total: Decimal
    seller_gstin: str
    buyer_gstin: str
    since: datetime


class PermitGiven(Given):
    """An e-way bill (twelve digits) or an IRN (64 hexadecimal digits)."""

    number: Plain = Field(min_length=12, max_length=64)
    signed_qr: Plain = Field(default="", max_length=2500, description="of an IRN: what its signed QR code says")


class PermitShown(BaseModel):
    """A permit that is kept."""

    fulfilment_id: int
    kind: str
    number: str


class ManifestGiven(Given):
    """Which parcels are listed."""

    location: str = Field(min_length=2, max_length=31)
    account: str | None = Field(default=None, description="only this courier account's")


class ManifestShown(BaseModel):
    """A manifest."""

    id: int
    number: str
    location: str
    account: str
    courier: str
    day: str
    aggregator_reference: str
    handed_over_at: datetime | None
    fulfilments: list[int]


class HandedOverShown(BaseModel):
    """What was handed over, and fulfilment → why not."""

    done: list[int]
    refused: dict[int, str] = Field(default_factory=dict)
