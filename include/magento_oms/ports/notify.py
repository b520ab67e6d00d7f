"""What is asked of a store's own server that wants to be told of events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol


class StoreUrl(Protocol):
    """Sends events to a URL of a store."""

    def post(self, url: str, event_id: str, body: Mapping[str, Any], at: datetime) -> int:
        """Send one event, signed; the HTTP status of a good answer.

        Raises:
            RetryableError: it may be sent again: receivers know a repeat by its id.
            PermanentError: the receiver refuses this event.
        """
        ...
