"""What was cancelled of an order and what became of it: outcomes, parcels that are expected back, credit notes."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from magento_oms.gateway.api.callers import needs
from magento_oms.gateway.api.problems import ApiProblem, described
from magento_oms.gateway.api.room import Room
from magento_oms.gateway.api.views import order as the_order
from magento_oms.storage import cancellations, credit_notes
from magento_oms.storage.api_tokens import Caller, Scope
from magento_oms.storage.database import autocommit
from magento_oms.workflows import crediting

Reads = Annotated[Caller, Depends(needs(Scope.ORDERS_READ))]
Instance = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{1,30}$")]
EntityId = Annotated[int, Path(ge=1, le=2**62)]


class CancellationShown(BaseModel):
    """Units that were cancelled, or that it was too late to cancel, by item id."""

    noted_at: datetime
    cause: str
    reason: str
    by: str = Field(description="who asked; empty: it was read from Magento")
    units: dict[int, Decimal]
    too_late: dict[int, Decimal]
    outcomes: list[dict[str, Any]]


class ExpectedBack(BaseModel):
    """A parcel that left although its order was cancelled."""

    parcel_id: int
    fulfilment_id: int | None
    asked: bool = Field(description="whether the courier is asked to return it")
    since: datetime
    ended_at: datetime | None
    ended_as: str


class CreditNoteShown(BaseModel):
    """A credit note; its paper is asked for by its id."""

    id: int
    number: str
    invoice_number: str
    issued_at: datetime
    total: Decimal
    reason: str
    subject: str = Field(description="what it is for: fulfilment:<id> or return:<id>")


class CancellationsShown(BaseModel):
    """All of it."""

    cancellations: list[CancellationShown]
    expected_back: list[ExpectedBack]
    credit_notes: list[CreditNoteShown]


def cancellation_routes(room: Room) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/orders/{instance}/{entity_id}", tags=["orders"])

    @router.get("/cancellations", responses=described(404))
    def cancelled(caller: Reads, instance: Instance, entity_id: EntityId) -> CancellationsShown:
        """What was cancelled of an order, why, and what became of it."""
        with autocommit(room.url) as connection:
            order_id = _order_id(connection, caller, instance, entity_id)
            return CancellationsShown(
                cancellations=[
                    CancellationShown(
                        noted_at=each.noted_at,
                        cause=each.cause,
                        reason=each.reason,
                        by=each.by,
                        units=each.units,
                        too_late=each.too_late,
                        outcomes=list(each.outcomes),
                    )
                    for each in cancellations.of_order(connection, order_id)
                ],
                expected_back=[ExpectedBack(**row) for row in cancellations.expected_back(connection, order_id)],
                credit_notes=[
                    CreditNoteShown(
                        id=note.id,
                        number=note.number,
                        invoice_number=note.content.invoice_number,
                        issued_at=note.issued_at,
                        total=note.content.total,
                        reason=note.content.reason,
                        subject=note.subject,
                    )
                    for note in credit_notes.of_order(connection, order_id)
                ],
            )

    @router.get(
        "/credit-notes/{note_id}.pdf",
        response_class=Response,
        responses=described(404) | {200: {"content": {"application/pdf": {}}, "description": "The PDF."}},
    )
    def credit_note(caller: Reads, instance: Instance, entity_id: EntityId, note_id: EntityId) -> Response:
        """A credit note of an order. Personal data."""
        with autocommit(room.url) as connection:
            order_id = _order_id(connection, caller, instance, entity_id)
            if note_id not in {note.id for note in credit_notes.of_order(connection, order_id)}:
                raise ApiProblem(404, f"Order {entity_id} of {instance} has no credit note {note_id}.")
        paper = crediting.printed(room.url, note_id)
        return Response(paper, media_type="application/pdf", headers={"Cache-Control": "no-store"})

    return router


def _order_id(connection: Connection, caller: Caller, instance: str, entity_id: int) -> int:
    found = the_order(connection, caller, instance, entity_id)
    if found is None:
        raise ApiProblem(404, f"There is no order {entity_id} of {instance}.")
    return found[0]
