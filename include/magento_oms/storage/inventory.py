"""What Magento was told of stock, what is due to be told, and the facts that figures are made from.

Only one process at a time tells an instance (`stock_writer`). Before it reads the facts it notes which SKUs it is about
to tell, and commits that; a Magento shipment of these SKUs waits (`being_told`). The other way round, a SKU of which a
shipment is under way is not told (`being_shipped`). Each writes its note before it looks for the other's, so that never
both go on: a figure that counts a shipped order as still kept cannot overwrite what Magento has deducted.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import Connection

from magento_oms.storage import effects
from magento_oms.storage.database import text

TAKE = 20_000
"""Changes that are taken at once."""


def target(instance: str) -> str:
    """Name of telling an instance's stock: of its lease, its signal and its hold."""
    return f"stock:{instance}"


def signal(instance: str) -> str:
    """The signal that wakes the push of an instance's stock."""
    return effects.signal(target(instance))


# --------------------------------------------------------------------------------------------------------------------
# What is due
# --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PoolRows:
    """A pool as the database wants it: its sources, and the locations behind them."""

    sources: tuple[str, ...]
    locations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A figure that is about to be told.

    Attributes:
        told: what Magento has, as far as we know; None: not known.
        unsettled: whether an earlier telling may still arrive, or may have, or Magento may have changed its own
            quantity since: then it is told in any case.
        seen: whether Magento is known to have the product.
        due_at, claimed_at: the database's clock; due_at None: only another source of the SKU was due.
    """

    sku: str
    source: str
    told: Decimal | None
    unsettled: bool
    seen: bool
    tries: int
    due_at: datetime | None
    claimed_at: datetime


def take_changes(connection: Connection, instance: str, pools: Sequence[PoolRows], *, settle_delay: timedelta) -> int:
    """Make figures due whose SKUs changed; how many changes were taken. Many changes of a SKU are one.

    A SKU that none of a pool's locations has told of has no figure there. Need not wait for the disk: what a crash of
    the database undoes is changed again afterwards.

    Args:
        settle_delay: after which Magento has surely done what it may still be at; then these SKUs are told once more.
    """
    connection.execute(text("set local synchronous_commit to off"))
    row = connection.execute(
        text(
            "with taken as ("
            "  delete from stock_change where id in"
            "  (select id from stock_change where instance = :instance order by id limit :limit)"
            "  returning sku, by_magento, later"
            "), changed as materialized (select distinct sku from taken"
            "), due as ("
            "  insert into stock_figure as f (instance, sku, source, due_at)"
            "  select :instance, k.sku, s.source, now() from changed k"
            "  cross join unnest(cast(:sources as text[]), cast(:pool_of_source as int[])) as s (source, pool)"
            "  where exists (select from unnest(cast(:locations as text[]), cast(:pool_of_location as int[]))"
            "    as l (location, pool) join stock t on t.location = l.location and t.sku = k.sku where l.pool = s.pool)"
            "  order by k.sku, s.source"
            "  on conflict (instance, sku, source) do update set due_at = excluded.due_at, tries = 0"
            ") select count(*) as taken, array_agg(distinct sku) filter (where by_magento) as forgotten,"
            " array_agg(distinct sku) filter (where later) as later from taken"
        ),
        {
            "instance": instance,
            "limit": TAKE,
            "sources": [source for pool in pools for source in pool.sources],
            "pool_of_source": [number for number, pool in enumerate(pools) for _ in pool.sources],
            "locations": [location for pool in pools for location in pool.locations],
            "pool_of_location": [number for number, pool in enumerate(pools) for _ in pool.locations],
        },
    ).one()
    if row.forgotten or row.later:
        connection.execute(
            text(
                "update stock_figure set told = case when sku = any(:forgotten) then null else told end,"
                " again_at = case when sku = any(:later) then now() + :after else again_at end"
                " where instance = :instance and sku = any(:skus)"
            ),
            {
                "instance": instance,
                "forgotten": row.forgotten or [],
                "later": row.later or [],
                "skus": sorted({*(row.forgotten or ()), *(row.later or ())}),
                "after": settle_delay,
            },
        )
    return int(row.taken)


def look_again(connection: Connection, instance: str, skus: Collection[str]) -> None:
    """Have SKUs told again, whatever Magento is thought to have, and wake the push."""
    connection.execute(
        text(
            "insert into stock_change (instance, sku, by_magento)"
            " select :instance, sku, true from unnest(cast(:skus as text[])) as k (sku) order by sku"
        ),
        {"instance": instance, "skus": sorted(skus)},
    )


def look_at_all(connection: Connection, instance: str) -> None:
    """Have all SKUs of an instance's locations looked at, because its configuration changed."""
    connection.execute(
        text(
            "insert into stock_change (instance, sku) select distinct s.instance, t.sku from store_location s"
            " join stock t on t.location = s.location where s.instance = :instance and s.counted"
        ),
        {"instance": instance},
    )


def let_go(connection: Connection, instance: str, sources: Collection[str]) -> None:
    """Figures of sources that are configured no more are not due any more."""
    connection.execute(
        text(
            "update stock_figure set due_at = null, sending_until = null, told = null"
            " where instance = :instance and due_at is not null and source <> all(:sources)"
        ),
        {"instance": instance, "sources": list(sources)},
    )


def anything_due(connection: Connection, instance: str) -> bool:
    """Whether something changed, or a figure is due."""
    return bool(
        connection.execute(
            text(
                "select exists (select from stock_change where instance = :instance)"
                " or exists (select from stock_figure where instance = :instance and due_at <= now())"
            ),
            {"instance": instance},
        ).scalar_one()
    )


def count_due(connection: Connection, instance: str, *, but: Collection[str] = ()) -> int:
    """How many figures are due now, without those of some SKUs."""
    return int(
        connection.execute(
            text(
                "select count(*) from stock_figure where instance = :instance and due_at <= now() and sku <> all(:but)"
            ),
            {"instance": instance, "but": list(but)},
        ).scalar_one()
    )


def claim(
    connection: Connection,
    instance: str,
    sources: Collection[str],
    *,
    limit: int,
    lease: timedelta,
    busy: Collection[str] = (),
    only: Collection[str] | None = None,
) -> list[Claimed]:
    """Note that figures of up to `limit` SKUs are about to be told, those due the longest first. Commit before reading
    what they are made from. Only the `Writer` calls this, so what others noted before was left by one who died: it may
    still arrive.

    Args:
        lease: until when a request of ours can be at work, if we die.
        busy: SKUs that are being told now.
        only: no other SKUs.
    """
    rows = connection.execute(
        text(
            "with chosen as ("
            "  select sku, min(due_at) from stock_figure where instance = :instance and due_at <= now()"
            "  and source = any(:sources) and sku <> all(:busy)"
            "  and (cast(:only as text[]) is null or sku = any(:only))"
            "  group by sku order by 2, 1 limit :limit"
            ") update stock_figure f set unsettled_until = greatest(f.unsettled_until, f.sending_until),"
            "  sending_until = now() + :lease"
            " from chosen where f.instance = :instance and f.sku = chosen.sku and f.source = any(:sources)"
            " returning f.sku, f.source, f.told, (f.unsettled_until is not null or f.again_at <= now()) is true,"
            "  f.seen_at is not null as seen, f.tries, f.due_at, now() as claimed_at"
        ),
        {
            "instance": instance,
            "sources": list(sources),
            "limit": limit,
            "lease": lease,
            "busy": list(busy),
            "only": None if only is None else list(only),
        },
    )
    return [Claimed(*row) for row in rows]


class Came(StrEnum):
    """What came of a claimed figure."""

    TOLD = "told"
    SAME = "same"  # Magento has it
    LATER = "later"  # nothing was sent
    FAILED = "failed"  # refused; a part may have been written
    LOST = "lost"  # the answer was lost; it may still arrive


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a claimed figure.

    Attributes:
        quantity: that was told.
        again_in: when it is looked at again; None: when something changes.
        problem: why a person must look at it.
        seen: whether Magento has the product.
    """

    figure: Claimed
    came: Came
    quantity: Decimal | None = None
    again_in: timedelta | None = None
    problem: str = ""
    seen: bool = False


def settle(connection: Connection, instance: str, outcomes: Sequence[Outcome], *, settle_delay: timedelta) -> None:
    """Write down what came of claimed figures. What changed meanwhile stays due.

    Args:
        settle_delay: how long Magento may still write what it was told in a call whose answer was lost.
    """
    if not outcomes:
        return
    ranked = sorted(outcomes, key=lambda each: (each.figure.sku, each.figure.source))
    connection.execute(
        text(
            "update stock_figure f set"
            # Where something changed while it was told, Magento may have changed it as well.
            "  told = case when o.came = 'told' and f.due_at is not distinct from o.due_at then o.quantity"
            "    when o.came in ('told', 'failed', 'lost') then null else f.told end,"
            "  told_at = case when o.came = 'told' then now() else f.told_at end,"
            "  version = f.version + case when o.came = 'told' then 1 else 0 end,"
            "  sending_until = null,"
            "  unsettled_until = case"
            "    when o.came = 'lost' then greatest(f.unsettled_until, now() + :settle_delay)"
            "    when o.came in ('told', 'failed') and f.unsettled_until <= o.claimed_at then null"
            "    else f.unsettled_until end,"
            "  due_at = case"
            "    when f.due_at is distinct from o.due_at then f.due_at"
            "    when o.came in ('told', 'same') then"
            "      least(case when f.unsettled_until > o.claimed_at then f.unsettled_until end,"
            "        case when f.again_at > o.claimed_at then f.again_at end)"
            "    else now() + o.again_in end,"
            "  again_at = case when o.came not in ('told', 'same') or f.again_at > o.claimed_at then f.again_at end,"
            # Told is not kept yet: `doubt` counts on.
            "  tries = case when o.came = 'same' then 0 when o.came in ('told', 'later') then f.tries"
            "    else least(f.tries + 1, 100) end,"
            "  problem = case when o.came in ('told', 'same') or o.problem <> '' then o.problem else f.problem end,"
            "  seen_at = case when o.seen then coalesce(f.seen_at, now()) else f.seen_at end"
            " from unnest(cast(:skus as text[]), cast(:sources as text[]), cast(:came as text[]),"
            "  cast(:quantities as numeric[]), cast(:again_in as interval[]), cast(:problems as text[]),"
            "  cast(:seen as boolean[]), cast(:due_at as timestamptz[]), cast(:claimed_at as timestamptz[]))"
            "  as o (sku, source, came, quantity, again_in, problem, seen, due_at, claimed_at)"
            " where f.instance = :instance and f.sku = o.sku and f.source = o.source"
        ),
        {
            "instance": instance,
            "settle_delay": settle_delay,
            "skus": [each.figure.sku for each in ranked],
            "sources": [each.figure.source for each in ranked],
            "came": [str(each.came) for each in ranked],
            "quantities": [each.quantity for each in ranked],
            "again_in": [each.again_in for each in ranked],
            "problems": [each.problem for each in ranked],
            "seen": [each.seen for each in ranked],
            "due_at": [each.figure.due_at for each in ranked],
            "claimed_at": [each.figure.claimed_at for each in ranked],
        },
    )


def doubt(connection: Connection, instance: str, lines: Collection[tuple[str, str]], *, problem: str = "") -> None:
    """Magento was seen to have something else than it was told: tell these (SKU, source) again, soon."""
    connection.execute(
        text(
            "update stock_figure f set told = null, tries = f.tries + 1, problem = :problem,"
            " due_at = now() + make_interval(secs => least(2 ^ least(f.tries, 12), 3600))"
            " from unnest(cast(:skus as text[]), cast(:sources as text[])) as o (sku, source)"
            " where f.instance = :instance and f.sku = o.sku and f.source = o.source"
        ),
        {
            "instance": instance,
            "problem": problem,
            "skus": [sku for sku, _ in lines],
            "sources": [source for _, source in lines],
        },
    )


# --------------------------------------------------------------------------------------------------------------------
# Order against the Magento shipment
# --------------------------------------------------------------------------------------------------------------------


def being_told(connection: Connection, instance: str, skus: Collection[str]) -> bool:
    """Whether a figure of one of these SKUs may reach Magento at any moment."""
    return (
        connection.execute(
            text(
                "select 1 from stock_figure where instance = :instance and sku = any(:skus)"
                " and greatest(sending_until, unsettled_until) > now() limit 1"
            ),
            {"instance": instance, "skus": list(skus)},
        ).scalar()
        is not None
    )


def being_shipped(connection: Connection, instance: str) -> set[str]:
    """SKUs that Magento may be deducting at this moment, because a shipment is being sent."""
    rows = connection.execute(
        text(
            "select distinct l.sku from effect e"
            " join fulfilment_line f on f.fulfilment_id = cast(e.details ->> 'fulfilment' as bigint)"
            " join order_line l on l.order_id = f.order_id and l.item_id = f.item_id"
            " where e.target = :target and e.state = 'sending' and e.kind = 'create_shipment'"
        ),
        {"target": f"magento:{instance}"},
    )
    return set(rows.scalars())
