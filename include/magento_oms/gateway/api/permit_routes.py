"""E-way bills and IRNs: what waits for one, what is on the invoice, and giving it. For a GST provider's connector."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path

from magento_oms.domain.invoicing.content import InvoiceContent
from magento_oms.gateway.api.callers import needs
from magento_oms.gateway.api.models import PermitGiven, PermitShown, PermitWanted
from magento_oms.gateway.api.problems import ApiProblem, described
from magento_oms.gateway.api.room import Room
from magento_oms.gateway.api.views import the_fulfilment
from magento_oms.storage import invoices
from magento_oms.storage.api_tokens import Caller, Scope, of_stores_sql
from magento_oms.storage.database import autocommit, engine, text
from magento_oms.workflows.warehouse.permits import give

Reads = Annotated[Caller, Depends(needs(Scope.FULFILMENTS_READ))]
Writes = Annotated[Caller, Depends(needs(Scope.FULFILMENTS_WRITE))]
Id = Annotated[int, Path(ge=1, le=2**62)]

_WAITING = text(
    "select f.id as fulfilment_id, split_part(h.code, ':', 1) as kind, i.number as invoice_number, i.total,"  # noqa: S608
    " coalesce(i.content -> 'seller' ->> 'gstin', '') as seller_gstin,"
    " coalesce(i.content -> 'buyer' ->> 'gstin', '') as buyer_gstin, h.placed_at as since"
    " from order_hold h join sales_order o on o.id = h.order_id"
    " join fulfilment f on f.order_id = o.id and h.code in ('irn:' || f.id, 'eway_bill:' || f.id)"
    " join invoice i on i.fulfilment_id = f.id"
    " where h.released_at is null and (cardinality(cast(:locations as text[])) = 0 or f.location = any(:locations))"
    f" and {of_stores_sql('o')} order by h.placed_at, f.id limit 500"
)


def permit_routes(room: Room) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["permits"])

    @router.get("/permits", responses=described())
    def waiting(caller: Reads) -> list[PermitWanted]:
        """What waits for an e-way bill or an IRN, the longest waiting first; up to 500."""
        limits = {"stores": list(caller.stores), "locations": list(caller.locations)}
        with autocommit(room.url) as connection:
            return [PermitWanted(**row) for row in connection.execute(_WAITING, limits).mappings()]

    @router.get("/fulfilments/{fulfilment_id}/invoice", responses=described(404))
    def figures(caller: Reads, fulfilment_id: Id) -> InvoiceContent:
        """All that is on its invoice, as figures: what a GST provider wants to know. Personal data."""
        with autocommit(room.url) as connection:
            the_fulfilment(connection, caller, fulfilment_id)
            invoice = invoices.of_fulfilment(connection, fulfilment_id)
        if invoice is None:
            raise ApiProblem(404, f"Fulfilment {fulfilment_id} has no invoice yet.", way_out="It comes with packing.")
        return invoice.content

    @router.put("/fulfilments/{fulfilment_id}/permits/{kind}", responses=described(404, 409, body=True))
    def given(caller: Writes, fulfilment_id: Id, kind: Literal["eway_bill", "irn"], permit: PermitGiven) -> PermitShown:
        """Give the number; the order goes on at once. The same again changes nothing, another one is refused."""
        with engine(room.url).begin() as connection:
            the_fulfilment(connection, caller, fulfilment_id)
            give(connection, fulfilment_id, kind, permit.number, signed_qr=permit.signed_qr, by=caller.name)
        return PermitShown(fulfilment_id=fulfilment_id, kind=kind, number=permit.number)

    return router
