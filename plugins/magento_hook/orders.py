"""Reading orders: keyset pages, the newest change, counts, single orders.

Every list asks for page 1 of what comes after a key, so rows that move between two pages are neither lost nor
repeated, and it does not matter that Magento 2.3 repeats the last page where later versions send an empty one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import msgspec

from careful_http.exchange import Answer, Call, parse
from careful_http.outcome import unreadable
from magento_hook.client import MagentoClient
from magento_hook.criteria import Condition, Direction, Filter, OrderField, SearchCriteria, magento_time, sorted_by
from magento_hook.errors import PageTooLarge
from magento_oms.ports import ConfigurationError, Cursor, Json, NotFound, OrderFilter, OrderPage, parse_magento_time

_BY_CHANGE = (OrderField.UPDATED_AT, OrderField.ENTITY_ID)
_BY_ID = (OrderField.ENTITY_ID,)


class _List(msgspec.Struct):
    """A list answer, its rows still as text. `items` is null or missing where there are none."""

    items: list[msgspec.Raw] | None = None
    total_count: int | None = None


_LIST = msgspec.json.Decoder(_List)


@dataclass(slots=True)
class _PageLimit:
    """The store's largest page, as far as it has been learnt."""

    rows: int | None = None

    def of(self, wanted: int) -> int:
        return wanted if self.rows is None else min(wanted, self.rows)


class OrderReader:
    """Implements `ports.MagentoOrders` over a client. May be used by several threads."""

    def __init__(self, client: MagentoClient) -> None:
        self._client = client
        self._limit = _PageLimit()

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
        groups = self._groups(where, cursor, keys)
        size, answer = self._rows(groups, page_size, keys)
        listed = self._listed(answer, f"orders by {by}")
        raw = [bytes(row) for row in listed.items or []]
        orders = [cast("dict[str, Any]", parse(text)) for text in raw]
        self._check_order(orders, cursor, keys)
        more = listed.total_count is not None and listed.total_count > len(orders) > 0
        return OrderPage(
            orders=orders,
            raw=raw,
            server_time=self._time_of(answer),
            last=len(orders) < size and not more,
        )

    def newest_after(self, cursor: Cursor, where: OrderFilter) -> Cursor | None:
        """The newest change after `cursor`, by the same filter as `page_after`; None if there is none."""
        criteria = SearchCriteria(self._groups(where, cursor, _BY_CHANGE), sorted_by(_BY_CHANGE, Direction.DESC))
        answer = self._list(criteria, "newest order", "items[entity_id,updated_at],total_count")
        rows = self._listed(answer, "newest order").items
        if not rows:
            return None
        newest = parse(bytes(rows[0]))
        return Cursor(parse_magento_time(newest["updated_at"]), int(newest["entity_id"]))

    def count(self, where: OrderFilter) -> int:
        """How many orders there are."""
        answer = self._list(SearchCriteria(self._groups(where)), "order count", "total_count")
        total = self._listed(answer, "order count").total_count
        if total is None:
            raise unreadable(
                Call("GET", "/orders", about="order count"), answer, self._client.whose, "no count came back."
            )
        return total

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
        return OrderPage(orders=[order], raw=[answer.body], server_time=self._time_of(answer), last=True)

    def server_time(self) -> datetime:
        """The store's own clock, aware UTC: never ahead of it. Before the first answer, one row is asked for."""
        known = self._client.server_time()
        if known is None:
            self.count(OrderFilter())
            known = self._client.server_time()
        if known is None:
            raise self._no_clock()
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

    def _rows(
        self, groups: tuple[tuple[Filter, ...], ...], wanted: int, keys: Sequence[OrderField]
    ) -> tuple[int, Answer]:
        """One page of whole orders and the page size that the store took."""
        while True:
            size = self._limit.of(wanted)
            criteria = SearchCriteria(groups, sorted_by(keys, Direction.ASC), page_size=size)
            try:
                return size, self._list(criteria, "orders")
            except PageTooLarge as refused:
                if not 0 < refused.limit < size:
                    raise
                self._limit.rows = refused.limit

    def _list(self, criteria: SearchCriteria, about: str, fields: str = "") -> Answer:
        return self._client.call(Call("GET", "/orders", query=criteria.query(fields), about=about))

    def _listed(self, answer: Answer, about: str) -> _List:
        if answer.body.strip() == b"[]":  # how PHP writes an empty object
            return _List(items=[], total_count=0)
        try:
            return _LIST.decode(answer.body)
        except ValueError:
            call = Call("GET", "/orders", about=about)
            raise unreadable(call, answer, self._client.whose, "the answer is not a list of orders.") from None

    def _json(self, call: Call, answer: Answer) -> Any:
        try:
            return answer.json
        except ValueError:
            raise unreadable(call, answer, self._client.whose, "the answer is no JSON.") from None

    def _time_of(self, answer: Answer) -> datetime:
        moment = answer.server_time
        if moment is None:
            raise self._no_clock()
        return moment

    def _no_clock(self) -> ConfigurationError:
        return ConfigurationError(
            f"Magento {self.instance} sends no readable Date header, so nobody knows how far reading has come.",
            way_out="Let the web server or the proxy in front of it send one.",
        )

    def _check_order(self, orders: Sequence[Json], cursor: Cursor | None, keys: Sequence[OrderField]) -> None:
        """The rows must ascend strictly from the cursor, or the next page would leave some out."""
        last = None if cursor is None else _key_of_cursor(cursor, keys)
        for order in orders:
            try:
                key = tuple(int(order[each]) if each == OrderField.ENTITY_ID else str(order[each]) for each in keys)
            except (KeyError, ValueError, TypeError):
                key = None
            if key is None or (last is not None and key <= last):
                raise ConfigurationError(
                    f"Magento {self.instance} does not sort or filter orders as asked (order {order.get('entity_id')}"
                    " is out of place); reading stopped there, nothing was skipped.",
                    way_out="A module or a cache in front of /rest/V1/orders interferes: take it out of the way.",
                )
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
