"""Calling a return off, some of its units or all of them, until they are received."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from magento_oms.domain.return_outcomes import ON_RETURN, Ask
from magento_oms.domain.returns import ReturnKind, ReturnState, UnitState
from magento_oms.ports import ParcelStatus
from magento_oms.storage import orders, return_notices, return_tracking, returns
from magento_oms.storage.returns import StoredReturn, StoredUnit
from magento_oms.workflows.returns import tracking
from magento_oms.workflows.returns.judged import all_judged
from magento_oms.workflows.warehouse.problems import Detail, Kind, WarehouseProblem

COMES_BACK = frozenset({ParcelStatus.RTO_INITIATED, ParcelStatus.RTO_IN_TRANSIT, ParcelStatus.RTO_DELIVERED})


def cancel(
    connection: Connection, return_id: int, item_codes: Sequence[str] | None, reason: str, *, by: str
) -> StoredReturn:
    """Call units off that have not been received. Called off before, nothing changes.

    Args:
        item_codes: which; None: all that have not been received, and there must be one or the return be cancelled.

    Raises:
        WarehouseProblem: nothing was changed.
    """
    stored = returns.get(connection, return_id, lock=True)
    if stored is None:
        raise WarehouseProblem(Kind.MISSING, f"There is no return {return_id}.")
    outcome = ON_RETURN[Ask.CANCEL, stored.state]
    if outcome.again:
        return stored
    units = returns.units(connection, [return_id])[return_id]
    chosen = _chosen(stored, units, item_codes)
    if not outcome.done or (not chosen and item_codes is None):
        words = outcome.words if not outcome.done else "all of its units are received"
        raise WarehouseProblem(
            Kind.CONFLICT, f"Return {stored.return_code} is {stored.state} and cannot be called off: {words}."
        )
    if stored.kind is ReturnKind.RETURN_TO_ORIGIN and stored.parcel_id is not None:
        status = return_tracking.parcel_status(connection, stored.parcel_id)
        if status in COMES_BACK:
            raise WarehouseProblem(
                Kind.CONFLICT,
                f"Return {stored.return_code} is an RTO, and the courier brings it: its parcel is {status}.",
                way_out="It ends when the warehouse receives it, or by itself if the courier delivers it after all.",
            )
    call_off_units(connection, stored, chosen, reason, by=by)
    return returns.known(connection, return_id)


def call_off_units(
    connection: Connection, stored: StoredReturn, units: Sequence[StoredUnit], reason: str, *, by: str
) -> None:
    """Cancel expected units, with all that follows. The caller has checked that it may be."""
    if not units:
        return
    for unit in units:
        returns.move_unit(connection, unit, UnitState.CANCELLED, cancelled_why=reason)
    details = {"return": stored.id, "items": [unit.item_code for unit in units], "reason": reason, "by": by}
    orders.add_event(connection, stored.order_id, "return_cancelled", details)
    state = returns.derive(connection, stored.id)
    marks = sorted(unit.id for unit in units)
    return_notices.tell(connection, return_notices.CANCELLED, stored.id, mark=f"{marks[0]}-{len(marks)}")
    if state is ReturnState.CANCELLED:
        tracking.call_off(connection, stored, reason)
    elif state is ReturnState.PROCESSED:
        all_judged(connection, stored.id)


def _chosen(stored: StoredReturn, units: Sequence[StoredUnit], item_codes: Sequence[str] | None) -> list[StoredUnit]:
    if item_codes is None:
        return [unit for unit in units if unit.state is UnitState.EXPECTED]
    by_code = {unit.item_code: unit for unit in units}
    details = []
    chosen: dict[int, StoredUnit] = {}
    for code in item_codes:
        unit = by_code.get(code)
        if unit is None:
            details.append(Detail(f"/items/{code}", "The return has no such unit."))
        elif unit.state is UnitState.EXPECTED:
            chosen[unit.id] = unit
        elif unit.state is not UnitState.CANCELLED:
            details.append(Detail(f"/items/{code}", f"It is {unit.state}: units are called off until they arrive."))
    if details:
        raise WarehouseProblem(
            Kind.CONFLICT, f"Nothing of return {stored.return_code} was called off.", details=tuple(details)
        )
    return list(chosen.values())
