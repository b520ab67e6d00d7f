"""Changing orders: comments, status, invoice. Every change is sent once; what an answer does not prove is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from careful_http.exchange import Answer, Call, kept
from careful_http.outcome import unreadable
from magento_hook.client import MagentoClient
from magento_oms.ports import CommentOptions, Json, PermanentError

_FOREIGN_STATUS = "is not part of the order status history"


class OrderActions:
    """The writing half of `ports.MagentoOrderActions` over a client. May be used by several threads."""

    def __init__(self, client: MagentoClient) -> None:
        self._client = client

    @property
    def instance(self) -> str:
        """The code of the instance."""
        return self._client.instance

    def comments(self, entity_id: int) -> Sequence[Json]:
        """The comments of an order, newest first."""
        call = Call("GET", f"/orders/{entity_id}/comments", about=f"comments of order {entity_id}")
        listed = self._json(call, self._client.call(call))
        rows = listed.get("items") if isinstance(listed, dict) else listed
        comments: list[Json] = [row for row in rows or [] if isinstance(row, dict)]
        return sorted(comments, key=lambda row: int(row.get("entity_id") or 0), reverse=True)

    def add_comment(
        self, entity_id: int, comment: str, *, status: str | None = None, options: CommentOptions | None = None
    ) -> None:
        """Add a comment; with `status` also ask for that status, which Magento from 2.4.7 refuses if it differs.

        Without `status` the order keeps the one that it has. Magento up to 2.4.3 empties it when none is sent, so the
        present one is read and sent, except where the store is known to be newer.

        Raises:
            PermanentError: the status is refused, or the comment is.
        """
        options = options or CommentOptions()
        if status is not None or self._client.gives_json_web_tokens():
            self._comment(entity_id, comment, status, options)
            return
        try:
            self._comment(entity_id, comment, self._status(entity_id), options)
        except PermanentError as error:
            if _FOREIGN_STATUS not in error.what:
                raise
            # A status that a module made up. Versions that refuse it keep it when none is sent.
            self._comment(entity_id, comment, None, options)

    def set_status(self, entity_id: int, *, state: str, status: str) -> None:
        """Set state and status through the order entity, touching no other field.

        Raises:
            PermanentError: the store answered with another state or status than asked for.
        """
        check_id(entity_id)
        call = Call(
            "POST",
            "/orders",
            body={"entity": {"entity_id": entity_id, "state": state, "status": status}},
            about=f"order {entity_id}",
            changes=True,
        )
        answer = self._client.call(call)
        saved = self._json(call, answer)
        got = (saved.get("state"), saved.get("status")) if isinstance(saved, dict) else (None, None)
        if got == (None, None):
            raise unreadable(call, answer, self._client.whose, "the answer does not show the saved order.")
        if got != (state, status):
            raise PermanentError(
                f"Magento {self.instance}, order {entity_id}: asked for state {state!r} and status {status!r}, but the"
                f" store set {got[0]!r} and {got[1]!r}.",
                way_out="Choose a status that belongs to that state (Stores > Order Status).",
                exchange=kept(call, answer),
            )

    def invoice(
        self, entity_id: int, *, items: Mapping[int, Any], comment: str, capture: bool = False, notify: bool = False
    ) -> str:
        """Invoice exactly `items` (order item id → quantity) and return the invoice's id.

        Without items Magento would invoice all that is left, so they are compulsory. Without `capture` it still marks
        the invoice paid.

        Raises:
            AlreadyDone: nothing is left to invoice.
            PermanentError: no items, or a quantity that is not above zero; nothing was sent.
        """
        check_id(entity_id)
        if not items:
            raise PermanentError(f"Order {entity_id}: an invoice without items would invoice everything left.")
        call = Call(
            "POST",
            f"/order/{entity_id}/invoice",
            body={
                "capture": capture,
                "items": [{"order_item_id": item, "qty": quantity(qty, "invoice")} for item, qty in items.items()],
                "notify": notify,
                "appendComment": False,
                "comment": {"comment": comment, "is_visible_on_front": 0},
            },
            about=f"order {entity_id}",
            changes=True,
        )
        answer = self._client.call(call)
        invoice_id = str(self._json(call, answer))
        if not invoice_id.isdigit():
            raise unreadable(call, answer, self._client.whose, "the answer is not the id of an invoice.")
        return invoice_id

    def _comment(self, entity_id: int, comment: str, status: str | None, options: CommentOptions) -> None:
        check_id(entity_id)
        history: dict[str, Any] = {
            "comment": comment,
            "is_customer_notified": int(options.notify),
            "is_visible_on_front": int(options.visible_on_front),
        }
        if status is not None:
            history["status"] = status
        call = Call(
            "POST",
            f"/orders/{entity_id}/comments",
            body={"statusHistory": history},
            about=f"order {entity_id}",
            changes=True,
        )
        answer = self._client.call(call)
        if self._json(call, answer) is not True:
            raise unreadable(call, answer, self._client.whose, "the comment was not confirmed.")

    def _status(self, entity_id: int) -> str:
        """The order's present status; Magento has a call that answers with nothing else."""
        call = Call("GET", f"/orders/{entity_id}/statuses", about=f"order {entity_id}")
        answer = self._client.call(call)
        status = self._json(call, answer)
        if not isinstance(status, str) or not status:
            raise unreadable(call, answer, self._client.whose, "the answer is not a status.")
        return status

    def _json(self, call: Call, answer: Answer) -> Any:
        try:
            return answer.json
        except ValueError:
            raise unreadable(call, answer, self._client.whose, "the answer is no JSON.") from None


def check_id(entity_id: int) -> None:
    """Raises PermanentError where no order can have that id."""
    if entity_id < 1:
        raise PermanentError(f"{entity_id} is no id of an order.")


def quantity(given: Any, what: str) -> Decimal:
    """A quantity as Magento takes it. Raises PermanentError where it is not above zero."""
    try:
        told = Decimal(str(given))
    except InvalidOperation:
        told = Decimal("NaN")
    if not told.is_finite() or told <= 0:
        raise PermanentError(f"A quantity to {what} is above zero, got {given!r}.")
    return told
