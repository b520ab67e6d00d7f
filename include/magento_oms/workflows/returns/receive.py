"""Receipt and quality check: units come into the warehouse, and each passes or fails. Stock goes up by what passed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection

from magento_oms.domain.return_outcomes import ON_RETURN, Ask
from magento_oms.domain.returns import BACK, PRODUCT_MISSING, UNIT_MOVES, ReturnKind, ReturnState, UnitState
from magento_oms.storage import orders, return_claims, return_notices, returns, stock
from magento_oms.storage.returns import StoredReturn, StoredUnit
from magento_oms.workflows.cancelling import too_late
from magento_oms.workflows.returns import tracking
from magento_oms.workflows.returns.judged import all_judged
from magento_oms.workflows.warehouse.problems import Detail, Kind, WarehouseProblem


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a warehouse says of one unit.

    Attributes:
        passed: None: it is there, and is checked later.
        reason: why it failed; `PRODUCT_MISSING`: it was not in its box.
        images: links to pictures of what is wrong with it.
    """

    item_code: str
    passed: bool | None = None
    reason: str = ""
    images: tuple[str, ...] = ()

    @property
    def state(self) -> UnitState:
        """The state of such a unit."""
        if self.passed is None:
            return UnitState.RECEIVED
        if self.passed:
            return UnitState.PASSED
        return UnitState.MISSING if self.reason == PRODUCT_MISSING else UnitState.FAILED


@dataclass(frozen=True, slots=True)
class Received:
    """What came of it. `again`: all of it was said before, and nothing was done now."""

    stored: StoredReturn
    changed: int = 0

    @property
    def again(self) -> bool:
        """Whether nothing was done."""
        return not self.changed


def receive(connection: Connection, return_id: int, verdicts: Sequence[Verdict], *, by: str) -> Received:
    """Take units in. The same again changes nothing; units that are not named stay as they are.

    Raises:
        WarehouseProblem: a unit is no unit of the return, was judged otherwise, or fails without a reason; nothing was
            changed.
    """
    stored = returns.get(connection, return_id, lock=True)
    if stored is None:
        raise WarehouseProblem(Kind.MISSING, f"There is no return {return_id}.")
    units = {unit.item_code: unit for unit in returns.units(connection, [return_id])[return_id]}
    details: list[Detail] = []
    todo: list[tuple[StoredUnit, Verdict]] = []
    seen: set[str] = set()
    for verdict in verdicts:
        wrong, new = _judge(stored, units, verdict, seen)
        seen.add(verdict.item_code)
        if wrong:
            details.append(Detail(f"/items/{verdict.item_code}", wrong))
        elif new:
            todo.append((units[verdict.item_code], verdict))
    details += _of_other_returns(connection, stored, [unit for unit, _ in todo])
    if not verdicts:
        details.append(Detail("/items", "No unit is named."))
    if details:
        raise WarehouseProblem(
            Kind.CONFLICT, f"Nothing of return {stored.return_code} was taken in.", details=tuple(details)
        )
    if not todo:
        return Received(stored)
    _take_in(connection, stored, todo, by)
    return Received(returns.known(connection, return_id), len(todo))


def _judge(stored: StoredReturn, units: dict[str, StoredUnit], verdict: Verdict, seen: set[str]) -> tuple[str, bool]:
    """What is wrong with a verdict (empty: nothing), and whether it says something new."""
    unit = units.get(verdict.item_code)
    if unit is None:
        return "The return has no such unit.", False
    if verdict.item_code in seen:
        return "It is there twice: a unit has one verdict.", False
    if verdict.passed is False and not verdict.reason.strip():
        return "It fails without a reason.", False
    if verdict.passed is not False and (verdict.reason or verdict.images):
        return "Only a unit that fails has a reason and pictures.", False
    state = verdict.state
    if unit.state is state and (unit.qc_reason, unit.images) == (verdict.reason, verdict.images):
        return "", False
    if state is UnitState.RECEIVED and unit.state in (UnitState.PASSED, UnitState.FAILED):
        return "", False  # said late: it has been checked meanwhile
    if state not in UNIT_MOVES[unit.state]:
        ask = Ask.RECEIVE if state is UnitState.RECEIVED else Ask.JUDGE
        words = ON_RETURN[ask, ReturnState.PROCESSED].words if ask is Ask.JUDGE else "it is there already"
        return f"It is {unit.state}: {words}.", False
    return "", True


def _of_other_returns(connection: Connection, stored: StoredReturn, units: Sequence[StoredUnit]) -> list[Detail]:
    """A unit that was called off, or missing, may have been taken by another return since: then it cannot be here."""
    free = return_claims.unclaimed(connection, stored.order_id)
    details = []
    for unit in units:
        if unit.state in (UnitState.CANCELLED, UnitState.MISSING):
            free[unit.item_id] = free.get(unit.item_id, 0) - 1
            if free[unit.item_id] < 0:
                details.append(Detail(f"/items/{unit.item_code}", "Another return has this unit: take it in there."))
    return details


def _take_in(connection: Connection, stored: StoredReturn, todo: Sequence[tuple[StoredUnit, Verdict]], by: str) -> None:
    arrived = [unit for unit, verdict in todo if verdict.state in BACK and unit.state not in BACK]
    passed: dict[tuple[str, str], Decimal] = {}
    for unit, verdict in todo:
        returns.move_unit(connection, unit, verdict.state, qc_reason=verdict.reason, images=verdict.images)
        if verdict.state is UnitState.PASSED:
            key = (stored.location, unit.sku)
            passed[key] = passed.get(key, Decimal(0)) + 1
    details = {
        "return": stored.id,
        "items": {unit.item_code: str(verdict.state) for unit, verdict in todo},
        "reasons": {unit.item_code: verdict.reason for unit, verdict in todo if verdict.reason},
        "by": by,
    }
    orders.add_event(connection, stored.order_id, "return_received", details)
    stock.came_back(connection, passed)
    state = returns.derive(connection, stored.id)
    if arrived and stored.state not in (ReturnState.RECEIVED, ReturnState.PROCESSED):
        return_notices.tell(connection, return_notices.RECEIVED, stored.id)
    if stored.kind is ReturnKind.RETURN_TO_ORIGIN and stored.parcel_id is not None and arrived:
        too_late.note_received(connection, stored.parcel_id)
    if state is ReturnState.PROCESSED:
        tracking.nothing_to_fetch(connection, stored)
        all_judged(connection, stored.id)
