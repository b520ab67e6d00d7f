"""What every courier wants of a parcel, checked before anything is sent, and put into the form that they take.

A parcel that no courier would take is refused here with the field named (`BadParcel`), never at the aggregator.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal

import phonenumbers

from magento_oms.ports import BadParcel, Booking, Direction, ParcelItem, PostalAddress

INDIA = timezone(timedelta(hours=5, minutes=30), "Asia/Kolkata")
"""Indian time has had no summer time since 1945. Aggregators' times carry no zone and mean this one."""

_PINCODE = re.compile(r"[1-9][0-9]{5}")
_SPACES = re.compile(r"\s+")


NEEDS_EWAYBILL = Decimal(50_000)
"""Rupees of a consignment above which goods do not move without an e-way bill (CGST rule 138)."""


def check(booking: Booking, *, longest_reference: int) -> None:
    """Refuse what no courier would take.

    Args:
        longest_reference: characters of our reference that the aggregator takes.

    Raises:
        BadParcel: with the field, and never with the personal data in it.
    """
    whose = f"Parcel {booking.reference}"
    if len(booking.reference) > longest_reference:
        raise _bad(whose, "reference", f"is longer than {longest_reference} characters")
    for name in ("origin", "destination", "return_to"):
        _check_address(whose, name, getattr(booking, name))
    for name in ("length_cm", "breadth_cm", "height_cm", "weight_g"):
        if getattr(booking.size, name) <= 0:
            raise _bad(whose, f"size.{name}", f"is {getattr(booking.size, name)}: it must be more than zero")
    if not booking.items:
        raise _bad(whose, "items", "is empty: there is nothing to ship")
    for item in booking.items:
        if item.quantity <= 0:
            raise _bad(whose, f"items.{item.sku}.quantity", f"is {item.quantity}: it must be one or more")
        if item.unit_price < 0 or item.discount < 0:
            raise _bad(whose, f"items.{item.sku}.unit_price", "or its discount is negative")
    if booking.cod < 0:
        raise _bad(whose, "cod", f"is {booking.cod}: it cannot be negative")
    if booking.direction is Direction.REVERSE and booking.cod:
        raise _bad(whose, "cod", f"is {booking.cod} on a reverse pickup: nothing is collected there")
    if booking.direction is Direction.REVERSE and not booking.return_reason.strip():
        raise _bad(whose, "return_reason", "is empty: a courier wants to know why it comes back")
    documented = booking.invoice is not None and bool(booking.invoice.ewaybill)
    if booking.direction is Direction.FORWARD and booking.value > NEEDS_EWAYBILL and not documented:
        raise _bad(whose, "invoice.ewaybill", f"is missing: a value above Rs {NEEDS_EWAYBILL} needs one")
    if booking.cod > booking.value + booking.shipping:
        raise _bad(
            whose, "cod", f"is {booking.cod}, more than the parcel is worth ({booking.value + booking.shipping})"
        )


def mobile(phone: str) -> str:
    """The ten digits of an Indian mobile number, however it was written.

    Raises:
        ValueError: it is none; the text does not hold the number.
    """
    try:
        number = phonenumbers.parse(phone, "IN")
    except phonenumbers.NumberParseException:
        raise ValueError("is no phone number") from None
    digits = str(number.national_number)
    if number.country_code != 91:
        raise ValueError("is not an Indian number")
    if not re.fullmatch(r"[6-9][0-9]{9}", digits):
        raise ValueError(
            f"has {len(digits)} digits or does not begin with 6 to 9: couriers want a mobile number of ten"
        )
    return digits


def address_lines(address: PostalAddress, *limits: int) -> list[str]:
    """The address over as many lines as there are limits, broken between words; nothing is cut off.

    Args:
        limits: longest length of each line; later lines may be empty.

    Raises:
        BadParcel: it does not fit.
    """
    words = _SPACES.sub(" ", ", ".join(line.strip(" ,") for line in address.lines if line.strip(" ,"))).split(" ")
    lines: list[str] = []
    for limit in limits:
        line = ""
        while words and len(f"{line} {words[0]}".strip()) <= limit:
            line = f"{line} {words.pop(0)}".strip()
        if words and not line:
            # One word longer than a line: broken where it must be.
            line, words[0] = words[0][:limit], words[0][limit:]
        lines.append(line)
    if words:
        raise BadParcel(
            f"The address is longer than the {sum(limits)} characters that the aggregator takes.",
            field="address.lines",
            way_out="Shorten it on the order's time line, then retry.",
        )
    return lines


def names(address: PostalAddress, limit: int = 100) -> tuple[str, str]:
    """First name and the rest, each cut to `limit`; a name of one word has no rest."""
    first, _, rest = _SPACES.sub(" ", address.name.strip()).partition(" ")
    return first[:limit], rest[:limit]


def merged_by_sku(items: Sequence[ParcelItem]) -> list[ParcelItem]:
    """One entry a SKU: couriers refuse a SKU twice. Quantities and discounts add up, the price is what all cost."""
    merged: dict[str, ParcelItem] = {}
    for item in items:
        known = merged.get(item.sku)
        if known is None:
            merged[item.sku] = item
            continue
        quantity = known.quantity + item.quantity
        total = known.unit_price * known.quantity + item.unit_price * item.quantity
        merged[item.sku] = replace(
            known, quantity=quantity, unit_price=total / quantity, discount=known.discount + item.discount
        )
    return list(merged.values())


def kilograms(grams: Decimal) -> Decimal:
    """Kilograms with three digits, as aggregators take them."""
    return (grams / 1000).quantize(Decimal("0.001"), ROUND_HALF_UP)


def whole(value: Decimal, *, at_least: int = 0) -> int:
    """Rounded up to a whole number, for aggregators that take no fractions: a box is never told smaller than it is."""
    return max(at_least, math.ceil(value))


def rupees(value: Decimal) -> Decimal:
    """Rupees and paise."""
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP)


def indian_time(moment: datetime, form: str = "%Y-%m-%d %H:%M") -> str:
    """An aware time as Indian wall-clock time."""
    return moment.astimezone(INDIA).strftime(form)


def from_indian(text: str, *forms: str) -> datetime | None:
    """A time of an aggregator, which has no zone and means Indian time, as aware UTC.

    None for what is no time in any of `forms` (ISO 8601 is always tried first and may carry a zone), and for the
    placeholders around 1970 and year 0 that some send for "not yet".
    """
    moment = _moment(text.strip(), forms)
    if moment is None:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=INDIA)
    aware = aware.astimezone(UTC)
    return aware if aware.year > 1971 else None


def today_in_india(now: datetime) -> date:
    """The day that it is in India."""
    return now.astimezone(INDIA).date()


def _moment(text: str, forms: Sequence[str]) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    for form in forms:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007  (the zone is put in by the caller)
        except ValueError:
            continue
    return None


def _check_address(whose: str, name: str, address: PostalAddress) -> None:
    if not address.name.strip():
        raise _bad(whose, f"{name}.name", "is empty")
    if not any(line.strip(" ,") for line in address.lines):
        raise _bad(whose, f"{name}.lines", "is empty: no courier finds a place without an address")
    if not _PINCODE.fullmatch(address.pincode):
        raise _bad(whose, f"{name}.pincode", "is not six digits, the first of them not 0")
    for part in ("city", "state"):
        if not getattr(address, part).strip():
            raise _bad(whose, f"{name}.{part}", "is empty")
    if address.country not in ("IN", "India"):
        raise _bad(whose, f"{name}.country", f"is {address.country}: only parcels within India are booked")
    try:
        mobile(address.phone)
    except ValueError as error:
        raise _bad(whose, f"{name}.phone", str(error)) from None


def _bad(whose: str, field: str, what: str) -> BadParcel:
    return BadParcel(
        f"{whose}: {field} {what}.",
        field=field,
        way_out="Correct it on the order or the location, then `magento-oms quarantine retry`.",
    )
