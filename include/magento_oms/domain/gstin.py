"""GSTINs of sellers, and the states that their first two digits stand for (GST's table of state codes)."""

from __future__ import annotations

import re

from stdnum import luhn
from stdnum.exceptions import ValidationError
from stdnum.in_ import gstin as gstin_number
from stdnum.in_ import pan

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LADAKH = "38"

_STATES: dict[str, tuple[str, ...]] = {
    "01": ("Jammu and Kashmir",),
    "02": ("Himachal Pradesh",),
    "03": ("Punjab",),
    "04": ("Chandigarh",),
    "05": ("Uttarakhand", "Uttaranchal"),
    "06": ("Haryana",),
    "07": ("Delhi", "New Delhi", "NCT of Delhi"),
    "08": ("Rajasthan",),
    "09": ("Uttar Pradesh",),
    "10": ("Bihar",),
    "11": ("Sikkim",),
    "12": ("Arunachal Pradesh",),
    "13": ("Nagaland",),
    "14": ("Manipur",),
    "15": ("Mizoram",),
    "16": ("Tripura",),
    "17": ("Meghalaya",),
    "18": ("Assam",),
    "19": ("West Bengal",),
    "20": ("Jharkhand",),
    "21": ("Odisha", "Orissa"),
    "22": ("Chhattisgarh", "Chattisgarh"),
    "23": ("Madhya Pradesh",),
    "24": ("Gujarat",),
    "25": ("Daman and Diu", "Dadra and Nagar Haveli and Daman and Diu"),
    "26": ("Dadra and Nagar Haveli and Daman and Diu", "Dadra and Nagar Haveli", "Daman and Diu"),
    "27": ("Maharashtra",),
    "28": ("Andhra Pradesh",),
    "29": ("Karnataka",),
    "30": ("Goa",),
    "31": ("Lakshadweep",),
    "32": ("Kerala",),
    "33": ("Tamil Nadu",),
    "34": ("Puducherry", "Pondicherry"),
    "35": ("Andaman and Nicobar Islands",),
    "36": ("Telangana",),
    "37": ("Andhra Pradesh",),
    "38": ("Ladakh",),
}


def compact(number: str) -> str | None:
    """The GSTIN without spaces and in capitals; None where it is none.

    Ladakh's code is younger than stdnum's table of states, so its numbers are taken apart here.
    """
    try:
        if not gstin_number.compact(number).startswith(_LADAKH):
            return str(gstin_number.validate(number))
        bare = str(gstin_number.compact(number))
        if not re.fullmatch(r"38[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]", bare):
            return None
        pan.validate(bare[2:12])
        luhn.validate(bare, _DIGITS)
    except ValidationError:
        return None
    return bare


def state_of(gstin: str) -> str:
    """The state or union territory where a valid GSTIN is registered."""
    return _STATES[gstin[:2]][0]


def is_registered_in(gstin: str, state: str) -> bool:
    """Whether a valid GSTIN belongs to the state that an address names, however it is spelt."""
    return _plain(state) in {_plain(name) for name in _STATES[gstin[:2]]}


def code_of(state: str) -> str | None:
    """GST's code of a state, however it is spelt; None: it is none of India's."""
    wanted = _plain(state)
    # Andhra Pradesh and Daman were given new codes; the later one of two is in use.
    return next((code for code in reversed(_STATES) if wanted in map(_plain, _STATES[code])), None)


def state_named(code: str) -> str:
    """The state of a code of GST's table."""
    return _STATES[code][0]


def _plain(name: str) -> str:
    words = re.findall(r"[a-z]+", name.casefold())
    return "".join(word for word in words if word not in ("and", "the"))
