"""Shipments of orders, and reading back what was invoiced and shipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from careful_http.exchange import Answer, Call
from careful_http.outcome import unreadable
from magento_hook.actions import check_id, quantity
from magento_hook.client import MagentoClient
from magento_oms.ports import Json, PermanentError, Track

MOST = 200
"""Documents of one order that are read; no order has more."""


class ShipmentActions:
    """The shipping half of `ports.MagentoOrderActions` over a client. May be used by several threads."""

    def __init__(self, client: MagentoClient) -> None:
        self._client = client

    def ship(
        self,
        entity_id: int,
        *,
        items: Mapping[int, Any],
        tracks: Sequence[Track],
        comment: str,
        source_code: str | None = None,
        notify: bool = False,
    ) -> str:
        """Ship exactly `items` (order item id → quantity), with their tracks, and return the shipment's id.

        Without items Magento would ship all that is left, so they are compulsory. What is more than is left it clamps
        without a word: read the shipment back.

        Raises:
            AlreadyDone: nothing is left to ship.
            PermanentError: no items, or a quantity that is not above zero; nothing was sent.
        """
        check_id(entity_id)
        if not items:
            raise PermanentError(f"Order {entity_id}: a shipment without items would ship everything left.")
        body: dict[str, Any] = {
            "items": [{"order_item_id": item, "qty": quantity(qty, "ship")} for item, qty in items.items()],
            "notify": notify,
            "appendComment": False,
            "comment": {"comment": comment, "is_visible_on_front": 0},
            "tracks": [
                {"track_number": track.number, "title": track.title, "carrier_code": track.carrier_code}
                for track in tracks
            ],
        }
        if source_code:
            body["arguments"] = {"extension_attributes": {"source_code": source_code}}
        call = Call("POST", f"/order/{entity_id}/ship", body=body, about=f"order {entity_id}", changes=True)
        answer = self._client.call(call)
        shipment_id = str(self._json(call, answer))
        if not shipment_id.isdigit():
            raise unreadable(call, answer, self._client.whose, "the answer is not the id of a shipment.")
        return shipment_id

    def cancel(self, entity_id: int) -> bool:
        """Cancel what is left of an order; whether Magento says that it did. Read it back: it may say so wrongly."""
        check_id(entity_id)
        call = Call("POST", f"/orders/{entity_id}/cancel", about=f"order {entity_id}", changes=True)
        return self._json(call, self._client.call(call)) is True

    def invoices_of(self, entity_id: int) -> Sequence[Json]:
        """The invoices of an order, with items and comments."""
        return self._of_order("/invoices", entity_id)

    def shipments_of(self, entity_id: int) -> Sequence[Json]:
        """The shipments of an order, with items, tracks and comments."""
        return self._of_order("/shipments", entity_id)

    def _of_order(self, path: str, entity_id: int) -> Sequence[Json]:
        check_id(entity_id)
        criteria = "searchCriteria"
        field = f"{criteria}[filter_groups][0][filters][0]"
        query = urlencode(
            {
                f"{field}[field]": "order_id",
                f"{field}[value]": entity_id,
                f"{field}[condition_type]": "eq",
                f"{criteria}[pageSize]": MOST,
            }
        )
        call = Call("GET", path, query=query, about=f"{path.strip('/')} of order {entity_id}")
        answer = self._client.call(call)
        listed = self._json(call, answer)
        rows = listed.get("items") if isinstance(listed, dict) else listed
        if not isinstance(rows, list) and rows is not None:
            raise unreadable(call, answer, self._client.whose, "the answer is no list.")
        return [row for row in rows or [] if isinstance(row, dict)]

    def _json(self, call: Call, answer: Answer) -> Any:
        try:
            return answer.json
        except ValueError:
            raise unreadable(call, answer, self._client.whose, "the answer is no JSON.") from None
