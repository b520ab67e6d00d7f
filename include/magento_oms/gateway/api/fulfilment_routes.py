"""Fulfilments to work on, and what a warehouse does with them."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from magento_oms.config.models import InstanceConfig
from magento_oms.gateway.api.callers import needs
from magento_oms.gateway.api.models import (
    BoxGiven,
    FulfilmentPage,
    FulfilmentShown,
    HandedOverShown,
    PackAnswer,
    PackGiven,
    RejectGiven,
)
from magento_oms.gateway.api.problems import ApiProblem, described
from magento_oms.gateway.api.room import Room
from magento_oms.gateway.api.views import shown, the_fulfilment
from magento_oms.storage import fulfilments, papers, parcels
from magento_oms.storage.api_tokens import Caller, Scope
from magento_oms.storage.database import autocommit, engine
from magento_oms.storage.fulfilments import FeedWentBack, StoredFulfilment
from magento_oms.workflows.warehouse.hand_over import hand_over
from magento_oms.workflows.warehouse.pack import Box, pack
from magento_oms.workflows.warehouse.send_back import reject

Reads = Annotated[Caller, Depends(needs(Scope.FULFILMENTS_READ))]
Writes = Annotated[Caller, Depends(needs(Scope.FULFILMENTS_WRITE))]


def fulfilment_routes(room: Room) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/fulfilments", tags=["fulfilments"])

    @router.get("", responses=described(400, 410))
    def feed(
        caller: Reads,
        cursor: Annotated[str, Query(description="the last one seen; empty: from the beginning", max_length=50)] = "",
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        location: Annotated[str | None, Query(max_length=31)] = None,
    ) -> FulfilmentPage:
        """Every fulfilment that changed since the cursor, oldest change first. Nothing is missed, whatever is at work;
        one that changes again comes again.
        """
        locations = caller.locations
        if location is not None:
            if not caller.works_at(location):
                raise ApiProblem(403, f"This token may not see location {location}.")
            locations = (location,)
        with autocommit(room.url) as connection:
            try:
                found = fulfilments.feed(
                    connection, locations=locations, stores=caller.stores, after=_place(cursor), limit=limit
                )
            except FeedWentBack:
                raise ApiProblem(
                    410,
                    "This cursor is younger than the OMS: a backup was restored.",
                    way_out="Begin anew without a cursor; what you packed since is known by its shipment_id.",
                ) from None
            items = shown(connection, [stored for _, stored in found])
        last = "-".join(map(str, found[-1][0])) if found else cursor
        return FulfilmentPage(items=items, cursor=last, more=len(found) == limit)

    @router.get("/{fulfilment_id}", responses=described(404))
    def one(caller: Reads, fulfilment_id: int) -> FulfilmentShown:
        """One fulfilment."""
        with autocommit(room.url) as connection:
            return shown(connection, [the_fulfilment(connection, caller, fulfilment_id)])[0]

    @router.post("/{fulfilment_id}/pack", responses=described(404, 409, body=True))
    def pack_it(caller: Writes, fulfilment_id: int, given: PackGiven) -> PackAnswer:
        """All its units are in boxes: the invoice is issued and the courier asked. The same packing again, under the
        same `shipment_id`, answers the same.
        """
        boxes = [_box(number, box) for number, box in enumerate(given.boxes)]
        with engine(room.url).begin() as connection:
            config = _config(room, the_fulfilment(connection, caller, fulfilment_id))
            packed = pack(connection, config, fulfilment_id, given.shipment_id, boxes, by=caller.name)
        return PackAnswer(
            fulfilment_id=packed.fulfilment_id,
            invoice_number=packed.invoice_number,
            parcels=list(packed.parcels),
            again=packed.again,
        )

    @router.post("/{fulfilment_id}/reject", responses=described(404, 409, body=True))
    def send_back(caller: Writes, fulfilment_id: int, given: RejectGiven) -> FulfilmentShown:
        """The location cannot ship some of it, or none: that is routed anew, elsewhere."""
        units = None
        if given.lines is not None:
            units = {line.item_id: line.quantity for line in given.lines}
        with engine(room.url).begin() as connection:
            the_fulfilment(connection, caller, fulfilment_id)
            reject(connection, fulfilment_id, units, given.reason, by=caller.name)
            return shown(connection, [the_fulfilment(connection, caller, fulfilment_id)])[0]

    @router.post("/{fulfilment_id}/handover", responses=described(404, 409))
    def handed_over(caller: Writes, fulfilment_id: int) -> HandedOverShown:
        """The courier takes it. The order is read again at its store first, so that a cancelled one stays here."""
        with autocommit(room.url) as connection:
            the_fulfilment(connection, caller, fulfilment_id)
        done = hand_over(room.url, room.configs, fulfilment_id, by=caller.name, check=room.check)
        return HandedOverShown(done=[done.fulfilment_id])

    papers_of = described(404) | {200: {"content": {"application/pdf": {}}, "description": "The PDF."}}

    @router.get("/{fulfilment_id}/invoice.pdf", response_class=Response, responses=papers_of)
    def invoice(caller: Reads, fulfilment_id: int) -> Response:
        """Its invoice. Personal data."""
        with autocommit(room.url) as connection:
            the_fulfilment(connection, caller, fulfilment_id)
            return _pdf(papers.get(connection, "invoice", f"fulfilment:{fulfilment_id}"), "invoice")

    @router.get("/{fulfilment_id}/parcels/{parcel_id}/label.pdf", response_class=Response, responses=papers_of)
    def label(caller: Reads, fulfilment_id: int, parcel_id: int) -> Response:
        """The label of one of its parcels. Personal data."""
        with autocommit(room.url) as connection:
            the_fulfilment(connection, caller, fulfilment_id)
            bookings = [
                booking
                for booking in parcels.of_parcel(connection, parcel_id)
                if booking.fulfilment_id == fulfilment_id and not booking.given_up
            ]
            found = parcels.document(connection, bookings[-1].id, "label") if bookings else None
            return _pdf(found.content if found else None, "label")

    return router


def _config(room: Room, stored: StoredFulfilment) -> InstanceConfig:
    config = room.configs.get(stored.instance)
    if config is None:
        raise ApiProblem(503, f"The instance {stored.instance} is not validly configured.")
    return config


def _box(number: int, box: BoxGiven) -> Box:
    items: dict[int, Decimal] = {}
    for item in box.items:
        if item.item_id in items:
            raise ApiProblem(422, f"/boxes/{number} names item {item.item_id} twice.")
        items[item.item_id] = item.quantity
    return Box(items, box.length_cm, box.breadth_cm, box.height_cm, box.weight_g)


def _place(cursor: str) -> tuple[int, int]:
    """Where the feed goes on."""
    if not cursor:
        return (0, 0)
    first, _, second = cursor.partition("-")
    if not (first.isascii() and first.isdigit() and second.isascii() and second.isdigit()) or len(cursor) > 38:
        raise ApiProblem(400, "This cursor was not given by this call.", way_out="Begin anew without a cursor.")
    return (int(first), int(second))


def _pdf(content: bytes | None, name: str) -> Response:
    if content is None:
        raise ApiProblem(404, f"The {name} is not there yet.", way_out="It comes by itself once it is packed.")
    return Response(content, media_type="application/pdf", headers={"Cache-Control": "no-store"})
