"""Orders in the database: many new ones at once by COPY, known ones one by one under a row lock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
from psycopg.types.json import Jsonb
from sqlalchemy import Connection

from magento_oms.domain.intake import LineChange, OrderChange, StoredOrder
from magento_oms.domain.quantities import Quantities
from magento_oms.domain.states import OrderFacts, OrderState, line_state, order_state
from magento_oms.storage import effects, quarantine
from magento_oms.storage.database import copy_into, new_ids, notify, text

ORDER_COLUMNS = (
    "id", "instance", "entity_id", "increment_id", "store_id", "state", "magento_state", "magento_status", "placed_at",
    "magento_updated_at", "read_at", "digest", "history", "shadow", "virtual", "required_by", "payment_method",
    "payment_kind", "currency", "subtotal", "shipping", "cod_fee", "discount", "store_credit", "tax", "other_charges",
    "grand_total", "total_due", "to_collect", "relation", "buyer", "route_at",
)  # fmt: skip
LINE_COLUMNS = (
    "order_id", "item_id", "parent_item_id", "act_on_item_id", "kind", "sku", "name", "product_id", "state", "ordered",
    "allocated", "packed", "invoiced", "shipped", "cancelled", "returned", "refunded", "magento_shipped", "price",
    "row_total", "row_total_incl_tax", "tax", "tax_percent", "discount", "payable",
    "bundle_product_id",
)  # fmt: skip
ROUTING = effects.signal("routing")
"""Wakes routing: there are orders that a location must be found for."""
BUNDLE = (
    "case when l.bundle_product_id is not null and (l.act_on_item_id = l.parent_item_id or not exists (select from"
    " sales_order o join product p on p.instance = o.instance and p.product_id = l.bundle_product_id and p.ships_apart"
    " where o.id = l.order_id)) then l.parent_item_id end"
)
"""Of a line `l`: item id of the bundle with which it leaves, as Magento ships none of its parts alone, or (where all
have one price) invoices none alone. So it is with a bundle that the catalogue does not have.
"""
QUANTITIES = ("ordered", "allocated", "packed", "invoiced", "shipped", "cancelled", "returned")

Row = tuple[Any, ...]


def digests(connection: Connection, instance: str, entity_ids: Iterable[int]) -> dict[int, bytes | None]:
    """Digests of the payloads that the stored ones of these orders were made from.

    None for held ones: the same payload may mean something else once the configuration has changed.
    """
    rows = connection.execute(
        text(
            "select entity_id, case when state <> 'held' then digest end as digest from sales_order"
            " where instance = :instance and entity_id = any(:ids)"
        ),
        {"instance": instance, "ids": list(entity_ids)},
    )
    return {entity_id: None if digest is None else bytes(digest) for entity_id, digest in rows}


def load_for_update(connection: Connection, instance: str, entity_ids: Iterable[int]) -> dict[int, StoredOrder]:
    """The stored ones of these orders, locked until the transaction ends (in the order of their ids, so that two
    transactions never wait for each other).
    """
    orders = connection.execute(
        text(
            "select id, entity_id, state, history, shadow, acknowledged_at is not null as acknowledged, magento_status,"
            " magento_updated_at, read_at, digest from sales_order"
            " where instance = :instance and entity_id = any(:ids) order by entity_id for update"
        ),
        {"instance": instance, "ids": list(entity_ids)},
    ).all()
    if not orders:
        return {}
    ids = [row.id for row in orders]
    quantities: dict[int, dict[int, Quantities]] = {order_id: {} for order_id in ids}
    for row in connection.execute(
        text(f"select order_id, item_id, {', '.join(QUANTITIES)} from order_line where order_id = any(:ids)"),  # noqa: S608
        {"ids": ids},
    ):
        quantities[row.order_id][row.item_id] = Quantities(*row[2:])
    holds: dict[int, set[str]] = {order_id: set() for order_id in ids}
    for row in connection.execute(
        text("select order_id, code from order_hold where order_id = any(:ids) and released_at is null"), {"ids": ids}
    ):
        holds[row.order_id].add(row.code)
    return {
        row.entity_id: StoredOrder(
            id=row.id,
            entity_id=row.entity_id,
            state=OrderState(row.state),
            history=row.history,
            shadow=row.shadow,
            acknowledged=row.acknowledged,
            magento_status=row.magento_status,
            magento_updated_at=row.magento_updated_at,
            read_at=row.read_at,
            digest=bytes(row.digest),
            quantities=quantities[row.id],
            holds=frozenset(holds[row.id]),
        )
        for row in orders
    }


def insert_new(connection: Connection, instance: str, changes: Sequence[OrderChange]) -> None:
    """Write orders that are not stored yet, with all that follows from them.

    Raises:
        sqlalchemy.exc.IntegrityError: somebody else stored one of them meanwhile; roll back and decide again.
    """
    ids = new_ids(connection, "sales_order", len(changes))
    numbered = list(zip(ids, changes, strict=True))
    _copy(connection, "sales_order", ORDER_COLUMNS, [_order_row(i, instance, change) for i, change in numbered])
    _copy(
        connection,
        "order_line",
        LINE_COLUMNS,
        [_line_row(i, line) for i, change in numbered for line in change.lines],
    )
    _copy(
        connection,
        "order_event",
        ("order_id", "kind", "details"),
        [(i, kind, _json(details)) for i, change in numbered for kind, details in change.events],
    )
    _copy(
        connection,
        "order_hold",
        ("order_id", "code", "reason"),
        [(i, code, reason) for i, change in numbered for code, reason in change.place.items()],
    )
    effects.copy_new(connection, [(i, effect) for i, change in numbered for effect in change.effects])
    if any(change.route for change in changes):
        notify(connection, ROUTING)


def update(connection: Connection, stored: StoredOrder, change: OrderChange) -> None:
    """Bring a stored order (locked by `load_for_update`) to what `change` says. The buyer stays as first stored."""
    order = change.order
    connection.execute(
        text(
            "update sales_order set state = :state, magento_state = :magento_state, magento_status = :magento_status,"
            " magento_updated_at = :updated_at, read_at = :read_at, digest = :digest, payment_method = :payment_method,"
            " payment_kind = :payment_kind, grand_total = :grand_total, total_due = :total_due, relation = :relation,"
            # An invoice on Magento marks the order as paid, though the money is still to be collected.
            " to_collect = case when :invoiced then to_collect else :to_collect end,"
            " route_at = case when :route then coalesce(route_at, now()) end"
            " where id = :id"
        ),
        {
            "id": stored.id,
            "state": str(change.state),
            "magento_state": order.state,
            "magento_status": order.status,
            "updated_at": order.updated_at,
            "read_at": change.payload.read_at,
            "digest": change.payload.digest,
            "payment_method": order.payment_method,
            "payment_kind": change.payment_kind,
            "grand_total": order.grand_total,
            "total_due": order.total_due,
            "to_collect": _to_collect(change),
            "invoiced": any(line.line.invoiced or line.quantities.invoiced for line in change.lines),
            "route": change.route,
            "relation": _json(order.relation) if order.relation else None,
        },
    )
    for line in change.lines:
        if line.quantities != stored.quantities[line.line.item_id]:
            _update_line(connection, stored.id, line)
    _as_magento_says(connection, stored.id, change.lines)
    for code, reason in change.place.items():
        connection.execute(
            text(
                "insert into order_hold (order_id, code, reason) values (:id, :code, :reason)"
                " on conflict (order_id, code) where released_at is null do nothing"
            ),
            {"id": stored.id, "code": code, "reason": reason},
        )
    if change.release:
        connection.execute(
            text(
                "update order_hold set released_at = now()"
                " where order_id = :id and code = any(:codes) and released_at is null"
            ),
            {"id": stored.id, "codes": sorted(change.release)},
        )
    for kind, details in change.events:
        add_event(connection, stored.id, kind, details)
    if change.stop:
        effects.cancel_unsent(connection, stored.id)
    elif stored.state is OrderState.HELD and change.state is not OrderState.HELD:
        effects.wake_released(connection, stored.id)
    for effect in change.effects:
        effects.plan(connection, effect, stored.id)
    if change.route:
        notify(connection, ROUTING)


def lock(connection: Connection, order_id: int, *, wait: bool = True) -> bool:
    """Lock an order until the transaction ends, before anything that hangs on it: its lines, bookings, effects. Whoever
    changes several of these begins so, and no two ever wait for each other.

    Args:
        wait: until nobody else has it; else False is returned where somebody has. Who has locked an order already does
            not wait for a second one.
    """
    ending = "" if wait else " skip locked"
    return (
        connection.execute(
            text(f"select 1 from sales_order where id = :id for update{ending}"),  # noqa: S608  (constants)
            {"id": order_id},
        ).scalar()
        is not None
    )


def add_event(connection: Connection, order_id: int, kind: str, details: dict[str, Any]) -> None:
    """Add a line to the order's time line."""
    connection.execute(
        text("insert into order_event (order_id, kind, details) values (:id, :kind, :details)"),
        {"id": order_id, "kind": kind, "details": _json(details)},
    )


def place_hold(connection: Connection, order_id: int, code: str, reason: str) -> None:
    """Place a hold; the caller derives the state. One that is open already stays."""
    placed = connection.execute(
        text(
            "insert into order_hold (order_id, code, reason) values (:id, :code, :reason)"
            " on conflict (order_id, code) where released_at is null do nothing"
        ),
        {"id": order_id, "code": code, "reason": reason},
    ).rowcount
    if placed:
        add_event(connection, order_id, "held", {"code": code, "reason": reason})


def release_hold(connection: Connection, order_id: int, code: str) -> bool:
    """Release a hold and let the order go on, if no other is open; whether there was one."""
    connection.execute(text("select 1 from sales_order where id = :id for update"), {"id": order_id})
    released = connection.execute(
        text("update order_hold set released_at = now() where order_id = :id and code = :code and released_at is null"),
        {"id": order_id, "code": code},
    ).rowcount
    if not released:
        return False
    add_event(connection, order_id, "released", {"code": code})
    if derive_state(connection, order_id) is not OrderState.HELD:
        effects.wake_released(connection, order_id)
        notify(connection, ROUTING)
    return True


def acknowledged(connection: Connection, order_id: int, at: datetime, how: str) -> None:
    """Note that Magento was told, and derive the state anew."""
    row = connection.execute(
        text("select state, history, acknowledged_at from sales_order where id = :id for update"), {"id": order_id}
    ).one()
    if row.acknowledged_at is not None:
        return
    connection.execute(text("update sales_order set acknowledged_at = :at where id = :id"), {"id": order_id, "at": at})
    add_event(connection, order_id, "acknowledged", {"how": how})
    derive_state(connection, order_id)


def derive_lines(connection: Connection, order_id: int) -> None:
    """Write the states that follow from the quantities of the order's lines."""
    changed: dict[str, list[int]] = {}
    for row in connection.execute(
        text(f"select item_id, state, {', '.join(QUANTITIES)} from order_line where order_id = :id"),  # noqa: S608
        {"id": order_id},
    ):
        state = str(line_state(Quantities(*row[2:])))
        if state != row.state:
            changed.setdefault(state, []).append(row.item_id)
    for state, items in changed.items():
        connection.execute(
            text("update order_line set state = :state where order_id = :id and item_id = any(:items)"),
            {"id": order_id, "items": items, "state": state},
        )


def derive_state(connection: Connection, order_id: int) -> OrderState:
    """Write the state that follows from the order's stored quantities, holds and acknowledgement."""
    order = connection.execute(
        text("select state, history, acknowledged_at from sales_order where id = :id for update"), {"id": order_id}
    ).one()
    lines: dict[str, list[Quantities]] = {"physical": [], "virtual": []}
    for row in connection.execute(
        text(f"select kind, {', '.join(QUANTITIES)} from order_line where order_id = :id"),  # noqa: S608
        {"id": order_id},
    ):
        lines[row.kind].append(Quantities(*row[1:]))
    holds = connection.execute(
        text("select code from order_hold where order_id = :id and released_at is null"), {"id": order_id}
    ).scalars()
    state = order_state(
        OrderFacts(
            tuple(lines["physical"]),
            tuple(lines["virtual"]),
            order.history,
            frozenset(holds),
            order.acknowledged_at is not None,
        )
    )
    if str(state) != order.state:
        connection.execute(
            text("update sales_order set state = :state where id = :id"), {"id": order_id, "state": str(state)}
        )
    return state


def open_troubles(connection: Connection, instance: str, change: OrderChange, inbox_id: int | None) -> None:
    """Put what a person must be told about an order into quarantine."""
    for trouble in change.troubles:
        quarantine.open_(
            connection,
            instance=instance,
            store_id=change.order.store_id,
            subject=f"order:{change.order.entity_id}",
            code=trouble.code,
            reason=trouble.reason,
            way_out=trouble.way_out,
            inbox_id=inbox_id,
        )


def _order_row(order_id: int, instance: str, change: OrderChange) -> Row:
    order = change.order
    return (
        order_id, instance, order.entity_id, order.increment_id, order.store_id, str(change.state), order.state,
        order.status, order.placed_at, order.updated_at, change.payload.read_at, change.payload.digest, change.history,
        change.shadow, order.virtual, change.required_by, order.payment_method, change.payment_kind, order.currency,
        order.subtotal, order.shipping, order.cod_fee, order.discount, order.store_credit, order.tax,
        order.other_charges, order.grand_total, order.total_due, _to_collect(change),
        _json(order.relation) if order.relation else None, _json(order.buyer),
        order.placed_at if change.route else None,
    )  # fmt: skip


def _to_collect(change: OrderChange) -> Decimal:
    return change.order.total_due if change.payment_kind == "cod" else Decimal(0)


def _line_row(order_id: int, change: LineChange) -> Row:
    line, quantities = change.line, change.quantities
    return (
        order_id, line.item_id, line.parent_item_id, line.act_on_item_id, str(line.kind), line.sku, line.name,
        line.product_id, str(change.state), quantities.ordered, quantities.allocated, quantities.packed,
        quantities.invoiced, quantities.shipped, quantities.cancelled, quantities.returned, line.refunded, line.shipped,
        line.price, line.row_total, line.row_total_incl_tax, line.tax, line.tax_percent, line.discount,
        line.payable, line.bundle_product_id,
    )  # fmt: skip


def _update_line(connection: Connection, order_id: int, change: LineChange) -> None:
    figures: dict[str, Decimal] = {name: getattr(change.quantities, name) for name in QUANTITIES[1:]}
    connection.execute(
        text(
            "update order_line set state = :state, allocated = :allocated, packed = :packed, invoiced = :invoiced,"
            " shipped = :shipped, cancelled = :cancelled, returned = :returned"
            " where order_id = :order_id and item_id = :item_id"
        ),
        {"order_id": order_id, "item_id": change.line.item_id, "state": str(change.state), **figures},
    )


def _as_magento_says(connection: Connection, order_id: int, changes: Iterable[LineChange]) -> None:
    for change in changes:
        line = change.line
        if line.refunded or line.shipped:
            connection.execute(
                text(
                    "update order_line set refunded = :refunded, magento_shipped = :shipped"
                    " where order_id = :order_id and item_id = :item_id"
                    " and (refunded, magento_shipped) is distinct from (:refunded, :shipped)"
                ),
                {
                    "order_id": order_id,
                    "item_id": line.item_id,
                    "refunded": line.refunded,
                    "shipped": line.shipped,
                },
            )


def _copy(connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    if not rows:
        return
    with copy_into(connection, table, columns) as copy:
        for row in rows:
            copy.write_row(row)


def _json(value: dict[str, Any]) -> Jsonb:
    return Jsonb(value, dumps=orjson.dumps)
