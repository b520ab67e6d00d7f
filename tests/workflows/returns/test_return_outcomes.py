"""Every row of the outcome tables, asked of the real thing: what is done, what is refused, and that the docs say so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection
from tests.workflows.forward.conftest import goods
from tests.workflows.returns.conftest import Returns
from tests.workflows.returns.test_returns_by_courier import ON_ITS_WAY

from magento_oms.domain.return_outcomes import CREATE, ON_RETURN, Ask, Whereabouts, as_markdown
from magento_oms.domain.returns import ReturnKind, ReturnSource, ReturnState
from magento_oms.local.supervisor import REPOSITORY
from magento_oms.ports import ParcelStatus as S
from magento_oms.storage.database import engine
from magento_oms.workflows.returns.cancel import cancel
from magento_oms.workflows.returns.place import AskedUnit, add, place
from magento_oms.workflows.returns.receive import Verdict, receive
from magento_oms.workflows.returns.tracking import Brought
from magento_oms.workflows.warehouse.problems import WarehouseProblem

W, R = Whereabouts, ReturnState


def not_shipped(life: Returns) -> int:
    life.stock("pune", KURTA=5)
    entity_id = life.place(goods("KURTA"))
    life.route()
    return entity_id


def shipped(life: Returns) -> int:
    return life.shipped("KURTA")


def delivered(life: Returns) -> int:
    entity_id = life.shipped("KURTA")
    life.scan(life.parcel_of(entity_id)["booking"], *ON_ITS_WAY, S.DELIVERED)
    return entity_id


def coming_back(life: Returns) -> int:
    entity_id = life.shipped("KURTA")
    life.give_back(entity_id, life.asked("FIRST"))
    return entity_id


def back(life: Returns) -> int:
    entity_id = life.shipped("KURTA")
    life.take_in(life.give_back(entity_id, life.asked("FIRST")).return_id, Verdict("U1", passed=True))
    return entity_id


def cancelled(life: Returns) -> int:
    entity_id = life.place(goods("KURTA"))
    life.store.cancel_in_admin(entity_id)
    life.oms.take_in(life.store, life.config)
    return entity_id


PLACES: dict[Whereabouts, Callable[[Returns], int]] = {
    W.NOT_SHIPPED: not_shipped,
    W.SHIPPED: shipped,
    W.DELIVERED: delivered,
    W.COMING_BACK: coming_back,
    W.BACK: back,
    W.CANCELLED: cancelled,
}


@contextmanager
def undone(life: Returns) -> Iterator[Connection]:
    """A transaction that is rolled back, so that the next ask finds the same."""
    with engine(life.oms.url).connect() as connection:
        yield connection
        connection.rollback()


@pytest.mark.parametrize("where", Whereabouts)
def test_a_return_is_placed_or_refused_as_the_table_says(life: Returns, where: Whereabouts) -> None:
    entity_id = PLACES[where](life)
    order_id = int(life.oms.order(entity_id)["id"])
    for kind in ReturnKind:
        brought = Brought(awb="X", courier="Y") if kind is ReturnKind.CUSTOMER_RETURN else Brought()
        asked = life.asked("NEW", kind=kind, brought=brought, location="pune")
        expected = CREATE[kind, where]
        with undone(life) as connection:
            if expected.done:
                made = place(connection, life.config, order_id, asked, source=ReturnSource.API, by="test")
                assert not made.again, (kind, where)
            else:
                with pytest.raises(WarehouseProblem) as refused:
                    place(connection, life.config, order_id, asked, source=ReturnSource.API, by="test")
                assert expected.words in str(refused.value), (kind, where)


BY_COURIER: dict[ReturnState, tuple[S, ...]] = {
    R.PLACED: (),
    R.OUT_FOR_PICKUP: (S.RETURN_OUT_FOR_PICKUP,),
    R.PICKED_UP: (S.RETURN_PICKED_UP,),
    R.IN_TRANSIT: (S.RETURN_PICKED_UP, S.RETURN_IN_TRANSIT),
    R.DELIVERED: (S.RETURN_PICKED_UP, S.RETURN_DELIVERED),
    R.LOST: (S.RETURN_PICKED_UP, S.LOST),
}


def in_state(life: Returns, state: ReturnState) -> int:
    """A return of two units in that state, the first of which has come farthest."""
    entity_id = life.shipped("KURTA", quantity=3)
    asked = life.asked("R1", "U1", "U2", brought=Brought(book_pickup=True))
    return_id = life.give_back(entity_id, asked).return_id
    life.push_all()
    life.scan(life.parcel_of(entity_id, "reverse")["booking"], *BY_COURIER.get(state, ()))
    if state is R.RECEIVED:
        life.take_in(return_id, Verdict("U1"))
    elif state is R.PROCESSED:
        life.take_in(return_id, Verdict("U1", passed=True), Verdict("U2", passed=False, reason="PRODUCT_MISSING"))
    elif state is R.CANCELLED:
        life.call_off(return_id)
    assert life.get(return_id).state is state
    return return_id


def ask_of(life: Returns, connection: Connection, return_id: int, ask: Ask, state: ReturnState) -> bool:
    """Ask it; whether something changed. Of a processed return it is about the unit that was missing, or judged."""
    late = state is R.PROCESSED
    if ask is Ask.CHANGE:
        add(connection, return_id, [AskedUnit("U3", 10)], by="test")
        return True
    if ask is Ask.CANCEL:
        return cancel(connection, return_id, None, "not needed", by="test").state is not state or state is R.RECEIVED
    if ask is Ask.RECEIVE:
        return not receive(connection, return_id, [Verdict("U2")], by="test").again
    unit = Verdict("U1", passed=False, reason="USED_PRODUCT") if late else Verdict("U2", passed=True)
    return not receive(connection, return_id, [unit], by="test").again


@pytest.mark.parametrize("state", ReturnState)
def test_what_is_asked_of_a_return_is_done_or_refused_as_the_table_says(life: Returns, state: ReturnState) -> None:
    return_id = in_state(life, state)
    for ask in Ask:
        expected = ON_RETURN[ask, state]
        with undone(life) as connection:
            if expected.done:
                assert ask_of(life, connection, return_id, ask, state) is not expected.again, (ask, state)
            else:
                with pytest.raises(WarehouseProblem) as refused:
                    ask_of(life, connection, return_id, ask, state)
                assert expected.words in str(refused.value), (ask, state)
        assert life.get(return_id).state is state


def test_the_docs_hold_the_tables_as_the_code_has_them() -> None:
    assert as_markdown() in (REPOSITORY / "docs" / "returns.md").read_text(encoding="utf-8")
