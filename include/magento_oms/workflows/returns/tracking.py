"""Who brings a return: a courier that the caller names, a pickup that we book, or what an aggregator is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection

from magento_oms.config.account_models import AggregatorAccountRef
from magento_oms.config.models import StoreConfig
from magento_oms.domain.parcel_states import ENDS
from magento_oms.domain.parcels import NewParcel, ParcelContents, booking_reference
from magento_oms.domain.return_outcomes import ON_RETURN, Ask
from magento_oms.domain.returns import ReturnKind
from magento_oms.ports import Booked, Courier, Direction, ParcelItem, ParcelSize
from magento_oms.storage import orders, parcels, return_notices, return_tracking, returns
from magento_oms.storage.database import text
from magento_oms.storage.returns import StoredReturn
from magento_oms.workflows.couriers import plans
from magento_oms.workflows.warehouse.problems import Detail, Kind, WarehouseProblem


@dataclass(frozen=True, slots=True)
class Brought:
    """How a return comes back.

    Attributes:
        awb, courier: of a courier that the caller asked; both or none.
        courier_code: the aggregator's own id of the courier; Clickpost (`cp_id`) tracks only with it.
        account: code of the courier account where the AWB is tracked, or the return was placed; empty: none of ours.
        reference: that the return was placed under in the aggregator's panel, so that its AWB is fetched from there.
        book_pickup: have the pickup booked by us.
    """

    awb: str = ""
    courier: str = ""
    account: str = ""
    courier_code: str = ""
    reference: str = ""
    book_pickup: bool = False


def check(connection: Connection, store: StoreConfig | None, order_id: int, kind: ReturnKind, brought: Brought) -> None:
    """Whether a return may come so.

    Raises:
        WarehouseProblem: it may not; it says what is needed.
    """
    ways = [bool(brought.awb), bool(brought.reference), brought.book_pickup]
    details: list[Detail] = []
    if brought.awb and not brought.courier and not brought.account:
        details.append(Detail("/courier", "The AWB's courier is needed, or the courier account that knows it."))
    if sum(ways) > 1:
        details.append(Detail("/book_pickup", "Name an AWB, or a reference at the aggregator, or have it booked."))
    account = _account(store, brought.account)
    if brought.awb and account is not None and account.aggregator == "clickpost" and not brought.courier_code.isdigit():
        details.append(Detail("/courier_code", "Clickpost tracks an AWB only with its courier's cp_id: give it."))
    if brought.reference and not brought.account:
        details.append(Detail("/account", "The courier account where the return was placed is needed."))
    if brought.reference and parcels.find(connection, brought.account, reference=brought.reference) is not None:
        details.append(Detail("/reference", f"{brought.reference} at {brought.account} is another parcel's already."))
    if brought.account and account is None:
        details.append(Detail("/account", f"The store ships with no courier account {brought.account!r}."))
    if brought.book_pickup and (store is None or not store.aggregators):
        details.append(Detail("/book_pickup", "The store has no courier account to book a pickup with."))
    if kind is ReturnKind.CUSTOMER_RETURN and not any(ways):
        details.append(
            Detail(
                "/awb",
                "AWB and courier are needed unless we book the pickup (book_pickup), the AWB is to be fetched from an"
                " aggregator (account and reference), or the customer brings it himself (kind self_ship).",
            )
        )
    if kind is not ReturnKind.CUSTOMER_RETURN and brought.book_pickup:
        details.append(Detail("/book_pickup", f"A pickup is booked of a customer_return, not of a {kind}."))
    if brought.awb and kind is not ReturnKind.RETURN_TO_ORIGIN and _forward(connection, order_id, brought.awb):
        details.append(Detail("/awb", f"AWB {brought.awb} brought it to the customer: kind return_to_origin."))
    if details:
        raise WarehouseProblem(Kind.INVALID, "No return was placed.", details=tuple(details))


def bring(
    connection: Connection,
    store: StoreConfig | None,
    return_id: int,
    brought: Brought,
    *,
    size: ParcelSize | None = None,
    expected_on: date | None = None,
) -> None:
    """Note who brings it, and plan what is asked of an aggregator. `check` was made."""
    stored = _the(connection, return_id)
    account = _account(store, brought.account)
    if stored.kind is ReturnKind.RETURN_TO_ORIGIN:
        parcel_id = _forward(connection, stored.order_id, brought.awb) if brought.awb else None
        return_tracking.set_parcel(connection, return_id, parcel_id)
    elif brought.book_pickup and store is not None:
        first = store.aggregators[0]
        parcel_id = _make_parcel(connection, stored, first, size)
        return_tracking.set_parcel(connection, return_id, parcel_id)
        plans.plan_booking(connection, parcel_id, first.account, first.aggregator)
    elif account is not None:
        parcel_id = _make_parcel(connection, stored, account, size)
        return_tracking.set_parcel(connection, return_id, parcel_id)
        booked = Booked(
            brought.reference or stored.return_code,
            awb=brought.awb,
            courier=Courier(brought.courier_code, brought.courier) if brought.courier_code else None,
            direction=Direction.REVERSE,
        )
        booking = parcels.adopt(connection, parcel_id, account.account, account.aggregator, booked)
        if not brought.awb:
            plans.plan_tracking_fetch(connection, booking)
    else:
        return_tracking.set_parcel(connection, return_id, None)
    return_tracking.set_tracking(
        connection,
        return_id,
        awb=brought.awb,
        courier=brought.courier,
        expected_on=expected_on,
    )
    if brought.awb:
        return_notices.tell(connection, return_notices.AWB, return_id, mark=brought.awb)
    returns.derive(connection, return_id)


def changeable(connection: Connection, return_id: int) -> StoredReturn:
    """The return, locked, while it may still be changed.

    Raises:
        WarehouseProblem: it is not there, or has arrived, or was cancelled.
    """
    stored = returns.get(connection, return_id, lock=True)
    if stored is None:
        raise WarehouseProblem(Kind.MISSING, f"There is no return {return_id}.")
    outcome = ON_RETURN[Ask.CHANGE, stored.state]
    if not outcome.done:
        raise WarehouseProblem(
            Kind.CONFLICT, f"Return {stored.return_code} is {stored.state}, so it stays as it is: {outcome.words}."
        )
    return stored


def change(
    connection: Connection,
    store: StoreConfig | None,
    return_id: int,
    brought: Brought,
    *,
    by: str,
    expected_on: date | None = None,
) -> None:
    """Another AWB or courier brings it than was told, until it is received. The same again changes nothing.

    Raises:
        WarehouseProblem: nothing was changed.
    """
    stored = changeable(connection, return_id)
    if stored.kind is ReturnKind.RETURN_TO_ORIGIN and stored.parcel_id is not None:
        raise WarehouseProblem(
            Kind.CONFLICT, f"Return {stored.return_code} is an RTO of parcel {stored.parcel_id}: its AWB brings it."
        )
    if brought.awb and (brought.awb, brought.courier or stored.courier) == (stored.awb, stored.courier):
        return_tracking.set_tracking(connection, return_id, expected_on=expected_on)
        return
    check(connection, store, stored.order_id, stored.kind, brought)
    call_off(connection, stored, "another courier brings it")
    bring(connection, store, return_id, brought, expected_on=expected_on)
    details = {"return": return_id, "awb": brought.awb, "courier": brought.courier, "by": by}
    orders.add_event(connection, stored.order_id, "return_tracking", details)


def call_off(connection: Connection, stored: StoredReturn, why: str) -> None:
    """Take back what was booked to bring a return; an RTO cannot be called off, its parcel is under way."""
    if stored.parcel_id is None or stored.kind is ReturnKind.RETURN_TO_ORIGIN:
        return
    for booking in parcels.of_parcel(connection, stored.parcel_id):
        if not booking.given_up and booking.status not in ENDS:
            plans.plan_cancellation(connection, booking.id, why)


def nothing_to_fetch(connection: Connection, stored: StoredReturn) -> None:
    """All of a return is in the warehouse: a pickup of ours that no courier was given yet is not booked any more.

    One that has an AWB is left to its courier, whose scans may only be late; so is one that somebody else booked.
    """
    if stored.parcel_id is None or stored.kind is ReturnKind.RETURN_TO_ORIGIN:
        return
    for booking in parcels.of_parcel(connection, stored.parcel_id):
        ours = booking_reference(booking.increment_id, booking.parcel_id, booking.generation) == booking.reference
        if ours and not booking.given_up and not booking.booked.awb:
            plans.plan_cancellation(connection, booking.id, "all of it has come back already")


def _make_parcel(
    connection: Connection, stored: StoredReturn, account: AggregatorAccountRef, size: ParcelSize | None
) -> int:
    """The reverse parcel of a return: its units at what the customer paid for them."""
    items = _contents(connection, stored)
    usual = account.dimensions
    return parcels.create(
        connection,
        NewParcel(
            order_id=stored.order_id,
            direction=Direction.REVERSE,
            location=stored.location,
            contents=ParcelContents(
                items, size or ParcelSize(usual.length_cm, usual.breadth_cm, usual.height_cm, usual.weight_g)
            ),
            value=sum((item.unit_price * item.quantity for item in items), Decimal(0)),
            return_reason=stored.reason or "Customer return",
            quality_check=stored.quality_check,
        ),
    )


def _contents(connection: Connection, stored: StoredReturn) -> tuple[ParcelItem, ...]:
    units: dict[int, int] = {}
    for unit in returns.units(connection, [stored.id])[stored.id]:
        units[unit.item_id] = units.get(unit.item_id, 0) + 1
    rows = connection.execute(
        text(
            "select l.item_id, l.sku, l.name, l.tax_percent, l.payable, l.ordered, p.hsn, p.weight_g from order_line l"
            " left join product p on p.instance = :instance and p.sku = l.sku"
            " where l.order_id = :id and l.item_id = any(:items) order by l.item_id"
        ),
        {"instance": stored.instance, "id": stored.order_id, "items": list(units)},
    )
    return tuple(
        ParcelItem(
            sku=row.sku,
            name=row.name,
            quantity=units[row.item_id],
            unit_price=(row.payable / row.ordered).quantize(Decimal("0.01")),
            tax_percent=row.tax_percent,
            hsn=row.hsn or "",
            weight_g=row.weight_g,
        )
        for row in rows
    )


def _account(store: StoreConfig | None, code: str) -> AggregatorAccountRef | None:
    refs: Sequence[AggregatorAccountRef] = store.aggregators if store else ()
    return next((ref for ref in refs if code and ref.account == code), None)


def _forward(connection: Connection, order_id: int, awb: str) -> int | None:
    """The forward parcel of the order with this AWB."""
    return connection.execute(
        text(
            "select p.id from courier_booking b join parcel p on p.id = b.parcel_id"
            " where p.order_id = :id and p.direction = 'forward' and b.awb = :awb order by b.id desc limit 1"
        ),
        {"id": order_id, "awb": awb},
    ).scalar()


def _the(connection: Connection, return_id: int) -> StoredReturn:
    stored = returns.get(connection, return_id, lock=True)
    if stored is None:
        raise WarehouseProblem(Kind.MISSING, f"There is no return {return_id}.")
    return stored
