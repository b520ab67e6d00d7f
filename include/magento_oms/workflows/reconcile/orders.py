"""order_reconciliation: the orders that a store took in a window, on Magento, in the OMS and at the couriers.

Counts first: rows are read only where counts differ, and of a small share that goes round. What differs is healed by
taking in what Magento says, by planning effects that nobody planned, and by keeping what the courier says; what is left
goes to quarantine (`settle`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import structlog

from magento_oms.config.models import InstanceConfig, Mode, StoreConfig
from magento_oms.ports import MagentoOrders, NotFound
from magento_oms.storage import effects, fulfilments, reconciliation
from magento_oms.storage.database import autocommit, engine
from magento_oms.workflows.fulfilling import effects as fulfilling
from magento_oms.workflows.intake import take_in
from magento_oms.workflows.reading import read_range
from magento_oms.workflows.reconcile import compare, counts, couriers, only_there, sides
from magento_oms.workflows.reconcile.counts import Counted
from magento_oms.workflows.reconcile.couriers import OpenAccount
from magento_oms.workflows.reconcile.only_there import OnlyThere
from magento_oms.workflows.reconcile.sides import Kept, Read
from magento_oms.workflows.reconcile.words import BY_READING, DOUBLED, Kind

log = structlog.get_logger(__name__)

WORKFLOW = "order_reconciliation"

CHUNK = 2_000
"""Orders whose payloads are in memory at once."""
IN_MOTION = timedelta(minutes=2)
"""What changed on Magento this shortly ago, and was taken in now, is not a difference: the live flow was about to."""
SAMPLE = 0.004
"""Share of a window's orders that is read whole though counts agree, another one each day."""
SAMPLE_AT_LEAST = 5
ROUNDS = 3
"""How often counts are compared, where they differ."""
LOOKED_UP = 50
"""So many orders that Magento does not list are asked for one by one, before they count as not being there."""


@dataclass(slots=True)
class Outcome:
    """What came of one store's window.

    Attributes:
        by_status: Magento's status → (on Magento, in the OMS), by counting, before anything was healed.
        kept: orders that are in quarantine only.
        read: ids of the orders read whole.
        found: differences that were there when it began.
        left: those of them that are still there.
        only_there: orders that only a courier has.
    """

    store: StoreConfig
    start: datetime
    end: datetime
    on_magento: int = 0
    in_oms: int = 0
    kept: int = 0
    by_status: dict[str, tuple[int, int]] = field(default_factory=dict)
    requests: int = 0
    read: set[int] = field(default_factory=set)
    parcels: int = 0
    courier_requests: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)
    only_there: OnlyThere = field(default_factory=OnlyThere)
    planned: int = 0
    found: pd.DataFrame = field(default_factory=compare.nothing)
    left: pd.DataFrame = field(default_factory=compare.nothing)
    dry_run: bool = False

    @property
    def looked_at(self) -> set[int]:
        """Orders of which all sides were compared; where a courier could not be read, none."""
        return set() if self.unreadable else self.read

    @property
    def lost(self) -> int:
        """Orders on Magento that are not in the OMS."""
        return _orders(self.left, [Kind.MISSING])

    @property
    def doubled(self) -> int:
        """Orders of which something is there twice."""
        return _orders(self.left, DOUBLED)

    @property
    def differing(self) -> int:
        """Orders that differ in anything, lost and doubled ones included."""
        return int(self.left["entity_id"].nunique())

    @property
    def healed(self) -> int:
        """Orders that differed and do no longer."""
        return int(self.found["entity_id"].nunique()) - self.differing

    @property
    def proof(self) -> str:
        """The line that stands on every report."""
        listed = "listed" if self.differing else "none"
        line = (
            f"orders on Magento {self.on_magento}, in OMS {self.in_oms}, lost {self.lost}, doubled {self.doubled}, "
            f"differing {self.differing} ({listed})"
        )
        more = (
            (self.healed, "healed"),
            (self.kept, "waiting in quarantine"),
            (len(self.only_there.orders), "only at the courier"),
        )
        return "; ".join([line, *(f"{count} {name}" for count, name in more if count)])


def _orders(table: pd.DataFrame, kinds: Any) -> int:
    return int(table.loc[table["kind"].isin([str(kind) for kind in kinds]), "entity_id"].nunique())


def reconcile_store(
    url: str,
    magento: MagentoOrders,
    config: InstanceConfig,
    store: StoreConfig,
    *,
    start: datetime,
    end: datetime,
    open_account: OpenAccount,
    full: bool = False,
    dry_run: bool = False,
) -> Outcome | None:
    """Compare one store's orders placed in `[start, end)`; None where all of it lies before the store went live.

    Args:
        full: read every order, whatever counts say.
        dry_run: compare and tell only; nothing is healed.

    Raises:
        OutsideError: Magento cannot be read. A courier that cannot be read is named in the outcome.
    """
    live = max(start, store.live_from).astimezone(UTC).replace(microsecond=0)
    end = end.astimezone(UTC).replace(microsecond=0)
    if live >= end:
        return None
    outcome = Outcome(store, live, end, dry_run=dry_run)
    _Run(url, magento, config, store, outcome, open_account).run(full=full)
    return outcome


class _Run:
    def __init__(
        self,
        url: str,
        magento: MagentoOrders,
        config: InstanceConfig,
        store: StoreConfig,
        outcome: Outcome,
        open_account: OpenAccount,
    ) -> None:
        self._url = url
        self._magento = magento
        self._config = config
        self._store = store
        self._outcome = outcome
        self._open_account = open_account
        self._start, self._end = int(outcome.start.timestamp()), int(outcome.end.timestamp())
        self._ignored = tuple(store.statuses.ignore)
        self._found: list[pd.DataFrame] = []
        self._left: list[pd.DataFrame] = []

    def run(self, *, full: bool) -> None:
        """Compare Magento, then the couriers; then count what the OMS has."""
        outcome = self._outcome
        counted = self._count()
        outcome.on_magento, outcome.by_status = counted.on_magento, counted.by_status
        known, waiting = self._known()
        if full:
            self._compare_slice(counts.Slice(self._start, self._end, counted.on_magento), known, waiting)
        else:
            for part in _sample(known, self._start, self._end):
                self._compare_slice(part, known, waiting)
            self._compare_where_counts_differ(counted)
        self._look_up(self._differed_before())
        self._compare_couriers()
        self._compare_numbers()
        known, waiting = self._known()
        ours = known[~known["entity_id"].isin(waiting.ids)]
        outcome.in_oms, outcome.kept = len(ours), len(known) - len(ours)
        outcome.found = compare.joined(self._found).drop_duplicates(ignore_index=True)
        outcome.left = compare.joined(self._left).drop_duplicates(ignore_index=True)

    def _compare_where_counts_differ(self, counted: Counted) -> None:
        """Read what differs, and count again: what was healed may have hidden something else."""
        seen: set[tuple[int, int]] = set()
        for again in range(ROUNDS):
            fresh = [part for part in counted.to_read if (part.start, part.end) not in seen]
            for part in fresh:
                known, waiting = self._known()
                self._compare_slice(part, known, waiting)
                seen.add((part.start, part.end))
            if not fresh or self._outcome.dry_run or again == ROUNDS - 1:
                return
            counted = self._count()

    def _count(self) -> Counted:
        known, _ = self._known()
        counted = counts.find_slices(
            self._magento.count,
            known,
            store_id=self._store.store_id,
            start=self._start,
            end=self._end,
            ignored=self._ignored,
            page_size=self._config.page_size,
        )
        self._outcome.requests += counted.requests
        return counted

    def _known(self) -> tuple[pd.DataFrame, Kept]:
        with autocommit(self._url) as connection:
            waiting = sides.kept(connection, self._config)
            known = sides.known_frame(connection, self._config, self._store, self._start, self._end, waiting)
        return known, waiting

    # Magento ↔ OMS ------------------------------------------------------------------------------------------------

    def _compare_slice(self, part: counts.Slice, known: pd.DataFrame, waiting: Kept) -> None:
        """Read a slice whole, compare and heal it, some thousand orders at a time."""
        seen: set[int] = set()
        for read in self._chunks(part):
            seen |= read.payloads.keys()
            self._compare_orders(read, waiting)
        inside = known[(known["placed_at"] >= part.start) & (known["placed_at"] < part.end)]
        unseen = inside.loc[~inside["entity_id"].isin(seen), "entity_id"].tolist()
        self._look_up(sorted(set(map(int, unseen)) - waiting.ids))

    def _chunks(self, part: counts.Slice) -> Iterator[Read]:
        read = Read()
        where = part.where(self._store.store_id)
        for page in read_range(self._magento, None, where, page_size=self._config.page_size, by="entity_id"):
            self._outcome.requests += 1
            read.add(page, self._store)
            if len(read) >= CHUNK:
                yield read
                read = Read()
        if len(read):
            yield read

    def _compare_orders(self, read: Read, waiting: Kept) -> None:
        """Compare orders that were read whole; heal, and compare what was healed once more."""
        self._outcome.read |= read.payloads.keys()
        # Compared again, an order's latest comparison counts.
        self._left = [part[~part["entity_id"].isin(read.payloads.keys())] for part in self._left]
        found = self._differences(read, waiting)
        if self._outcome.dry_run or not len(found):
            self._note(found, found)
            return
        readable = found[found["kind"].isin([str(kind) for kind in BY_READING])]["entity_id"].unique().tolist()
        if readable:
            take_in(self._url, self._config, read.page(readable), decide_again=True)
        self._plan_what_nobody_asked(found[found["kind"] == str(Kind.AHEAD)]["entity_id"].unique().tolist())
        with autocommit(self._url) as connection:
            now_waiting = sides.kept(connection, self._config)
        left = self._differences(read, now_waiting)
        found = found[~found["entity_id"].isin(now_waiting.ids - waiting.ids)]
        self._note(self._without_motion(found, left, read), left)

    def _differences(self, read: Read, waiting: Kept) -> pd.DataFrame:
        magento_orders, magento_lines = read.frames()
        with autocommit(self._url) as connection:
            oms_orders, oms_lines = sides.oms_frames(connection, self._config.code, list(read.payloads))
        found = compare.differences(magento_orders, magento_lines, oms_orders, oms_lines)
        # In quarantine is not lost: a person knows of it.
        return found[~((found["kind"] == str(Kind.MISSING)) & found["entity_id"].isin(waiting.ids))]

    def _without_motion(self, found: pd.DataFrame, left: pd.DataFrame, read: Read) -> pd.DataFrame:
        """`found` without the orders that changed a moment ago and were healed by being read."""
        since = int((read.server_time - IN_MOTION).timestamp())
        young = {row[0] for row in read.orders if row[5] >= since} - set(left["entity_id"].tolist())
        return found[~found["entity_id"].isin(young)]

    def _look_up(self, entity_ids: Sequence[int]) -> None:
        """Orders that the OMS has and Magento did not list: asked for by their ids, for they may only have moved."""
        gone: list[int] = []
        for entity_id in entity_ids[:LOOKED_UP]:
            self._outcome.requests += 1
            try:
                page = self._magento.page_of(entity_id)
            except NotFound:
                gone.append(entity_id)
                continue
            read = Read()
            read.add(page, self._store)
            self._compare_orders(read, Kept(()))
        gone += entity_ids[LOOKED_UP:]
        if gone:
            with autocommit(self._url) as connection:
                stored, _ = sides.oms_frames(connection, self._config.code, gone)
            extra = compare.differences(*Read().frames(), stored, compare.frame([], compare.LINES))
            self._note(extra, extra)

    def _differed_before(self) -> list[int]:
        """Orders of the window that an earlier reconciliation left in quarantine, and that were not read just now."""
        outcome = self._outcome
        with autocommit(self._url) as connection:
            open_ones = reconciliation.differed(
                connection, self._config.code, self._store.store_id, outcome.start, outcome.end
            )
        return [entity_id for entity_id in open_ones if entity_id not in outcome.read]

    def _plan_what_nobody_asked(self, entity_ids: Sequence[int]) -> None:
        """Plan invoices and shipments that no effect ever stood for."""
        if not entity_ids:
            return
        with engine(self._url).begin() as connection:
            for row in reconciliation.never_asked(connection, self._config.code, entity_ids):
                stored = fulfilments.get(connection, row["fulfilment_id"], lock=True)
                if stored is None:
                    continue
                for wanted, plan in (
                    (row["invoice"], fulfilling.create_invoice),
                    (row["shipment"], fulfilling.create_shipment),
                ):
                    if wanted and effects.plan(connection, plan(self._config, stored), stored.order_id):
                        self._outcome.planned += 1

    def _note(self, found: pd.DataFrame, left: pd.DataFrame) -> None:
        self._found.append(found)
        self._left.append(left)

    # OMS ↔ couriers, and the OMS in itself ------------------------------------------------------------------------

    def _compare_couriers(self) -> None:
        outcome = self._outcome
        asked = couriers.ask(
            self._url,
            self._config.code,
            self._store.store_id,
            outcome.start,
            outcome.end,
            self._open_account,
            dry_run=outcome.dry_run,
        )
        outcome.parcels, outcome.courier_requests = len(asked.parcels), asked.requests
        outcome.unreadable = asked.unreadable
        left = compare.courier_differences(asked.parcels)
        learnt = asked.parcels[asked.parcels["awb"].isin(asked.moved)]
        before = learnt.assign(oms=learnt["awb"].map({awb: was for awb, (was, _) in asked.moved.items()}))
        healed = compare.courier_differences(before)
        self._note(compare.joined([healed[healed["kind"] == str(Kind.COURIER_STATE)], left]), left)
        if self._store.mode is Mode.LIVE:  # what others make at a store that we only watch is none of ours
            accounts = self._store.aggregators
            outcome.only_there = only_there.look(self._url, accounts, outcome.start, outcome.end, self._open_account)

    def _compare_numbers(self) -> None:
        outcome = self._outcome
        with autocommit(self._url) as connection:
            rows = reconciliation.increment_ids(
                connection, self._config.code, self._store.store_id, outcome.start, outcome.end
            )
        twice = compare.doubled_orders(pd.DataFrame.from_records(rows, columns=["entity_id", "increment_id"]))
        self._note(twice, twice)


def _sample(known: pd.DataFrame, start: int, end: int) -> list[counts.Slice]:
    """A stretch of the window that is read whole though counts agree: another one each day, round and round."""
    if not len(known):
        return []
    placed = known["placed_at"].sort_values(ignore_index=True)
    wanted = min(len(placed), max(SAMPLE_AT_LEAST, int(len(placed) * SAMPLE)))
    stretches = max(1, len(placed) // wanted)
    first = (datetime.now(UTC).toordinal() % stretches) * wanted
    last = min(first + wanted, len(placed)) - 1
    return [counts.Slice(int(placed[first]), min(int(placed[last]) + 1, end), wanted)]
