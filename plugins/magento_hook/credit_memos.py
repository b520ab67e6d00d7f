"""Credit memos: refunding offline, which moves no money, and which orders have less left to ship than was ordered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from careful_http.exchange import Answer, Call
from careful_http.outcome import unreadable
from magento_hook.actions import check_id, quantity
from magento_hook.client import MagentoClient
from magento_hook.criteria import magento_time
from magento_oms.ports import Json, PermanentError

MOST = 200
"""Credit memos of one order that are read; no order has more."""
PAGE = 200


class CreditMemoActions:
    """The refunding half of `ports.MagentoOrderActions` over a client. May be used by several threads."""

    def __init__(self, client: MagentoClient) -> None:
        self._client = client

    def refund(
        self,
        entity_id: int,
        *,
        items: Mapping[int, Any],
        comment: str,
        shipping: Decimal | None = Decimal(0),
        restock: Sequence[int] = (),
        notify: bool = False,
    ) -> str:
        """Refund exactly `items` (order item id → quantity) offline and return the credit memo's id. No money is moved.

        Args:
            shipping: to refund, without tax; None: all that is left of it.
            restock: item ids whose units are for sale again.

        Raises:
            AlreadyDone: nothing is left to refund.
            PermanentError: no items, or a quantity that is not above zero; nothing was sent. Or Magento refuses.
        """
        check_id(entity_id)
        if not items:
            raise PermanentError(f"Order {entity_id}: a credit memo without items would refund everything left.")
        arguments: dict[str, Any] = {"adjustment_positive": 0, "adjustment_negative": 0}
        if shipping is not None:
            arguments["shipping_amount"] = shipping
        if restock:
            arguments["extension_attributes"] = {"return_to_stock_items": list(restock)}
        call = Call(
            "POST",
            f"/order/{entity_id}/refund",
            body={
                "items": [{"order_item_id": item, "qty": quantity(qty, "refund")} for item, qty in items.items()],
                "notify": notify,
                "appendComment": False,
                "comment": {"comment": comment, "is_visible_on_front": 0},
                "arguments": arguments,
            },
            about=f"order {entity_id}",
            changes=True,
        )
        answer = self._client.call(call)
        memo_id = str(self._json(call, answer))
        if not memo_id.isdigit():
            raise unreadable(call, answer, self._client.whose, "the answer is not the id of a credit memo.")
        return memo_id

    def credit_memos_of(self, entity_id: int) -> Sequence[Json]:
        """The credit memos of an order, with items and comments."""
        check_id(entity_id)
        return self._found(
            "/creditmemos", [("order_id", "eq", str(entity_id))], "", f"credit memos of order {entity_id}"
        )

    def orders_reduced_since(self, since: datetime) -> Sequence[int]:
        """Ids of the orders with a credit memo made since, or a line of which units were cancelled or refunded since.

        They are looked for beside the orders themselves: a partial credit memo leaves an order's status as it is, and
        what a module writes into a line need not move the order's `updated_at`.
        """
        moment = magento_time(since)
        found = {int(row["order_id"]) for row in self._pages("/creditmemos", [("created_at", "gteq", moment)])}
        for name in ("qty_canceled", "qty_refunded"):
            filters = [("updated_at", "gteq", moment), (name, "gt", "0")]
            found |= {int(row["order_id"]) for row in self._pages("/orders/items", filters)}
        return sorted(found)

    def _pages(self, path: str, filters: Sequence[tuple[str, str, str]]) -> Iterator[Json]:
        """All rows, page after page by their id: rows that move meanwhile are neither lost nor repeated."""
        key = "entity_id" if path == "/creditmemos" else "item_id"
        last = 0
        while True:
            after = [*filters, (key, "gt", str(last))]
            rows = self._found(path, after, f"items[{key},order_id],total_count", path.strip("/"), key)
            yield from rows
            if len(rows) < PAGE:
                return
            last = max(int(row[key]) for row in rows)

    def _found(
        self, path: str, filters: Sequence[tuple[str, str, str]], fields: str, about: str, key: str = ""
    ) -> list[Json]:
        pairs: list[tuple[str, str]] = []
        for number, (field, condition, value) in enumerate(filters):
            name = f"searchCriteria[filter_groups][{number}][filters][0]"
            pairs += [(f"{name}[field]", field), (f"{name}[value]", value), (f"{name}[condition_type]", condition)]
        if key:
            pairs += [
                ("searchCriteria[sortOrders][0][field]", key),
                ("searchCriteria[sortOrders][0][direction]", "ASC"),
            ]
        pairs.append(("searchCriteria[pageSize]", str(PAGE if key else MOST)))
        if fields:
            pairs.append(("fields", fields))
        query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
        call = Call("GET", path, query=query, about=about)
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
