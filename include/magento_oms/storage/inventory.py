"""What Magento was told of stock, what is due to be told, and the facts that figures are made from.

Only one process at a time tells an instance (`writer`). Before it reads the facts it notes which SKUs it is about to
tell, and commits that; a Magento shipment of these SKUs waits (`being_told`). The other way round, a SKU of which a
shipment is under way is not told (`being_shipped`). Each writes its note before it looks for the other's, so that never
both go on: a figure that counts a shipped order as still kept cannot overwrite what Magento has deducted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import Connection, text

from magento_oms.storage import effects
from magento_oms.storage.database import own_connection

TAKE = 20_000
"""Changes that are taken at once."""


def target(instance: str) -> str:
    """Name of telling an instance's stock: of its lease, its signal and its hold."""
    return f"stock:{instance}"


def signal(instance: str) -> str:
    """The signal that wakes the push of an instance's stock."""
    return effects.signal(target(instance))


class Writer:
    """The right to tell an instance's stock. It ends with its database session, however its process ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def still_mine(self) -> bool:
        """Whether the session that holds the right is alive."""
        try:
            self._connection.execute(text("select 1"))
            self._connection.rollback()
        except Exception:  # the session is gone, whatever the driver calls it
            return False
        return True


@contextmanager
def writer(url: str, instance: str) -> Iterator[Writer | None]:
    """Become the one who tells an instance's stock; None: somebody else is. Never waits."""
    with own_connection(url) as connection:
        got = connection.execute(
            text("select pg_try_advisory_lock(hashtextextended(:name, 13))"), {"name": target(instance)}
        ).scalar()
        connection.rollback()
        yield Writer(connection) if got else None


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
        unsettled: whether an earlier telling may still arrive, or may have: then it is told in any case.
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


def take_changes(connection: Connection, instance: str, pools: Sequence[PoolRows]) -> int:
    """Make figures due whose SKUs changed; how many changes were taken. Many changes of a SKU are one.

    A SKU that none of a pool's locations has told of has no figure there.
    """
    rows = connection.execute(
        text(
            "delete from stock_change where id in"
            " (select id from stock_change where instance = :instance order by id limit :limit)"
            " returning sku, by_magento"
        ),
        {"instance": instance, "limit": TAKE},
    ).all()
    if rows:
        make_due(
            connection,
            instance,
            pools,
            {row.sku for row in rows},
            forgotten={row.sku for row in rows if row.by_magento},
        )
    return len(rows)


def make_due(
    connection: Connection,
    instance: str,
    pools: Sequence[PoolRows],
    skus: Collection[str],
    *,
    forgotten: Collection[str] = (),
) -> None:
    """Have the figures of SKUs looked at now.

    Args:
        forgotten: SKUs of which it is not known any more what Magento has, so that they are told in any case.
    """
    for pool in pools:
        connection.execute(
            text(
                "insert into stock_figure as f (instance, sku, source, due_at)"
                " select :instance, k.sku, s.source, now()"
                " from unnest(cast(:skus as text[])) as k (sku)"
                " cross join unnest(cast(:sources as text[])) as s (source)"
                " where exists (select from stock t where t.sku = k.sku and t.location = any(:locations))"
                " order by k.sku, s.source"
                " on conflict (instance, sku, source) do update set due_at = excluded.due_at, tries = 0"
            ),
            {
                "instance": instance,
                "skus": sorted(skus),
                "sources": list(pool.sources),
                "locations": list(pool.locations),
            },
        )
    if forgotten:
        connection.execute(
            text("update stock_figure set told = null where instance = :instance and sku = any(:skus)"),
            {"instance": instance, "skus": sorted(forgotten)},
        )


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
    what they are made from. Only the `writer` calls this, so what others noted before was left by one who died: it may
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
            " returning f.sku, f.source, f.told, f.unsettled_until is not null as unsettled,"
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
            "      case when f.unsettled_until > o.claimed_at then f.unsettled_until end"
            "    else now() + o.again_in end,"
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


# --------------------------------------------------------------------------------------------------------------------
# What figures are made from
# --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeptUnits:
    """Units that Magento keeps for an order that the OMS has reserved."""

    sku: str
    store_id: int
    location: str
    order: str
    units: Decimal


def shelves(
    connection: Connection, locations: Collection[str], skus: Collection[str]
) -> Iterator[tuple[str, str, Decimal, Decimal]]:
    """(SKU, location, quantity, reserved) of what locations have told."""
    for row in connection.execute(
        text(
            "select s.sku, s.location, s.quantity, s.reserved from unnest(cast(:skus as text[])) as k (sku)"
            " join stock s on s.sku = k.sku and s.location = any(:locations)"
        ),
        {"skus": list(skus), "locations": list(locations)},
    ):
        yield row.sku, row.location, row.quantity, row.reserved


def still_kept(connection: Connection, instance: str, skus: Collection[str]) -> list[KeptUnits]:
    """What Magento keeps for orders that the OMS has reserved, as far as the OMS knows.

    Of a line never more than Magento has left to ship of it: less what it shipped, cancelled or refunded. A shipment of
    unknown outcome counts as shipped: rather too little is offered than too much.
    """
    rows = connection.execute(
        text(
            "select l.sku, o.store_id, f.location, o.increment_id, l.order_id, l.item_id, fl.quantity,"
            " greatest(l.ordered - l.cancelled - l.refunded - greatest(l.magento_shipped, coalesce(ours.units, 0)), 0)"
            "   as open"
            " from fulfilment f"
            " join sales_order o on o.id = f.order_id"
            " join fulfilment_line fl on fl.fulfilment_id = f.id and fl.quantity > 0"
            " join order_line l on l.order_id = fl.order_id and l.item_id = fl.item_id"
            " left join lateral (select sum(x.quantity) as units from fulfilment_line x"
            "   join fulfilment y on y.id = x.fulfilment_id and y.on_magento_at is not null"
            "   where x.order_id = l.order_id and x.item_id = l.item_id) ours on true"
            " where f.on_magento_at is null and o.instance = :instance and l.sku = any(:skus)"
            # What Magento has ended it keeps nothing for, though it may have left the warehouse all the same.
            " and o.magento_state not in ('canceled', 'closed', 'complete')"
            " and not exists (select from effect e where e.target = :target and e.kind = 'create_shipment'"
            "   and e.subject = 'fulfilment:' || f.id and e.state in ('sending', 'unknown'))"
            " order by l.order_id, l.item_id, f.id"
        ),
        {"instance": instance, "skus": list(skus), "target": f"magento:{instance}"},
    )
    kept: list[KeptUnits] = []
    line, left = (0, 0), Decimal(0)
    for row in rows:
        if (row.order_id, row.item_id) != line:
            line, left = (row.order_id, row.item_id), row.open
        units = min(row.quantity, left)
        left -= units
        if units > 0:
            kept.append(KeptUnits(row.sku, row.store_id, row.location, row.increment_id, units))
    return kept


def promised(
    connection: Connection,
    instance: str,
    store_ids: Collection[int],
    locations: Collection[str],
    skus: Collection[str],
    *,
    own_too: bool,
) -> dict[str, Decimal]:
    """Units by SKU of orders that nothing is reserved for yet, of stores that sell from these locations.

    Args:
        instance, store_ids: stores for whose orders Magento itself keeps the units: theirs do not count,
        own_too: unless Magento keeps none.
    """
    rows = connection.execute(
        text(
            "select l.sku, sum(l.ordered - l.cancelled - l.allocated) as units from order_line l"
            " join sales_order o on o.id = l.order_id"
            " where l.ordered - l.cancelled - l.allocated > 0 and l.kind = 'physical' and l.sku = any(:skus)"
            " and not o.history and not o.shadow and o.state <> 'cancelled'"
            " and (:own_too or o.instance <> :instance or o.store_id <> all(:store_ids))"
            " and exists (select from store_location s where s.instance = o.instance and s.store_id = o.store_id"
            "   and s.location = any(:locations))"
            " group by l.sku"
        ),
        {
            "instance": instance,
            "store_ids": list(store_ids),
            "locations": list(locations),
            "skus": list(skus),
            "own_too": own_too,
        },
    )
    return {row.sku: row.units for row in rows}


def catalogue_types(connection: Connection, instance: str, skus: Collection[str]) -> dict[str, str]:
    """Product types of those of the SKUs that the catalogue has."""
    rows = connection.execute(
        text("select sku, type_id from product where instance = :instance and sku = any(:skus) and gone_at is null"),
        {"instance": instance, "skus": list(skus)},
    )
    return {row.sku: row.type_id for row in rows}


# --------------------------------------------------------------------------------------------------------------------
# For people
# --------------------------------------------------------------------------------------------------------------------


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


# --------------------------------------------------------------------------------------------------------------------
# The way that an instance takes stock
# --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LearntWay:
    """How an instance takes stock; `lines` a call, `limit` the most that it allows."""

    way: str
    why: str
    lines: int
    limit: int | None


def way(connection: Connection, instance: str, config_digest: str, *, at_most_old: timedelta) -> LearntWay | None:
    """What was learnt; None: nothing yet, or it is too old, or the configuration has changed."""
    row = connection.execute(
        text(
            'select way, why, lines, "limit" from stock_way where instance = :instance and config_digest = :digest'
            " and learnt_at > now() - :at_most_old"
        ),
        {"instance": instance, "digest": config_digest, "at_most_old": at_most_old},
    ).one_or_none()
    return None if row is None else LearntWay(*row)


def note_way(connection: Connection, instance: str, config_digest: str, learnt: LearntWay) -> None:
    """Remember what was learnt."""
    connection.execute(
        text(
            'insert into stock_way (instance, way, why, lines, "limit", config_digest)'
            " values (:instance, :way, :why, :lines, :limit, :digest) on conflict (instance) do update set"
            ' way = excluded.way, why = excluded.why, lines = excluded.lines, "limit" = excluded."limit",'
            " config_digest = excluded.config_digest, learnt_at = now()"
        ),
        {
            "instance": instance,
            "way": learnt.way,
            "why": learnt.why,
            "lines": learnt.lines,
            "limit": learnt.limit,
            "digest": config_digest,
        },
    )


def note_lines(connection: Connection, instance: str, lines: int, limit: int | None) -> None:
    """Remember how many lines a call has."""
    connection.execute(
        text('update stock_way set lines = :lines, "limit" = :limit where instance = :instance'),
        {"instance": instance, "lines": lines, "limit": limit},
    )
