"""What the OMS API takes and gives about returns."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, Field, HttpUrl

from magento_oms.domain.returns import ReturnKind
from magento_oms.gateway.api.models import Given, Plain, Size

Code = Annotated[Plain, Field(min_length=1, max_length=64)]
Awb = Annotated[Plain, Field(max_length=64)]
Reason = Annotated[Plain, Field(max_length=255)]


class ReturnUnit(Given):
    """One unit that is to come back: three units are three items. Its line is named by `item_id` or by `sku`."""

    item_code: Code = Field(description="the caller's own, unique in the return")
    item_id: int | None = Field(default=None, ge=1, le=2**62, description="the order's line")
    sku: Annotated[Plain, Field(max_length=255)] = ""
    reason: Reason = ""


class BroughtGiven(Given):
    """How it comes back. A customer's return needs one of: `awb` with `courier` (or the `account` that knows it),
    `account` with `reference` (the AWB is fetched from the aggregator), or `book_pickup`.
    """

    awb: Awb = ""
    courier: Awb = Field(default="", description="the courier's name")
    account: Annotated[Plain, Field(max_length=31)] = Field(
        default="", description="courier account where the AWB is tracked, or where the return was placed"
    )
    courier_code: Awb = Field(
        default="", description="the aggregator's id of the courier; Clickpost's cp_id is needed to track there"
    )
    reference: Awb = Field(default="", description="what it was placed under in the aggregator's panel")
    book_pickup: bool = Field(default=False, description="have a reverse pickup booked by the OMS")


class SizeGiven(Given):
    """Of the parcel that a pickup is booked for. What is left out is the courier account's usual one."""

    length_cm: Size = Field(gt=0, le=500)
    breadth_cm: Size = Field(gt=0, le=500)
    height_cm: Size = Field(gt=0, le=500)
    weight_g: Size = Field(gt=0, le=500_000)


class ExchangeGiven(Given):
    """The order that replaces what comes back."""

    replacement: Code = Field(description="its number (increment id); it may be placed later")
    hold: bool = Field(default=True, description="it waits until the return has passed its quality check")


class ReturnGiven(Given):
    """A return. The same again, under the same code, answers the same; another body under it is refused (409)."""

    instance: str = Field(pattern=r"^[a-z][a-z0-9_]{1,30}$")
    order_entity_id: int = Field(ge=1, le=2**62, description="the forward order's entity id on Magento")
    return_order_code: Code = Field(description="the caller's own, unique in the instance for ever")
    kind: ReturnKind
    location: Annotated[Plain, Field(max_length=31)] = Field(
        default="", description="where it comes back to; empty: to where it was shipped from"
    )
    items: list[ReturnUnit] = Field(min_length=1, max_length=500)
    reason: Reason = ""
    placed_at: AwareDatetime | None = Field(default=None, description="when the customer asked; now if not given")
    expected_on: date | None = None
    brought: BroughtGiven = Field(default_factory=BroughtGiven)
    quality_check: bool = Field(default=False, description="the courier checks the units at the door")
    size: SizeGiven | None = None
    customer_email: Annotated[Plain, Field(max_length=255)] = Field(
        default="", description="refused where the order is another customer's; empty: not checked"
    )
    exchange: ExchangeGiven | None = None


class UnitsGiven(Given):
    """Units that come back too."""

    items: list[ReturnUnit] = Field(min_length=1, max_length=500)


class TrackingGiven(BroughtGiven):
    """Who brings it now."""

    expected_on: date | None = None


class VerdictGiven(Given):
    """What the warehouse says of one unit."""

    item_code: Code
    passed: bool | None = Field(default=None, description="none: it is there, and is checked later")
    reason: Reason = Field(
        default="", description="why it failed, such as SIZE_MISMATCH; PRODUCT_MISSING: it was not in its box"
    )
    images: list[HttpUrl] = Field(default_factory=list, max_length=20, description="links to pictures of what is wrong")


class ReceiptGiven(Given):
    """What came into the warehouse. Units that are not named stay as they are; the same again changes nothing."""

    items: list[VerdictGiven] = Field(min_length=1, max_length=500)


class ReturnCancelGiven(Given):
    """What is called off."""

    items: list[Code] | None = Field(
        default=None, min_length=1, max_length=500, description="item codes; none: all that has not been received"
    )
    reason: Annotated[Plain, Field(min_length=1, max_length=255)]


class UnitShown(BaseModel):
    """One unit of a return."""

    item_code: str
    item_id: int
    sku: str
    name: str
    reason: str
    state: str
    cancelled_why: str
    qc_reason: str
    images: list[str]
    refund: str = Field(description="asked, or the id of Magento's credit memo")


class ExchangeShown(BaseModel):
    """The order that replaces what comes back."""

    replacement: str
    hold: bool
    in_oms: bool
    outcome: str


class ReturnShown(BaseModel):
    """A return, without personal data."""

    id: int
    instance: str
    order_entity_id: int
    order_number: str
    return_order_code: str
    kind: str
    source: str
    state: str
    location: str
    reason: str
    awb: str
    courier: str
    expected_on: date | None
    placed_at: datetime
    received_at: datetime | None
    processed_at: datetime | None
    cancelled_at: datetime | None
    items: list[UnitShown]
    exchange: ExchangeShown | None


class ReturnPage(BaseModel):
    """A page of returns, the newest first. Ask again with `before` for the next."""

    items: list[ReturnShown]
    before: int | None
