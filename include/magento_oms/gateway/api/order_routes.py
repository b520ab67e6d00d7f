"""Orders with their time lines, and having one cancelled."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from sqlalchemy import Connection

from magento_oms.domain.states import OrderState
from magento_oms.gateway.api.callers import needs
from magento_oms.gateway.api.models import CancelGiven, EventShown, OrderPage, OrderShown, OrderWhole, totals_of
from magento_oms.gateway.api.problems import ApiProblem, described
from magento_oms.gateway.api.room import Room
from magento_oms.gateway.api.views import order as the_order
from magento_oms.gateway.api.views import order_lines, shown
from magento_oms.gateway.api.views import orders as all_orders
from magento_oms.storage import fulfilments
from magento_oms.storage.api_tokens import Caller, Scope
from magento_oms.storage.database import autocommit, engine, text
from magento_oms.workflows.cancelling.seller import ask_to_cancel, ask_to_cancel_units

Reads = Annotated[Caller, Depends(needs(Scope.ORDERS_READ))]
Instance = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{1,30}$")]
EntityId = Annotated[int, Path(ge=1, le=2**62)]


def order_routes(room: Room) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/orders", tags=["orders"])

    @router.get("", responses=described())
    def list_(
        caller: Reads,
        state: OrderState | None = None,
        before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> OrderPage:
        """Orders, the newest first, without personal data."""
        with autocommit(room.url) as connection:
            found = all_orders(connection, caller, str(state) if state else None, before, limit)
        return OrderPage(items=[order for _, order in found], before=found[-1][0] if len(found) == limit else None)

    @router.get("/{instance}/{entity_id}", responses=described(404))
    def one(caller: Reads, instance: Instance, entity_id: EntityId) -> OrderWhole:
        """One order by Magento's entity id, with its lines and fulfilments."""
        with autocommit(room.url) as connection:
            order_id, order = _the(connection, caller, instance, entity_id)
            stored = [each for each in fulfilments.of_order(connection, order_id) if caller.works_at(each.location)]
            return OrderWhole(
                **order.model_dump(), lines=order_lines(connection, order_id), fulfilments=shown(connection, stored)
            )

    @router.get("/{instance}/{entity_id}/timeline", responses=described(404))
    def timeline(caller: Reads, instance: Instance, entity_id: EntityId) -> list[EventShown]:
        """What happened to an order, in order."""
        with autocommit(room.url) as connection:
            order_id, _ = _the(connection, caller, instance, entity_id)
            rows = connection.execute(
                text("select at, kind, details from order_event where order_id = :id order by id"), {"id": order_id}
            )
            return [EventShown(at=row.at, kind=row.kind, details=row.details) for row in rows]

    @router.post("/{instance}/{entity_id}/cancel", responses=described(404, 409, body=True), status_code=202)
    def cancel(
        caller: Annotated[Caller, Depends(needs(Scope.ORDERS_WRITE))],
        instance: Instance,
        entity_id: EntityId,
        given: CancelGiven,
    ) -> OrderShown:
        """The seller will not ship it, or not these units. Possible until they are packed; asked twice is asked once.

        A whole order is held at once and cancelled on Magento; units are cancelled at once, and Magento is told.
        """
        if caller.locations:
            raise ApiProblem(403, "This token is limited to locations; an order may be of others too.")
        config = room.configs.get(instance)
        with engine(room.url).begin() as connection:
            order_id, _ = _the(connection, caller, instance, entity_id)
            if config is None:
                raise ApiProblem(503, f"The instance {instance} is not validly configured.")
            if given.lines is None:
                ask_to_cancel(connection, config, order_id, given.reason, by=caller.name)
            else:
                ask_to_cancel_units(connection, config, order_id, totals_of(given.lines), given.reason, by=caller.name)
            return _the(connection, caller, instance, entity_id)[1]

    return router


def _the(connection: Connection, caller: Caller, instance: str, entity_id: int) -> tuple[int, OrderShown]:
    found = the_order(connection, caller, instance, entity_id)
    if found is None:
        raise ApiProblem(404, f"There is no order {entity_id} of {instance}.")
    return found
