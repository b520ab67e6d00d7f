"""What the commands read of the OMS. Personal data is read only where it is asked for."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from magento_oms.ports import ConfigurationError
from magento_oms.storage.database import text

Row = dict[str, Any]


def orders(connection: Connection, instance: str | None, state: str | None, limit: int) -> list[Row]:
    """Orders, the newest first."""
    return _rows(
        connection,
        "select instance, entity_id, increment_id, store_id, state, magento_status, placed_at, payment_kind, currency,"
        " grand_total from sales_order"
        " where (cast(:instance as text) is null or instance = :instance)"
        " and (cast(:state as text) is null or state = :state)"
        " order by placed_at desc, id desc limit :limit",
        instance=instance,
        state=state,
        limit=limit,
    )


def effects(connection: Connection, target: str | None, state: str | None, order: str | None, limit: int) -> list[Row]:
    """Effects, the newest first. `order` is an entity id or an increment id."""
    return _rows(
        connection,
        "select e.* from effect e left join sales_order o on o.id = e.order_id"
        " where (cast(:target as text) is null or e.target = :target)"
        " and (cast(:state as text) is null or e.state = :state)"
        " and (cast(:order as text) is null or o.increment_id = :order or cast(o.entity_id as text) = :order)"
        " order by e.id desc limit :limit",
        target=target,
        state=state,
        order=order,
        limit=limit,
    )


def bookings(
    connection: Connection,
    *,
    account: str | None = None,
    status: str | None = None,
    instance: str | None = None,
    order: str | None = None,
    limit: int = 50,
) -> list[Row]:
    """Parcels as they are booked, the newest first. `order` is an entity id or an increment id."""
    return _rows(
        connection,
        "select b.reference, o.instance, o.increment_id, p.direction, b.account, b.awb, b.status, b.status_at,"
        " b.failed_attempts, b.booked_at, b.given_up, e.state as next_state, e.kind as next_kind, e.last_error"
        " from courier_booking b join parcel p on p.id = b.parcel_id join sales_order o on o.id = p.order_id"
        " left join lateral (select state, kind, last_error from effect where target = 'courier:' || b.account"
        "   and subject = 'booking:' || b.id and state not in ('done', 'cancelled') order by id limit 1) e on true"
        " where (cast(:account as text) is null or b.account = :account)"
        " and (cast(:status as text) is null or b.status = :status)"
        " and (cast(:instance as text) is null or o.instance = :instance)"
        " and (cast(:order as text) is null or o.increment_id = :order or cast(o.entity_id as text) = :order)"
        " order by b.id desc limit :limit",
        account=account,
        status=status,
        instance=instance,
        order=order,
        limit=limit,
    )


def booking_id(connection: Connection, parcel: str) -> int:
    """The booking that a person names by AWB or by our reference; of several with one AWB the newest.

    Raises:
        ConfigurationError: there is none.
    """
    found = _rows(
        connection,
        "select id from courier_booking where awb = :parcel or reference = :parcel order by id desc limit 1",
        parcel=parcel,
    )
    if not found:
        raise ConfigurationError(
            f"There is no parcel with the AWB or reference {parcel!r}.", way_out="`magento-oms parcels list` shows all."
        )
    return int(found[0]["id"])


def scans(connection: Connection, booking: int) -> list[Row]:
    """A parcel's scans, the oldest first."""
    return _rows(
        connection,
        "select occurred_at, code, label, location, status, known, reason, received_at from parcel_event"
        " where booking_id = :booking order by occurred_at nulls last, id",
        booking=booking,
    )


def webhooks(connection: Connection, account: str | None, limit: int) -> list[Row]:
    """How many webhooks came to what, the most frequent first."""
    return _rows(
        connection,
        "select target, coalesce(outcome, 'waits') as outcome, count(*) as times, sum(repeats) as repeats,"
        " max(received_at) as last_at from webhook"
        " where (cast(:target as text) is null or target = :target)"
        " group by 1, 2 order by 3 desc, 1, 2 limit :limit",
        target=f"courier:{account}" if account else None,
        limit=limit,
    )


def matches(connection: Connection, instance: str, order: str, by: str | None = None) -> list[Row]:
    """Orders of an instance that a person may mean by a number. `by`: only `entity` or only `increment` ids."""
    return _rows(
        connection,
        "select id, entity_id, increment_id from sales_order where instance = :instance"
        " and ((cast(:by as text) is distinct from 'increment' and cast(entity_id as text) = :order)"
        " or (cast(:by as text) is distinct from 'entity' and increment_id = :order)) order by entity_id",
        instance=instance,
        order=order,
        by=by,
    )


def the_one(found: list[Row], instance: str, order: str) -> Row:
    """The only one of `found`. Raises ConfigurationError where a number is ambiguous or unknown."""
    if not found:
        raise ConfigurationError(
            f"The OMS has no order {order} of {instance}.",
            way_out=f"`magento-oms orders pull {instance} ENTITY_ID` reads it from the store.",
        )
    if len(found) > 1:
        names = "; ".join(f"entity id {row['entity_id']} = increment id {row['increment_id']}" for row in found)
        raise ConfigurationError(
            f"{order} means {len(found)} orders of {instance}: {names}.",
            way_out="Say which number it is with --by entity or --by increment.",
        )
    return found[0]


def header(connection: Connection, order_id: int, *, personal: bool) -> Row:
    """One order; its buyer only if `personal`."""
    buyer = ", buyer" if personal else ""
    [row] = _rows(
        connection,
        "select instance, entity_id, increment_id, store_id, state, magento_state, magento_status, placed_at,"  # noqa: S608
        " magento_updated_at, read_at, acknowledged_at, required_by, history, shadow, payment_method, payment_kind,"
        " currency, subtotal, shipping, cod_fee, discount, store_credit, tax, other_charges, grand_total, total_due"
        f"{buyer} from sales_order where id = :id",
        id=order_id,
    )
    return row


def parts(connection: Connection, order_id: int, instance: str, entity_id: int) -> dict[str, list[Row]]:
    """What belongs to an order: lines, holds, cancellations, effects, attempts, quarantine, events, each in order."""
    return {
        "lines": _rows(connection, "select * from order_line where order_id = :id order by item_id", id=order_id),
        "holds": _rows(connection, "select * from order_hold where order_id = :id order by id", id=order_id),
        "cancellations": _rows(connection, "select * from cancellation where order_id = :id order by id", id=order_id),
        "expected back": _rows(
            connection,
            "select e.parcel_id, b.awb, e.asked, e.since as since_at, e.ended_at, e.ended_as from expected_rto e"
            " join courier_booking b on b.parcel_id = e.parcel_id and b.given_up = '' where e.order_id = :id",
            id=order_id,
        ),
        "effects": _rows(connection, "select * from effect where order_id = :id order by id", id=order_id),
        "attempts": _rows(
            connection,
            "select a.* from effect_attempt a join effect e on e.id = a.effect_id"
            " where e.order_id = :id order by effect_id, number",
            id=order_id,
        ),
        "quarantine": quarantined(connection, instance, entity_id),
        "events": _rows(connection, "select * from order_event where order_id = :id order by id", id=order_id),
    }


def quarantined(connection: Connection, instance: str, entity_id: int) -> list[Row]:
    """Quarantine entries of an order and of its effects, open or resolved."""
    return _rows(
        connection,
        "select q.* from quarantine q left join effect e on e.id = q.effect_id"
        " left join sales_order o on o.instance = :instance and o.entity_id = :entity_id"
        " where q.instance = :instance and (q.subject = :subject or e.order_id = o.id"
        "   or q.subject in (select 'parcel:' || id from parcel where order_id = o.id)"
        "   or q.subject in (select 'fulfilment:' || id from fulfilment where order_id = o.id)) order by q.id",
        instance=instance,
        subject=f"order:{entity_id}",
        entity_id=entity_id,
    )


def stored(connection: Connection, instance: str, entity_id: int) -> Row | None:
    """State of one order by its identity; None where it is not stored."""
    found = _rows(
        connection,
        "select id, state, magento_status, increment_id from sales_order"
        " where instance = :instance and entity_id = :entity_id",
        instance=instance,
        entity_id=entity_id,
    )
    return found[0] if found else None


def _rows(connection: Connection, sql: str, **values: Any) -> list[Row]:
    return [dict(row) for row in connection.execute(text(sql), values).mappings()]
