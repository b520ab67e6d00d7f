"""Reading orders: keyset pages, the newest change, counts, single orders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from careful_http.exchange import Answer, Call, parse
from careful_http.outcome import unreadable
from magento_hook.client import MagentoClient
from magento_hook.criteria import Condition, Direction, Filter, OrderField, SearchCriteria, magento_time, sorted_by
from magento_hook.lists import ListReader
from magento_oms.ports import ConfigurationError, Cursor, Json, NotFound, OrderFilter, OrderPage, parse_magento_time

_BY_CHANGE = (OrderField.UPDATED_AT, OrderField.ENTITY_ID)
_BY_ID = (OrderField.ENTITY_ID,)


class OrderReader:
    """Implements `ports.MagentoOrders` over a client. May be used by several threads."""

    def __init__(self, client: MagentoClient) -> None:
        self._client = client
        self._lists = ListReader(client, "/orders", "orders")

    @property
    def instance(self) -> str:
        """The code of the instance."""
        return self._client.instance

    def page_after(
        self, cursor: Cursor | None, where: OrderFilter, *, page_size: int, by: str = "updated_at"
    ) -> OrderPage:
        """The next orders after `cursor`, sorted by (`by`, `entity_id`).

        The page is the last one if it is short and the store counts no more rows: a proxy that cuts pages short loses
        nothing. A page size that the store refuses is lowered to the one that it names, and stays so.

        Raises:
            ConfigurationError: the store does not sort or filter as asked (a module interferes); nothing is skipped.
                Or a filter is one that Magento would misread.
            ValueError: `by` is neither `updated_at` nor `entity_id`.
        """
        keys = _keys(by)
        page = self._lists.page(self._groups(where, cursor, keys), keys, page_size)
        self._check_order(page.rows, cursor, keys)
        return OrderPage(orders=page.rows, raw=page.raw, server_time=page.server_time, last=page.last)

    def newest_after(self, cursor: Cursor, where: OrderFilter) -> Cursor | None:
        """The newest change after `cursor`, by the same filter as `page_after`; None if there is none."""
        criteria = SearchCriteria(self._groups(where, cursor, _BY_CHANGE), sorted_by(_BY_CHANGE, Direction.DESC))
        rows = self._lists.ask(criteria, "newest order", "items[entity_id,updated_at],total_count").items
        if not rows:
            return None
        newest = parse(bytes(rows[0]))
        return Cursor(parse_magento_time(newest["updated_at"]), int(newest["entity_id"]))

    def count(self, where: OrderFilter) -> int:
        """How many orders there are."""
        return self._lists.count(self._groups(where))

    def order(self, entity_id: int) -> Json:
        """One order as it is now. Raises NotFound."""
        return self.page_of(entity_id).orders[0]

    def page_of(self, entity_id: int) -> OrderPage:
        """One order as it is now, as a page with its raw text. Raises NotFound."""
        if entity_id < 1:
            raise NotFound(f"Magento {self.instance}: there is no order with the id {entity_id}.")
        call = Call("GET", f"/orders/{entity_id}", about=f"order {entity_id}")
        answer = self._client.call(call)
        order = self._json(call, answer)
        if not isinstance(order, dict) or str(order.get("entity_id")) != str(entity_id):
            raise unreadable(call, answer, self._client.whose, "the answer is not that order.")
        return OrderPage(orders=[order], raw=[answer.body], server_time=self._lists.time_of(answer), last=True)

    def server_time(self) -> datetime:
        """The store's own clock, aware UTC: never ahead of it. Before the first answer, one row is asked for."""
        known = self._client.server_time()
        if known is None:
            self.count(OrderFilter())
            known = self._client.server_time()
        if known is None:
            raise self._lists.no_clock()
        return known

    def _groups(
        self, where: OrderFilter, cursor: Cursor | None = None, keys: Sequence[OrderField] = _BY_CHANGE
    ) -> tuple[tuple[Filter, ...], ...]:
        try:
            return conditions(where) + after(cursor, keys)
        except ValueError as error:
            raise ConfigurationError(
                f"Magento {self.instance}: orders cannot be searched like that: {error}.",
                way_out="Correct the statuses, stores or times that are configured for this instance.",
            ) from None

    def _json(self, call: Call, answer: Answer) -> Any:
        try:
            return answer.json
        except ValueError:
            raise unreadable(call, answer, self._client.whose, "the answer is no JSON.") from None

    def _check_order(self, orders: Sequence[Json], cursor: Cursor | None, keys: Sequence[OrderField]) -> None:
        """The rows must ascend strictly from the cursor, or the next page would leave some out."""
        last = None if cursor is None else _key_of_cursor(cursor, keys)
        for order in orders:
            try:
                key = tuple(int(order[each]) if each == OrderField.ENTITY_ID else str(order[each]) for each in keys)
            except (KeyError, ValueError, TypeError):
                key = None
            if key is None or (last is not None and key <= last):
                raise self._lists.out_of_place(f"order {order.get('entity_id')}")
            last = key


def conditions(where: OrderFilter) -> tuple[tuple[Filter, ...], ...]:
    """A filter in Magento's form: groups that are ANDed.

    An order without a status (Magento 2.4.3 and older can lose it) has none of `not_statuses` either; SQL's `NOT IN`
    alone would drop it.
    """
    field, condition = OrderField, Condition
    groups: list[tuple[Filter, ...]] = []
    if where.statuses:
        groups.append((Filter(field.STATUS, condition.IN, where.statuses),))
    if where.not_statuses:
        ignored = Filter(field.STATUS, condition.NIN, where.not_statuses)
        groups.append((ignored, Filter(field.STATUS, condition.NULL)))
    if where.store_ids:
        groups.append((Filter(field.STORE_ID, condition.IN, where.store_ids),))
    if where.created_from is not None:
        groups.append((Filter(field.CREATED_AT, condition.GTEQ, where.created_from),))
    if where.created_before is not None:
        groups.append((Filter(field.CREATED_AT, condition.LT, where.created_before),))
    if where.updated_from is not None:
        groups.append((Filter(field.UPDATED_AT, condition.GTEQ, where.updated_from),))
    if where.entity_ids:
        groups.append((Filter(field.ENTITY_ID, condition.IN, where.entity_ids),))
    if where.entity_id_from is not None:
        groups.append((Filter(field.ENTITY_ID, condition.GTEQ, where.entity_id_from),))
    if where.entity_id_before is not None:
        groups.append((Filter(field.ENTITY_ID, condition.LT, where.entity_id_before),))
    return tuple(groups)


def after(cursor: Cursor | None, keys: Sequence[OrderField]) -> tuple[tuple[Filter, ...], ...]:
    """The groups that leave out everything up to `cursor`, in the sort order of `keys`.

    `(updated_at, entity_id) > (T, ID)` as AND of ORs: `updated_at >= T AND (updated_at > T OR entity_id > ID)`.
    """
    if cursor is None:
        return ()
    later_id = Filter(OrderField.ENTITY_ID, Condition.GT, cursor.entity_id)
    if OrderField.UPDATED_AT not in keys:
        return ((later_id,),)
    from_then = (Filter(OrderField.UPDATED_AT, Condition.GTEQ, cursor.at),)
    if cursor.entity_id == 0:
        return (from_then,)
    return (from_then, (Filter(OrderField.UPDATED_AT, Condition.GT, cursor.at), later_id))


def _keys(by: str) -> tuple[OrderField, ...]:
    match by:
        case "updated_at":
            return _BY_CHANGE
        case "entity_id":
            return _BY_ID
        case _:
            raise ValueError(f"orders are read by updated_at or entity_id, not by {by!r}")


def _key_of_cursor(cursor: Cursor, keys: Sequence[OrderField]) -> tuple[Any, ...]:
    if OrderField.UPDATED_AT in keys:
        return (magento_time(cursor.at), cursor.entity_id)
    return (cursor.entity_id,)
