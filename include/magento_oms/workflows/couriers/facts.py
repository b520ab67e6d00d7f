"""What an aggregator must know of a parcel, put together from the OMS when it is asked and kept nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from magento_oms.config.account_models import AggregatorAccountRef
from magento_oms.config.models import InstanceConfig, StoreConfig
from magento_oms.ports import (
    BadParcel,
    Booking,
    ConfigurationError,
    Courier,
    Direction,
    PostalAddress,
)
from magento_oms.storage import parcels
from magento_oms.storage.database import text
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.storage.parcels import StoredBooking


@dataclass(frozen=True, slots=True)
class BookingFacts:
    """A booking as the kinds of effects need it.

    Attributes:
        couriers: that the store names for this direction, the first one first; none: the aggregator recommends one.
        further: accounts to go on to where this one will not do, in the store's order.
        language: of our own labels.
    """

    stored: StoredBooking
    booking: Booking
    couriers: tuple[Courier, ...]
    further: tuple[AggregatorAccountRef, ...]
    language: str = "en"


Configs = Mapping[str, InstanceConfig]
"""The valid instances, by code."""


def stored_booking(connection: Connection, effect: ClaimedEffect) -> StoredBooking:
    """The booking that an effect is about."""
    return parcels.get(connection, int(effect.details["booking"]))


def booking_facts(connection: Connection, effect: ClaimedEffect, configs: Configs) -> BookingFacts:
    """All that is needed to book the parcel that an effect is about.

    Raises:
        BadParcel: what the OMS has cannot be shipped.
        ConfigurationError: the account left the store's configuration.
    """
    stored = stored_booking(connection, effect)
    row = connection.execute(
        text(
            "select p.location, p.value, p.cod, p.shipping, p.return_reason, p.quality_check, o.store_id,"
            " o.increment_id, o.placed_at, o.payment_kind, o.buyer, l.name, l.address, l.gstin, e.number as eway_bill"
            " from parcel p join sales_order o on o.id = p.order_id join location l on l.code = p.location"
            " left join consignment_permit e on e.fulfilment_id = p.fulfilment_id and e.kind = 'eway_bill'"
            " where p.id = :id"
        ),
        {"id": stored.parcel_id},
    ).one()
    store = _store(stored, row.store_id, configs)
    refs = store.aggregators
    place = next((number for number, ref in enumerate(refs) if ref.account == stored.account), None)
    if place is None:
        raise ConfigurationError(
            f"The courier account {stored.account!r} is not among those of order {stored.increment_id}'s store.",
            way_out="List it under the store's aggregators again, or cancel the booking.",
        )
    if row.cod > 0 and row.payment_kind != "cod":
        raise BadParcel(
            f"Order {stored.increment_id} is prepaid: Rs {row.cod} must not be collected at the door.",
            field="cod",
            way_out="Correct the parcel's COD amount, or the payment method's meaning in the store's configuration.",
        )
    contents = parcels.contents_of(connection, stored.parcel_id)
    warehouse = _warehouse(row.name, row.address, row.gstin)
    customer = _customer(row.buyer)
    reverse = stored.direction is Direction.REVERSE
    booking = Booking(
        reference=stored.reference,
        order_number=row.increment_id,
        ordered_at=row.placed_at,
        direction=stored.direction,
        origin=customer if reverse else warehouse,
        destination=warehouse if reverse else customer,
        return_to=warehouse,
        items=contents.items,
        size=contents.size,
        value=row.value,
        cod=row.cod,
        shipping=row.shipping,
        pickup_location=refs[place].pickup_locations.get(row.location, ""),
        invoice=replace(contents.invoice, ewaybill=row.eway_bill or "") if contents.invoice else None,
        return_reason=row.return_reason,
        quality_check=row.quality_check,
    )
    couriers = tuple(
        Courier(choice.code, choice.name, choice.account, choice.service)
        for choice in (refs[place].return_couriers if reverse else refs[place].couriers)
    )
    return BookingFacts(stored, booking, couriers, refs[place + 1 :], store.invoice.language)


def _store(stored: StoredBooking, store_id: int, configs: Configs) -> StoreConfig:
    config = configs.get(stored.instance)
    store = config.store(store_id) if config else None
    if store is None:
        raise ConfigurationError(
            f"Order {stored.increment_id} is of a store of {stored.instance!r} that is not validly configured.",
            way_out="Correct the instance's file: `magento-oms config check` tells what is wrong with it.",
        )
    return store


def _warehouse(name: str, address: dict[str, Any], gstin: str | None) -> PostalAddress:
    return PostalAddress(
        name=address.get("contact") or name,
        lines=tuple(address["lines"]),
        city=address["city"],
        state=address["state"],
        pincode=address["pincode"],
        phone=address.get("phone") or "",
        email=address.get("email") or "",
        company=name,
        gstin=gstin or "",
        country=address.get("country") or "IN",
    )


def _customer(buyer: dict[str, Any]) -> PostalAddress:
    address = buyer.get("shipping") or buyer.get("billing") or {}
    return PostalAddress(
        name=address.get("name") or buyer.get("name") or "",
        lines=tuple(address.get("lines") or ()),
        city=address.get("city") or "",
        state=address.get("region") or "",
        pincode=address.get("pincode") or "",
        phone=address.get("phone") or "",
        email=buyer.get("email") or "",
        company=address.get("company") or "",
        gstin=address.get("gstin") or "",
        country=address.get("country") or "IN",
    )
