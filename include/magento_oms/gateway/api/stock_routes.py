"""Stock by location: absolute figures, in batches; a bad line leaves the others be."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from magento_oms.gateway.api.callers import needs
from magento_oms.gateway.api.models import StockAnswer, StockGiven, StockPage, StockResult, StockShown
from magento_oms.gateway.api.problems import ApiProblem, described
from magento_oms.gateway.api.room import Room
from magento_oms.storage import instances, stock
from magento_oms.storage.api_tokens import Caller, Scope, of_stores_sql
from magento_oms.storage.database import autocommit, engine, text
from magento_oms.workflows.warehouse.take_stock import known_skus, take_stock

Location = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{1,30}$")]


def stock_routes(room: Room) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/locations/{location}/stock", tags=["stock"])

    @router.put("", responses=described(404, body=True))
    def put(
        caller: Annotated[Caller, Depends(needs(Scope.STOCK_WRITE))], location: Location, given: StockGiven
    ) -> StockAnswer:
        """Absolute figures of up to 1,000 SKUs. Each line has its result; orders that waited are routed at once."""
        _known(room, caller, location)
        figures: dict[str, Decimal] = {}
        refused: dict[int, str] = {}
        for index, line in enumerate(given.figures):
            if line.sku in figures:
                refused[index] = "The batch names this SKU before."
            else:
                figures[line.sku] = line.quantity
        taken = take_stock(room.url, location, figures, known_skus(room.url))
        changed = set(taken.changed)
        results = []
        for index, line in enumerate(given.figures):
            reason = refused.get(index) or taken.refused.get(line.sku, "")
            status = "refused" if reason else "changed" if line.sku in changed else "unchanged"
            results.append(StockResult(index=index, sku=line.sku, status=status, reason=reason))
        return StockAnswer(
            results=results,
            changed=len(changed),
            refused=sum(result.status == "refused" for result in results),
            orders_woken=taken.orders_woken,
        )

    @router.get("", responses=described(404))
    def get(
        caller: Annotated[Caller, Depends(needs(Scope.STOCK_READ))],
        location: Location,
        after: Annotated[str, Query(max_length=255)] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 500,
    ) -> StockPage:
        """What the location has, sorted by SKU."""
        _known(room, caller, location)
        with autocommit(room.url) as connection:
            rows = stock.figures(connection, location=location, after=after.replace("\x00", ""), limit=limit)
        items = [
            StockShown(location=row.location, sku=row.sku, quantity=row.quantity, reserved=row.reserved) for row in rows
        ]
        return StockPage(items=items, after=items[-1].sku if items else after)

    return router


def _known(room: Room, caller: Caller, location: str) -> None:
    with engine(room.url).begin() as connection:
        served = f"select from store_location s where s.location = :code and {of_stores_sql('s')}"
        asked = text(f"select exists ({served})")
        limits = {"code": location, "stores": list(caller.stores)}
        known = connection.execute(asked, limits).scalar_one()
        if not known:
            # Before the first order was read, the tables do not have what the files say.
            for config in room.configs.values():
                instances.configure(connection, config)
            known = connection.execute(asked, limits).scalar_one()
    if not known or not caller.works_at(location):
        raise ApiProblem(404, f"There is no location {location!r}.")
