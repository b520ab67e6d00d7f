"""Sends events to a store's own server: signed, without following redirects, each known by its id."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
import requests

from magento_oms.ports import PermanentError, RateLimited, RetryableError

TIMEOUT = (5.0, 15.0)
"""Seconds to connect, and to answer."""
AGAIN = frozenset({408, 409, 425, 429})
"""Refusals that another try may overcome, beside those of 500 and above."""


class SignedPoster:
    """Implements `ports.StoreUrl`. May be used by several threads.

    Args:
        secret: shared with the receiver.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def post(self, url: str, event_id: str, body: Mapping[str, Any], at: datetime) -> int:
        """Send one event. The signature is HMAC-SHA256 over the timestamp (Unix seconds), a dot and the body."""
        content = orjson.dumps(body)
        stamp = str(int(at.timestamp()))
        signature = hmac.new(self._secret, stamp.encode() + b"." + content, "sha256").hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-OMS-Event-Id": event_id,
            "X-OMS-Timestamp": stamp,
            "X-OMS-Signature": f"sha256={signature}",
        }
        try:
            answer = requests.post(url, data=content, headers=headers, timeout=TIMEOUT, allow_redirects=False)
        except requests.RequestException as error:
            raise RetryableError(
                f"The store's notification URL does not answer ({type(error).__name__}).",
                way_out="It is sent again by itself; the receiver knows a repeat by its event id.",
            ) from None
        if 200 <= answer.status_code < 300:
            return answer.status_code
        what = f"The store's notification URL answered HTTP {answer.status_code}."
        if answer.status_code == 429:
            asked = answer.headers.get("Retry-After", "")
            raise RateLimited(what, retry_after=float(asked) if asked.isdigit() else 30.0)
        if answer.status_code in AGAIN or answer.status_code >= 500:
            raise RetryableError(what, way_out="It is sent again by itself.")
        raise PermanentError(
            what, way_out="Let the receiver take the event, then `magento-oms quarantine retry`; or dismiss it."
        )
