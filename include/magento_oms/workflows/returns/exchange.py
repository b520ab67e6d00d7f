"""Exchanges: the order that replaces what a return brings back waits for its check, and is cancelled if that fails.

Magento knows of no link between the two: the return says which order replaces it.
"""

from __future__ import annotations

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.domain.returns import ReturnState, UnitState
from magento_oms.storage import exchanges, orders, quarantine, returns
from magento_oms.storage.database import text
from magento_oms.workflows.cancelling.seller import ask_to_cancel
from magento_oms.workflows.warehouse.problems import Kind, WarehouseProblem

RELEASED = "released"
CANCELLED = "cancelled"
PERSON = "person_decides"
TROUBLE = "exchange_undecided"


def link(connection: Connection, config: InstanceConfig, return_id: int, replacement: str, *, hold: bool) -> None:
    """Say which order replaces what a return brings back. It may come later; it is held when it is taken in.

    Raises:
        WarehouseProblem: another return has it, the return is replaced by another order, or it is too late to hold it.
    """
    before = connection.execute(
        text("select replacement, hold from return_exchange where return_id = :id"), {"id": return_id}
    ).one_or_none()
    if before is not None:
        if (before.replacement, before.hold) == (replacement, hold):
            return
        raise WarehouseProblem(Kind.CONFLICT, f"The return is replaced by order {before.replacement} already.")
    other = connection.execute(
        text(
            "select r.return_code from return_exchange e join return_order r on r.id = e.return_id"
            " where e.instance = :instance and e.replacement = :replacement"
        ),
        {"instance": config.code, "replacement": replacement},
    ).scalar()
    if other is not None:
        raise WarehouseProblem(Kind.CONFLICT, f"Order {replacement} replaces return {other} already.")
    returned = returns.get(connection, return_id)
    if returned is not None and returned.increment_id == replacement:
        raise WarehouseProblem(Kind.INVALID, f"Order {replacement} cannot replace itself.")
    connection.execute(
        text(
            "insert into return_exchange (return_id, instance, replacement, hold)"
            " values (:id, :instance, :replacement, :hold)"
        ),
        {"id": return_id, "instance": config.code, "replacement": replacement, "hold": hold},
    )
    exchanges.join_new(connection, config.code, [replacement])
    order = connection.execute(
        text(
            "select o.state from return_exchange e join sales_order o on o.id = e.order_id"
            " where e.return_id = :id and e.hold"
        ),
        {"id": return_id},
    ).scalar()
    if order is not None and order != "held":
        raise WarehouseProblem(
            Kind.CONFLICT,
            f"Order {replacement} is {order}: it is too late to hold it.",
            way_out="Link it without a hold.",
        )


def settle(connection: Connection, config: InstanceConfig, return_id: int | None = None) -> int:
    """Release or cancel the replacements whose returns are decided; how many were.

    Args:
        return_id: only of this return; None: of all of the instance.
    """
    rows = connection.execute(
        text(
            "select e.return_id, e.order_id, e.hold, r.state from return_exchange e"
            " join return_order r on r.id = e.return_id"
            " where e.instance = :instance and e.outcome = '' and e.order_id is not null"
            " and r.state in ('processed', 'cancelled') and (cast(:id as bigint) is null or e.return_id = :id)"
            " order by e.return_id for update of e"
        ),
        {"instance": config.code, "id": return_id},
    ).all()
    for row in rows:
        outcome = _decided(connection, row.return_id, ReturnState(row.state))
        if row.hold:
            outcome = _carry_out(connection, config, row.return_id, row.order_id, outcome)
        connection.execute(
            text("update return_exchange set outcome = :outcome where return_id = :id"),
            {"id": row.return_id, "outcome": outcome},
        )
    return len(rows)


def _decided(connection: Connection, return_id: int, state: ReturnState) -> str:
    """All passed: it goes out. None did: it is cancelled. Some did: a person decides."""
    if state is ReturnState.CANCELLED:
        return CANCELLED
    units = [unit.state for unit in returns.units(connection, [return_id])[return_id]]
    live = [unit for unit in units if unit is not UnitState.CANCELLED]
    passed = sum(unit is UnitState.PASSED for unit in live)
    return RELEASED if passed == len(live) == len(units) else PERSON if passed else CANCELLED


def _carry_out(connection: Connection, config: InstanceConfig, return_id: int, order_id: int, outcome: str) -> str:
    if outcome == RELEASED:
        orders.release_hold(connection, order_id, exchanges.hold_code(return_id))
        return outcome
    if outcome == CANCELLED:
        try:
            ask_to_cancel(connection, config, order_id, f"Return {return_id} did not pass its check", by="exchange")
        except WarehouseProblem as problem:
            why = str(problem)
        else:
            orders.release_hold(connection, order_id, exchanges.hold_code(return_id))
            return outcome
    else:
        why = "Some of the return's units passed, and some did not."
    order = connection.execute(
        text("select entity_id, increment_id, store_id from sales_order where id = :id"), {"id": order_id}
    ).one()
    quarantine.open_(
        connection,
        instance=config.code,
        store_id=order.store_id,
        subject=f"exchange:{return_id}",
        code=TROUBLE,
        reason=f"Order {order.increment_id} replaces return {return_id} and is on hold. {why}",
        way_out=f"`magento-oms returns exchange {return_id} release` lets it go out,"
        f" `magento-oms returns exchange {return_id} cancel` cancels it.",
    )
    return PERSON


def decide(connection: Connection, config: InstanceConfig, return_id: int, *, release: bool, by: str) -> None:
    """A person decides about a replacement.

    Raises:
        WarehouseProblem: there is none that waits.
    """
    row = connection.execute(
        text("select order_id, outcome from return_exchange where return_id = :id and hold for update"),
        {"id": return_id},
    ).one_or_none()
    if row is None or row.order_id is None or row.outcome in (RELEASED, CANCELLED):
        raise WarehouseProblem(Kind.CONFLICT, f"No replacement of return {return_id} is on hold.")
    if not release:
        ask_to_cancel(connection, config, row.order_id, f"Exchange for return {return_id} is off", by=by)
    orders.release_hold(connection, row.order_id, exchanges.hold_code(return_id))
    connection.execute(
        text("update return_exchange set outcome = :outcome where return_id = :id"),
        {"id": return_id, "outcome": RELEASED if release else CANCELLED},
    )
    quarantine.resolve_many(connection, config.code, [f"exchange:{return_id}"], resolution=f"decided by {by}")
