"""A Magento in memory that keeps Magento's own rules, and fails when it is told to."""

from __future__ import annotations

import copy
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from tests.workflows.fake_catalogue import FakeCatalogue
from tests.workflows.fake_inventory import FakeInventory
from tests.workflows.payloads import Row, order, over_the_wire

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import (
    AlreadyDone,
    CommentOptions,
    Cursor,
    Json,
    NotFound,
    OrderFilter,
    OrderPage,
    OutsideError,
    PermanentError,
    Track,
    parse_magento_time,
)

LIVE_FROM = datetime(2026, 11, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def store_config(**more: Any) -> Row:
    """One store view, as its YAML says it."""
    return {"store_id": 1, "code": "default", "name": "Loom", "live_from": LIVE_FROM, **more}


def instance_config(*stores: Mapping[str, Any], **more: Any) -> InstanceConfig:
    """The configuration of the instance `loom`."""
    return InstanceConfig.model_validate(
        {
            "code": "loom",
            "name": "Loom",
            "url": "https://loom.example.in",
            "stores": [dict(store) for store in stores] or [store_config()],
            **more,
        }
    )


@dataclass(slots=True)
class Fault:
    """One call of `method` fails. `after`: the change was made, and the caller does not learn of it."""

    method: str
    error: OutsideError
    when: Literal["before", "after"] = "before"
    times: int = 1


class FakeMagento(FakeCatalogue, FakeInventory):
    """Implements `ports.Magento`.

    `updated_at` moves when the order's row is saved, and not on comments. Every change is kept in `ledger`.

    Args:
        comment_status: what becomes of a status that a comment asks for: `accepted`, `refused` (400, nothing is
            written), or `ignored` (the comment is written, the status stays).
        entity: whether the order entity may be saved with another status.
        first_id: of its first order, so that two stores' orders can be told apart.
    """

    def __init__(
        self,
        instance: str = "loom",
        *,
        comment_status: Literal["accepted", "refused", "ignored"] = "refused",
        entity: Literal["accepted", "refused"] = "accepted",
        first_id: int = 1,
    ) -> None:
        FakeCatalogue.__init__(self)
        FakeInventory.__init__(self)
        self._instance = instance
        self.comment_status = comment_status
        self.entity = entity
        self.first_id = first_id
        self.now = NOW
        self.orders: dict[int, Row] = {}
        self.faults: list[Fault] = []
        self.calls: Counter[str] = Counter()
        self.ledger: list[tuple[str, int]] = []
        self.invoices: list[Row] = []
        self.shipments: list[Row] = []
        self.ships_apart: frozenset[int] = frozenset()
        self.credit_memos: list[Row] = []
        self.rmas: list[Row] | None = None
        self.before_call: Callable[[str], None] = lambda method: None
        self._lock = threading.RLock()
        self._in_flight: Counter[int] = Counter()
        self.most_in_flight = 0
        self.doubled_in_flight = 0

    # What happens in the store ----------------------------------------------------------------------------------------

    def pass_time(self, seconds: float) -> None:
        """Let the store's clock go on."""
        self.now += timedelta(seconds=seconds)

    def place(self, payload: Row | None = None, **more: Any) -> int:
        """A buyer places an order now; its id."""
        with self._lock:
            entity_id = max(self.orders, default=self.first_id - 1) + 1
            row = payload or order(entity_id, at=self.now, **more)
            self.orders[int(row["entity_id"])] = row
            return int(row["entity_id"])

    def save(self, entity_id: int, **fields: Any) -> None:
        """Change fields of the order's row, as Magento does when it saves an order."""
        with self._lock:
            self.orders[entity_id] |= {**fields, "updated_at": f"{self.now:%Y-%m-%d %H:%M:%S}"}

    def cancel_in_admin(self, entity_id: int) -> None:
        """Cancel the order with all its items."""
        for row in self.orders[entity_id]["items"]:
            row["qty_canceled"] = row["qty_ordered"]
        self.save(entity_id, state="canceled", status="canceled")

    def refund_in_admin(self, entity_id: int, items: Mapping[int, float] | None = None) -> Row:
        """Make an offline credit memo of units that are invoiced, of all of them where none are named."""
        order = self._row(entity_id)
        if order["state"] in ("canceled", "holded", "closed", "payment_review"):
            raise PermanentError(f"A creditmemo can not be created when an order has a status of {order['status']}")
        left = {row["item_id"]: row["qty_invoiced"] - row["qty_refunded"] for row in order["items"]}
        chosen = {item: units for item, units in left.items() if units} if items is None else dict(items)
        if not chosen or any(units > left.get(item, 0) for item, units in chosen.items()):
            raise PermanentError("The quantity to refund must not be greater than the unrefunded quantity.")
        for row in order["items"]:
            row["qty_refunded"] += chosen.get(row["item_id"], 0)
        memo: Row = {
            "entity_id": self._number(),
            "order_id": entity_id,
            "store_id": order["store_id"],
            "created_at": f"{self.now:%Y-%m-%d %H:%M:%S}",
            "comments": [],
            "items": [{"order_item_id": item, "qty": units} for item, units in chosen.items()],
        }
        self.credit_memos.append(memo)
        closed = all(row["qty_refunded"] + row["qty_canceled"] >= row["qty_ordered"] for row in order["items"])
        self.save(entity_id, **({"state": "closed", "status": "closed"} if closed else {}))
        return memo

    def cancel_units(self, entity_id: int, units: Mapping[int, float]) -> None:
        """Cancel units of lines, as a module of the store does: the order's own row is not saved."""
        for row in self.orders[entity_id]["items"]:
            if row["item_id"] in units:
                row["qty_canceled"] += units[row["item_id"]]
                row["updated_at"] = f"{self.now:%Y-%m-%d %H:%M:%S}"

    def hold(self, entity_id: int) -> None:
        """Put the order on hold."""
        before = self.orders[entity_id]
        self.save(
            entity_id,
            state="holded",
            status="holded",
            hold_before_state=before["state"],
            hold_before_status=before["status"],
        )

    def unhold(self, entity_id: int) -> None:
        """Take the hold off."""
        before = self.orders[entity_id]
        self.save(
            entity_id,
            state=before["hold_before_state"],
            status=before["hold_before_status"],
            hold_before_state=None,
            hold_before_status=None,
        )

    def pay(self, entity_id: int) -> None:
        """The payment is captured: invoiced, and processing."""
        for row in self.orders[entity_id]["items"]:
            row["qty_invoiced"] = row["qty_ordered"]
        self.save(entity_id, state="processing", status="processing", total_due=0)

    def histories(self, entity_id: int) -> list[str]:
        """The texts of the order's comments."""
        return [row["comment"] for row in self.orders[entity_id]["status_histories"]]

    def fail(
        self, method: str, error: OutsideError, *, when: Literal["before", "after"] = "before", times: int = 1
    ) -> None:
        """Let the next `times` calls of `method` fail."""
        self.faults.append(Fault(method, error, when, times))

    # ports.MagentoOrders ----------------------------------------------------------------------------------------------

    @property
    def instance(self) -> str:
        return self._instance

    def page_after(
        self, cursor: Cursor | None, where: OrderFilter, *, page_size: int, by: str = "updated_at"
    ) -> OrderPage:
        with self._call("page_after"):
            rows = [row for row in self._found(where, by) if cursor is None or _key(row, by) > _after(cursor, by)]
            return self._page(rows[:page_size], last=len(rows) < page_size)

    def newest_after(self, cursor: Cursor, where: OrderFilter) -> Cursor | None:
        with self._call("newest_after"):
            keys = [_key(row, "updated_at") for row in self._found(where, "updated_at")]
            newer = [key for key in keys if key > _after(cursor, "updated_at")]
            return Cursor(*newer[-1]) if newer else None

    def count(self, where: OrderFilter) -> int:
        with self._call("count"):
            return len(self._found(where, "entity_id"))

    def order(self, entity_id: int) -> Json:
        with self._call("order", entity_id):
            return over_the_wire(self._row(entity_id))[0]

    def page_of(self, entity_id: int) -> OrderPage:
        with self._call("page_of", entity_id):
            return self._page([self._row(entity_id)], last=True)

    def server_time(self) -> datetime:
        return self.now

    # ports.MagentoOrderActions ----------------------------------------------------------------------------------------

    def comments(self, entity_id: int) -> Sequence[Json]:
        with self._call("comments", entity_id):
            return list(reversed(copy.deepcopy(self._row(entity_id)["status_histories"])))

    def add_comment(
        self, entity_id: int, comment: str, *, status: str | None = None, options: CommentOptions | None = None
    ) -> None:
        with self._call("add_comment", entity_id):
            row = self._row(entity_id)
            asks = status is not None and status != row["status"]
            if asks and self.comment_status == "refused":
                raise PermanentError(f"The status {status!r} is not part of the order status history.", status=400)
            row["status_histories"].append({"comment": comment, "status": status or row["status"]})
            self.ledger.append(("comment", entity_id))
            if asks and self.comment_status == "accepted":
                self.save(entity_id, state="processing", status=status)

    def set_status(self, entity_id: int, *, state: str, status: str) -> None:
        with self._call("set_status", entity_id):
            self._row(entity_id)
            if self.entity == "refused":
                raise PermanentError("The order entity cannot be saved.", status=400)
            self.save(entity_id, state=state, status=status)
            self.ledger.append(("status", entity_id))

    def invoice(
        self, entity_id: int, *, items: Mapping[int, Any], comment: str, capture: bool = False, notify: bool = False
    ) -> str:
        with self._call("invoice", entity_id):
            order = self._row(entity_id)
            if order["state"] in ("canceled", "holded", "closed"):
                raise PermanentError(f"An invoice cannot be created when an order has a status of {order['status']}.")
            for row in order["items"]:
                wanted = float(items.get(row["item_id"], 0))
                if wanted > row["qty_ordered"] - row["qty_invoiced"] - row["qty_canceled"]:
                    raise PermanentError("The quantity to invoice must not be greater than the uninvoiced quantity.")
            for row in order["items"]:
                row["qty_invoiced"] += float(items.get(row["item_id"], 0))
            document = {"entity_id": self._number(), "order_id": entity_id, "comments": [{"comment": comment}]}
            self.invoices.append(document | {"items": {item: float(qty) for item, qty in items.items()}})
            self.save(entity_id, state="processing", status="processing", total_due=0)
            self._complete(order)
            self.ledger.append(("invoice", entity_id))
            return str(document["entity_id"])

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
        with self._call("ship", entity_id):
            order = self._row(entity_id)
            if order["state"] in ("canceled", "holded", "closed"):
                raise PermanentError(f"A shipment cannot be created when an order has a status of {order['status']}.")
            shipped = {}
            for row in order["items"]:
                left = row["qty_ordered"] - max(row["qty_shipped"], row["qty_refunded"]) - row["qty_canceled"]
                if quantity := min(float(items.get(row["item_id"], 0)), left):
                    shipped[row["item_id"]] = quantity
            if not shipped:
                raise AlreadyDone("The order does not allow a shipment to be created.")
            self.deduct(source_code, [(row["sku"], shipped.get(row["item_id"], 0)) for row in order["items"]])
            for row in order["items"]:
                row["qty_shipped"] += shipped.get(row["item_id"], 0)
            number = self._number()
            self.shipments.append(
                {
                    "entity_id": number,
                    "increment_id": f"{number:09}",
                    "order_id": entity_id,
                    "comments": [{"comment": comment}],
                    "items": [{"order_item_id": item, "qty": quantity} for item, quantity in shipped.items()],
                    "tracks": [{"track_number": track.number, "title": track.title} for track in tracks],
                    "source": source_code,
                }
            )
            self.save(entity_id)
            self._complete(order)
            self.ledger.append(("ship", entity_id))
            return str(number)

    def cancel(self, entity_id: int) -> bool:
        with self._call("cancel", entity_id):
            order = self._row(entity_id)
            left = {
                row["item_id"]: row["qty_ordered"] - row["qty_invoiced"] - row["qty_canceled"] for row in order["items"]
            }
            if order["state"] in ("canceled", "holded", "closed", "complete") or not any(left.values()):
                return False
            if any(row["qty_invoiced"] for row in order["items"]):
                # Of a partly invoiced order the rest is cancelled, and the order is not.
                for row in order["items"]:
                    row["qty_canceled"] += left[row["item_id"]]
                self.save(entity_id)
                self._complete(order)
            else:
                self.cancel_in_admin(entity_id)
            self.ledger.append(("cancel", entity_id))
            return True

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
        with self._call("refund", entity_id):
            memo = self.refund_in_admin(entity_id, {item: float(qty) for item, qty in items.items()})
            memo |= {"comments": [{"comment": comment}], "restock": list(restock)}
            self.ledger.append(("refund", entity_id))
            return str(memo["entity_id"])

    def credit_memos_of(self, entity_id: int) -> Sequence[Json]:
        with self._call("credit_memos_of", entity_id):
            return copy.deepcopy([row for row in self.credit_memos if row["order_id"] == entity_id])

    def orders_reduced_since(self, since: datetime) -> Sequence[int]:
        with self._call("orders_reduced_since"):
            made = {row["order_id"] for row in self.credit_memos if parse_magento_time(row["created_at"]) >= since}
            reduced = {
                int(order["entity_id"])
                for order in self.orders.values()
                for row in order["items"]
                if (row["qty_canceled"] or row["qty_refunded"])
                and parse_magento_time(row.get("updated_at", order["updated_at"])) >= since
            }
            return sorted(made | reduced)

    def credit_memos_after(self, memo_id: int, *, since: datetime, before: datetime, limit: int) -> Sequence[Json]:
        with self._call("credit_memos_after"):
            return _documents(self.credit_memos, "created_at", memo_id, since, before)[:limit]

    def returns_after(self, rma_id: int, *, since: datetime, before: datetime, limit: int) -> Sequence[Json]:
        with self._call("returns_after"):
            if self.rmas is None:
                raise NotFound("This Magento has no RMA.", status=404)
            return _documents(self.rmas, "date_requested", rma_id, since, before)[:limit]

    def invoices_of(self, entity_id: int) -> Sequence[Json]:
        with self._call("invoices_of", entity_id):
            return copy.deepcopy([row for row in self.invoices if row["order_id"] == entity_id])

    def shipped_apart(self, product_ids: Sequence[int]) -> frozenset[int]:
        with self._call("shipped_apart", 0):
            return frozenset(product_ids) & self.ships_apart

    def shipments_of(self, entity_id: int) -> Sequence[Json]:
        with self._call("shipments_of", entity_id):
            return copy.deepcopy([row for row in self.shipments if row["order_id"] == entity_id])

    def _number(self) -> int:
        return 1 + len(self.invoices) + len(self.shipments) + len(self.credit_memos)

    def _complete(self, order: Row) -> None:
        """Invoiced and shipped: Magento's save hook makes the order complete."""
        done = all(
            row["qty_invoiced"] + row["qty_canceled"] >= row["qty_ordered"]
            and (
                row["qty_shipped"] + row["qty_canceled"] + row["qty_refunded"] >= row["qty_ordered"]
                or row["is_virtual"]
            )
            for row in order["items"]
        )
        if done:
            self.save(order["entity_id"], state="complete", status="complete")

    # ------------------------------------------------------------------------------------------------------------------

    @contextmanager
    def _call(self, method: str, entity_id: int | None = None) -> Iterator[None]:
        """One call at a time, as if each were a transaction; with the faults that were ordered."""
        with self._flight(entity_id):
            self.before_call(method)
            with self._lock:
                self.calls[method] += 1
                fault = self._fault(method)
                if fault is not None and fault.when == "before":
                    raise fault.error
                yield
                if fault is not None:
                    raise fault.error

    @contextmanager
    def _flight(self, entity_id: int | None) -> Iterator[None]:
        """Count the calls about orders that are under way at once, and those about one order."""
        if entity_id is None:
            yield
            return
        with self._lock:
            self._in_flight[entity_id] += 1
            self.most_in_flight = max(self.most_in_flight, sum(self._in_flight.values()))
            self.doubled_in_flight += self._in_flight[entity_id] > 1
        try:
            yield
        finally:
            with self._lock:
                self._in_flight[entity_id] -= 1

    def _fault(self, method: str) -> Fault | None:
        for fault in self.faults:
            if fault.method in (method, "*"):
                fault.times -= 1
                if not fault.times:
                    self.faults.remove(fault)
                return fault
        return None

    def _row(self, entity_id: int) -> Row:
        if entity_id not in self.orders:
            raise NotFound(f"The entity that was requested doesn't exist: order {entity_id}.", status=404)
        return self.orders[entity_id]

    def _found(self, where: OrderFilter, by: str) -> list[Row]:
        return sorted((row for row in self.orders.values() if _fits(row, where)), key=lambda row: _key(row, by))

    def _page(self, rows: Sequence[Row], *, last: bool) -> OrderPage:
        parsed = [over_the_wire(row) for row in rows]
        return OrderPage([one for one, _ in parsed], [raw for _, raw in parsed], self.now, last)


def _documents(rows: Sequence[Row], column: str, last: int, since: datetime, before: datetime) -> list[Json]:
    found = [row for row in rows if row["entity_id"] > last and since <= parse_magento_time(row[column]) < before]
    return copy.deepcopy(sorted(found, key=lambda row: int(row["entity_id"])))


def _key(row: Row, by: str) -> tuple[Any, ...]:
    entity_id = int(row["entity_id"])
    return (entity_id,) if by == "entity_id" else (parse_magento_time(row["updated_at"]), entity_id)


def _after(cursor: Cursor, by: str) -> tuple[Any, ...]:
    return (cursor.entity_id,) if by == "entity_id" else (cursor.at, cursor.entity_id)


def _fits(row: Row, where: OrderFilter) -> bool:
    created, updated = parse_magento_time(row["created_at"]), parse_magento_time(row["updated_at"])
    entity_id = int(row["entity_id"])
    return (
        (not where.statuses or row["status"] in where.statuses)
        and row["status"] not in where.not_statuses
        and (not where.store_ids or row["store_id"] in where.store_ids)
        and (where.created_from is None or created >= where.created_from)
        and (where.created_before is None or created < where.created_before)
        and (where.updated_from is None or updated >= where.updated_from)
        and (not where.entity_ids or entity_id in where.entity_ids)
        and (where.entity_id_from is None or entity_id >= where.entity_id_from)
        and (where.entity_id_before is None or entity_id < where.entity_id_before)
    )
