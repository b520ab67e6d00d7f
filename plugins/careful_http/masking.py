"""What may be kept and shown of an exchange: no secrets, no personal data, and not too long."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

MASK = "***"
LONGEST_TEXT = 500
LONGEST_LIST = 20
_PRIVATE = re.compile(
    r"pass|secret|token|signature|nonce|authorization|cookie|key$"  # secrets
    r"|email|(?<!courier_)(?<!carrier_)(?<!service_)(?<!vendor_)name$|telephone|phone|fax|street|city|postcode|region|address|company|dob|taxvat|vat_id|remote_ip"
    r"|x_forwarded_for|customer_note|additional_information|cc_|po_number|last_trans_id",
    re.IGNORECASE,
)
_IN_TEXT = (
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]+\.?[\w-]*"), MASK),  # a JWT
    (re.compile(r"\b(Bearer|OAuth)\s+\S.*", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"[\w.+%-]+@[\w-]+(\.[\w-]+)+"), MASK),  # an e-mail address
    (re.compile(r"(?<![\w-])(\+91[\s-]?|0)?[6-9]\d{4}[\s-]?\d{5}(?![\w-])"), MASK),  # an Indian mobile number
    (re.compile(r"\b[0-9a-z]{32}\b"), MASK),  # an OAuth or opaque admin token
)


def masked(value: Any) -> Any:
    """A copy of a JSON value with secrets and personal data masked and long parts shortened."""
    match value:
        case Mapping():
            return {
                str(key): MASK if _PRIVATE.search(str(key)) and _tells(each) else masked(each)
                for key, each in value.items()
                if key != "trace"  # developer mode's stack trace holds arguments
            }
        case list() | tuple():
            more = [f"… {len(value) - LONGEST_LIST} more"] if len(value) > LONGEST_LIST else []
            return [masked(each) for each in value[:LONGEST_LIST]] + more
        case str():
            return masked_text(value)
        case Decimal():
            return str(value)
        case _:
            return value


def masked_text(text: str) -> str:
    """Free text without e-mail addresses, mobile numbers and tokens, shortened."""
    text = text[: LONGEST_TEXT * 4]
    for pattern, instead in _IN_TEXT:
        text = pattern.sub(instead, text)
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"


def _tells(value: Any) -> bool:
    return value is not None and value != "" and not isinstance(value, bool)
