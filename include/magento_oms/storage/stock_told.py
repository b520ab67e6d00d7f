"""What Magento was told of stock, for people."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from magento_oms.storage.database import text


@dataclass(frozen=True, slots=True)
class ToldFigure:
    """What is known of one figure. Times are aware UTC."""

    sku: str
    source: str
    told: Decimal | None
    told_at: datetime | None
    due_at: datetime | None
    problem: str


def told(connection: Connection, instance: str, skus: Collection[str]) -> list[ToldFigure]:
    """What Magento was told of SKUs."""
    rows = connection.execute(
        text(
            "select sku, source, told, told_at, due_at, problem from stock_figure"
            " where instance = :instance and sku = any(:skus) order by sku, source"
        ),
        {"instance": instance, "skus": list(skus)},
    )
    return [ToldFigure(*row) for row in rows]


def problems(connection: Connection, instance: str | None, limit: int) -> list[tuple[str, ToldFigure]]:
    """(Instance, figure) that cannot be told, with why."""
    rows = connection.execute(
        text(
            "select instance, sku, source, told, told_at, due_at, problem from stock_figure"
            " where problem <> '' and (cast(:instance as text) is null or instance = :instance)"
            " order by instance, sku, source limit :limit"
        ),
        {"instance": instance, "limit": limit},
    )
    return [(row.instance, ToldFigure(*row[1:])) for row in rows]
