"""Returns: placed, found by whatever is printed on the parcel, received, checked and called off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig, StoreConfig
from magento_oms.domain.returns import ReturnSource, ReturnState
from magento_oms.gateway.api.callers import needs
from magento_oms.gateway.api.problems import ApiProblem, described
from magento_oms.gateway.api.return_models import (
    BroughtGiven,
    ExchangeGiven,
    ExchangeShown,
    ReceiptGiven,
    ReturnCancelGiven,
    ReturnGiven,
    ReturnPage,
    ReturnShown,
    ReturnUnit,
    TrackingGiven,
    UnitsGiven,
    UnitShown,
)
from magento_oms.gateway.api.room import Room
from magento_oms.ports import ParcelSize
from magento_oms.storage import return_search, returns
from magento_oms.storage.api_tokens import Caller, Scope
from magento_oms.storage.database import autocommit, engine, text
from magento_oms.storage.return_search import Wanted
from magento_oms.storage.returns import StoredReturn
from magento_oms.workflows.returns import exchange, tracking
from magento_oms.workflows.returns.cancel import cancel
from magento_oms.workflows.returns.judged import settle
from magento_oms.workflows.returns.place import AskedReturn, AskedUnit, add, place
from magento_oms.workflows.returns.receive import Verdict, receive
from magento_oms.workflows.returns.tracking import Brought

Reads = Annotated[Caller, Depends(needs(Scope.RETURNS_READ))]
Writes = Annotated[Caller, Depends(needs(Scope.RETURNS_WRITE))]
Id = Annotated[int, Path(ge=1, le=2**62)]


def return_routes(room: Room) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/returns", tags=["returns"])

    @router.post("", responses=described(404, 409, body=True), status_code=201)
    def create(caller: Writes, given: ReturnGiven, response: Response) -> ReturnShown:
        """Place a return of units of an order. The same again answers 200 with what there is."""
        with engine(room.url).begin() as connection:
            order = connection.execute(
                text("select id, store_id from sales_order where instance = :i and entity_id = :e"),
                {"i": given.instance, "e": given.order_entity_id},
            ).one_or_none()
            if order is None or not caller.may_see(given.instance, order.store_id, given.location or None):
                raise ApiProblem(
                    404,
                    f"There is no order {given.order_entity_id} of {given.instance}"
                    + (f", or no location {given.location!r}." if given.location else "."),
                )
            config = _config(room, given.instance)
            placed = place(connection, config, order.id, _asked(given), source=ReturnSource.API, by=caller.name)
            if placed.again:
                response.status_code = 200
            return shown(connection, [_the(connection, caller, placed.return_id)])[0]

    @router.get("", responses=described())
    def list_(
        caller: Reads,
        find: Annotated[
            str, Query(max_length=64, description="an AWB, invoice number, order number or return code")
        ] = "",
        state: ReturnState | None = None,
        location: Annotated[str, Query(max_length=31)] = "",
        before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> ReturnPage:
        """Returns, the newest first; found by whatever is printed on the parcel."""
        wanted = Wanted(
            text=find.replace("\x00", ""),
            state=str(state) if state else "",
            location=location.replace("\x00", ""),
            stores=caller.stores,
            locations=caller.locations,
            before=before,
        )
        with autocommit(room.url) as connection:
            found = return_search.search(connection, wanted, limit)
            items = shown(connection, found)
        return ReturnPage(items=items, before=found[-1].id if len(found) == limit else None)

    @router.get("/{return_id}", responses=described(404))
    def one(caller: Reads, return_id: Id) -> ReturnShown:
        """One return."""
        with autocommit(room.url) as connection:
            return shown(connection, [_the(connection, caller, return_id)])[0]

    @router.post("/{return_id}/items", responses=described(404, 409, body=True))
    def more(caller: Writes, return_id: Id, given: UnitsGiven) -> ReturnShown:
        """Units that come back too, until it is received. One that is there already is left as it is."""
        with engine(room.url).begin() as connection:
            _the(connection, caller, return_id)
            add(connection, return_id, [_unit(unit) for unit in given.items], by=caller.name)
            return shown(connection, [_the(connection, caller, return_id)])[0]

    @router.put("/{return_id}/tracking", responses=described(404, 409, body=True))
    def brought(caller: Writes, return_id: Id, given: TrackingGiven) -> ReturnShown:
        """Another AWB or courier brings it, until it is received. What was booked before is cancelled."""
        with engine(room.url).begin() as connection:
            store = _store(room, _the(connection, caller, return_id))
            by = caller.name
            tracking.change(connection, store, return_id, _brought(given), by=by, expected_on=given.expected_on)
            return shown(connection, [_the(connection, caller, return_id)])[0]

    @router.put("/{return_id}/exchange", responses=described(404, 409, body=True))
    def replaced(caller: Writes, return_id: Id, given: ExchangeGiven) -> ReturnShown:
        """Say which order replaces what comes back. It is held until the return has passed its check, if wanted."""
        with engine(room.url).begin() as connection:
            config = _config(room, _the(connection, caller, return_id).instance)
            exchange.link(connection, config, return_id, given.replacement, hold=given.hold)
            exchange.settle(connection, config, return_id)
            return shown(connection, [_the(connection, caller, return_id)])[0]

    @router.post("/{return_id}/receive", responses=described(404, 409, body=True))
    def received(caller: Writes, return_id: Id, given: ReceiptGiven) -> ReturnShown:
        """Units came in; each passed, failed, or is checked later. Stock goes up by what passed. Once all is judged the
        store is told.
        """
        verdicts = [
            Verdict(item.item_code, item.passed, item.reason, tuple(str(url) for url in item.images))
            for item in given.items
        ]
        with engine(room.url).begin() as connection:
            config = _config(room, _the(connection, caller, return_id).instance)
            taken = receive(connection, return_id, verdicts, by=caller.name)
            settle(connection, config, return_id)
            return shown(connection, [taken.stored])[0]

    @router.post("/{return_id}/cancel", responses=described(404, 409, body=True))
    def called_off(caller: Writes, return_id: Id, given: ReturnCancelGiven) -> ReturnShown:
        """Call units off, or all of it, until they are received. A pickup that was booked is cancelled too."""
        with engine(room.url).begin() as connection:
            config = _config(room, _the(connection, caller, return_id).instance)
            cancel(connection, return_id, given.items, given.reason, by=caller.name)
            settle(connection, config, return_id)
            return shown(connection, [_the(connection, caller, return_id)])[0]

    return router


def shown(connection: Connection, stored: Sequence[StoredReturn]) -> list[ReturnShown]:
    """Returns as the API gives them."""
    ids = [each.id for each in stored]
    units = returns.units(connection, ids)
    exchanges = {
        row.return_id: ExchangeShown(
            replacement=row.replacement, hold=row.hold, in_oms=row.order_id is not None, outcome=row.outcome
        )
        for row in connection.execute(
            text(
                "select return_id, replacement, hold, order_id, outcome from return_exchange where return_id = any(:i)"
            ),
            {"i": ids},
        )
    }
    return [
        ReturnShown(
            id=each.id,
            instance=each.instance,
            order_entity_id=each.entity_id,
            order_number=each.increment_id,
            return_order_code=each.return_code,
            kind=each.kind,
            source=each.source,
            state=each.state,
            location=each.location,
            reason=each.reason,
            awb=each.awb,
            courier=each.courier,
            expected_on=each.expected_on,
            placed_at=each.placed_at,
            received_at=each.received_at,
            processed_at=each.processed_at,
            cancelled_at=each.cancelled_at,
            items=[
                UnitShown(
                    item_code=unit.item_code,
                    item_id=unit.item_id,
                    sku=unit.sku,
                    name=unit.name,
                    reason=unit.reason,
                    state=unit.state,
                    cancelled_why=unit.cancelled_why,
                    qc_reason=unit.qc_reason,
                    images=list(unit.images),
                    refund=unit.refund,
                )
                for unit in units[each.id]
            ],
            exchange=exchanges.get(each.id),
        )
        for each in stored
    ]


def _the(connection: Connection, caller: Caller, return_id: int) -> StoredReturn:
    """One return that is the caller's business; of others it is not even told that they exist."""
    stored = returns.get(connection, return_id)
    if stored is None or not caller.may_see(stored.instance, stored.store_id, stored.location):
        raise ApiProblem(404, f"There is no return {return_id}.")
    return stored


def _config(room: Room, instance: str) -> InstanceConfig:
    config = room.configs.get(instance)
    if config is None:
        raise ApiProblem(503, f"The instance {instance} is not validly configured.")
    return config


def _store(room: Room, stored: StoredReturn) -> StoreConfig | None:
    return _config(room, stored.instance).store(stored.store_id)


def _unit(given: ReturnUnit) -> AskedUnit:
    return AskedUnit(given.item_code, given.item_id, given.sku, given.reason)


def _brought(given: BroughtGiven) -> Brought:
    return Brought(
        awb=given.awb,
        courier=given.courier,
        account=given.account,
        courier_code=given.courier_code,
        reference=given.reference,
        book_pickup=given.book_pickup,
    )


def _asked(given: ReturnGiven) -> AskedReturn:
    return AskedReturn(
        return_code=given.return_order_code,
        kind=given.kind,
        units=tuple(_unit(unit) for unit in given.items),
        location=given.location,
        reason=given.reason,
        placed_at=given.placed_at,
        expected_on=given.expected_on,
        brought=_brought(given.brought),
        quality_check=given.quality_check,
        size=ParcelSize(**given.size.model_dump()) if given.size else None,
        customer_email=given.customer_email,
        replacement=given.exchange.replacement if given.exchange else "",
        hold_replacement=given.exchange.hold if given.exchange else True,
    )
