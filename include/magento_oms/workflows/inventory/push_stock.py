"""Telling Magento what may be sold: SKUs whose figure changed, each as it is now, the way that the store takes it.

A push drains, then waits a little for more. It may be killed anywhere: what it was about to tell is told again, and
once more after the longest time that Magento may have been at it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from itertools import chain

import structlog

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import OutsideError, RetryableError
from magento_oms.ports.inventory import MagentoInventory
from magento_oms.storage import holds, instances, inventory, stock_ways
from magento_oms.storage.database import engine, text
from magento_oms.storage.inventory import Came, Claimed, Outcome, PoolRows
from magento_oms.storage.stock_writer import Writer, writer
from magento_oms.workflows.inventory.figures import figures
from magento_oms.workflows.inventory.pools import Pool, told_pools
from magento_oms.workflows.inventory.telling import Line, Teller
from magento_oms.workflows.inventory.verify import verify
from magento_oms.workflows.inventory.way import AT_ONCE, Lines, Way, learn
from magento_oms.workflows.turns import NO_LINGER, Linger, turn

log = structlog.get_logger(__name__)

LONGEST_CALL = timedelta(minutes=4)
"""Longer than a claimed figure can wait for its call and the call can take."""
SOON = timedelta(seconds=1)
"""Until a SKU is looked at again of which a shipment is being sent."""


@dataclass(slots=True)
class StockSummary:
    """What a push did, for people: SKUs at sources. `same`: Magento has the figure; `later`: nothing was sent."""

    instance: str
    way: str = ""
    told: int = 0
    same: int = 0
    later: int = 0
    refused: int = 0
    lost: int = 0
    verified: int = 0
    differed: int = 0
    changes: int = 0
    lines_a_call: int = 0
    seconds: float = 0.0
    held: str = ""
    not_told: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, object]:
        """Without what is empty."""
        return {name: value for name, value in asdict(self).items() if value not in ("", [], 0)} | {"told": self.told}

    def count(self, outcomes: Collection[Outcome]) -> None:
        """Add what came of some figures."""
        names = {Came.TOLD: "told", Came.SAME: "same", Came.LATER: "later", Came.FAILED: "refused", Came.LOST: "lost"}
        for outcome in outcomes:
            name = names[outcome.came]
            setattr(self, name, getattr(self, name) + 1)


def push_stock(
    url: str,
    config: InstanceConfig,
    magento: MagentoInventory,
    *,
    holder: str,
    linger: Linger = NO_LINGER,
    settle_delay: timedelta | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> StockSummary:
    """Tell an instance what changed, then wait a little for more.

    Raises:
        AnotherRunHasTheTurn: another push does it already.
        OutsideError: the store as a whole is in trouble; what came of every figure was written down before.
    """
    summary, target = StockSummary(config.code), inventory.target(config.code)
    mine = turn(
        url, target, signal=inventory.signal(config.code), holder=holder, linger=linger, look_every=1.0, clock=clock
    )
    with mine as my_turn:
        with engine(url).begin() as connection:
            instances.configure(connection, config)
        while my_turn.goes_on():
            told = stopped = False
            with engine(url).begin() as connection:
                due = inventory.anything_due(connection, config.code)
            with writer(url, config.code) if due else nullcontext() as pen:
                if pen is not None:
                    push = _Push(url, config, magento, summary, pen, settle_delay)
                    told = push.tell()
                    if push.trouble is not None:
                        raise push.trouble
                    stopped = push.stopped
            if stopped or summary.held:
                break
            my_turn.rest(worked=told)
    summary.seconds = my_turn.seconds()
    return summary


def push_skus(
    url: str,
    config: InstanceConfig,
    magento: MagentoInventory,
    skus: Collection[str],
    *,
    settle_delay: timedelta | None = None,
    patience: float = 60.0,
) -> StockSummary:
    """Tell an instance these SKUs now, whatever it is thought to have.

    Raises:
        RetryableError: another push was at work for longer than `patience` seconds; the SKUs are due, it tells them.
        OutsideError: the store as a whole is in trouble.
    """
    started, summary = time.monotonic(), StockSummary(config.code)
    with engine(url).begin() as connection:
        instances.configure(connection, config)
        inventory.look_again(connection, config.code, skus)
    while True:
        with writer(url, config.code) as pen:
            if pen is not None:
                push = _Push(url, config, magento, summary, pen, settle_delay)
                push.tell(only=skus)
                summary.seconds = round(time.monotonic() - started, 2)
                if push.trouble is not None:
                    raise push.trouble
                return summary
        if time.monotonic() - started > patience:
            raise RetryableError(
                f"Another push tells {config.code} its stock for longer than {patience:g} s.",
                way_out="It tells these SKUs as well.",
            )
        time.sleep(0.5)


class _Push:
    """One round: everything that is due, as it is now."""

    def __init__(
        self,
        url: str,
        config: InstanceConfig,
        magento: MagentoInventory,
        summary: StockSummary,
        writer: Writer,
        settle_delay: timedelta | None,
    ) -> None:
        self._engine = engine(url)
        self._config = config
        self._magento = magento
        self._summary = summary
        self._writer = writer
        self._settle_delay = settle_delay or timedelta(seconds=config.settle_delay_seconds)
        self._pools = told_pools(config)
        self._rows = [PoolRows(pool.sources, pool.all_locations) for pool in self._pools]
        self._pool_of = {source: pool for pool in self._pools for source in pool.sources}
        self._busy: set[str] = set()
        self.trouble: OutsideError | None = None
        self.stopped = False

    def tell(self, only: Collection[str] | None = None) -> bool:
        """Tell what is due; whether there was anything."""
        code = self._config.code
        with self._writer.begin() as connection:
            held = holds.held(connection, inventory.target(code)) or holds.held(connection, f"magento:{code}")
            self._summary.held = held or ""
            if held:
                return False
            inventory.let_go(connection, code, self._pool_of)
        if not self._take_changes() or not self._pools:
            return False
        try:
            way = learn(self._writer.begin, self._config, self._pools, self._magento)
        except OutsideError as error:
            self._fail(error)
            return True
        lines = Lines(way.lines, way.limit)
        teller = Teller(self._engine, self._config, self._pools, self._magento, Way(way.way), lines)
        self._summary.way = teller.way
        told = self._tell_with(teller, only)
        if (lines.now, lines.limit) != (way.lines, way.limit):
            with self._engine.begin() as connection:
                stock_ways.note_lines(connection, code, lines.now, lines.limit)
        self._summary.lines_a_call, self._summary.way = lines.now, teller.way
        if told and self.trouble is None:
            self._verify(teller, told)
        return True

    def _take_changes(self) -> bool:
        """Make due what changed; whether anything is due."""
        while True:
            with self._writer.begin() as connection:
                taken = inventory.take_changes(
                    connection, self._config.code, self._rows, settle_delay=self._settle_delay
                )
                due = inventory.count_due(connection, self._config.code)
            self._summary.changes += taken
            if taken < inventory.TAKE:
                return due > 0

    def _tell_with(self, teller: Teller, only: Collection[str] | None) -> list[Line]:
        """Keep all connections busy until nothing is due; what was told."""
        told: list[Line] = []
        at_once = AT_ONCE[teller.way]
        with ThreadPoolExecutor(at_once, thread_name_prefix="stock") as workers:
            in_flight: dict[Future[list[Outcome]], set[str]] = {}
            while True:
                # First a portion for each connection, then one more for each: calls that are alike end together, and
                # none waits for the database then.
                while len(in_flight) < 2 * at_once and self.trouble is None and not teller.stop:
                    more, portions = self._next(teller, at_once, max(1, at_once - len(in_flight)), only)
                    for portion in portions:
                        skus = {line.figure.sku for line in portion}
                        self._busy |= skus
                        in_flight[workers.submit(teller.tell, portion)] = skus
                    if not more:
                        break
                if not in_flight:
                    break
                done = wait(in_flight, return_when=FIRST_COMPLETED).done
                outcomes = [outcome for future in done for outcome in future.result()]
                self._settle(outcomes)
                self._busy.difference_update(*(in_flight.pop(future) for future in done))
                told += [
                    Line(each.figure, each.quantity)
                    for each in outcomes
                    if each.came is Came.TOLD and each.quantity is not None
                ]
        self.stopped = teller.stop
        if teller.trouble is not None:
            self._fail(teller.trouble)
        return told

    def _next(
        self, teller: Teller, at_once: int, wanted: int, only: Collection[str] | None
    ) -> tuple[bool, list[list[Line]]]:
        """Whether more may be due, and the next portions to tell, at most so many, claimed together."""
        code = self._config.code
        if not self._writer.still_mine():
            self._fail(RetryableError(f"The database session that tells {code} its stock has ended."))
            return False, []
        with self._writer.begin() as connection:
            held = holds.held(connection, inventory.target(code)) or holds.held(connection, f"magento:{code}")
            if held:
                self._summary.held = held
                return False, []
            portion = teller.portion(inventory.count_due(connection, code, but=self._busy), at_once)
            claimed = inventory.claim(
                connection,
                code,
                self._pool_of,
                limit=portion * wanted,
                lease=LONGEST_CALL + self._settle_delay,
                busy=self._busy,
                only=only,
            )
        more = len({figure.sku for figure in claimed}) == portion * wanted
        return more, _portions(self._as_they_are(claimed), portion) if claimed else []

    def _as_they_are(self, claimed: list[Claimed]) -> list[Line]:
        """Figures as they are now, after their claim was committed; settles those that need not be told."""
        by_pool: dict[str, tuple[Pool, set[str]]] = {}
        for figure in claimed:
            pool = self._pool_of[figure.source]
            by_pool.setdefault(pool.sources[0], (pool, set()))[1].add(figure.sku)
        with self._writer.begin() as connection:
            connection.execute(text("set transaction isolation level repeatable read read only"))
            shipping = inventory.being_shipped(connection, self._config.code)
            now = {key: figures(connection, pool, skus) for key, (pool, skus) in by_pool.items()}
        lines: list[Line] = []
        settled: list[Outcome] = []
        for figure in claimed:
            found = now[self._pool_of[figure.source].sources[0]].get(figure.sku)
            if figure.sku in shipping:
                settled.append(Outcome(figure, Came.LATER, again_in=SOON))
            elif found is None:
                settled.append(Outcome(figure, Came.SAME))
            elif figure.unsettled or found.quantity(figure.source) != figure.told:
                lines.append(Line(figure, found.quantity(figure.source)))
            else:
                settled.append(Outcome(figure, Came.SAME))
        self._settle(settled)
        return lines

    def _settle(self, outcomes: list[Outcome]) -> None:
        if not outcomes:
            return
        with self._engine.begin() as connection:
            inventory.settle(connection, self._config.code, outcomes, settle_delay=self._settle_delay)
        self._summary.count(outcomes)

    def _verify(self, teller: Teller, told: list[Line]) -> None:
        """Read a sample back."""
        try:
            checked = verify(self._magento, teller.way, told)
        except OutsideError as error:
            log.warning("what was told could not be read back", instance=self._config.code, error=error.what)
            return
        self._summary.verified += checked.looked_at
        self._summary.differed += len(checked.different)
        if checked.different:
            with self._engine.begin() as connection:
                for line, problem in checked.different.items():
                    inventory.doubt(connection, self._config.code, [line], problem=problem)
        if checked.trouble is not None:
            self._fail(checked.trouble)

    def _fail(self, error: OutsideError) -> None:
        self.trouble = error
        self._summary.trouble.append(str(error))


def _portions(lines: Iterable[Line], skus: int) -> list[list[Line]]:
    """Lines in portions of so many SKUs; a SKU's sources stay together, so that only one call at a time tells it."""
    by_sku: dict[str, list[Line]] = {}
    for line in lines:
        by_sku.setdefault(line.figure.sku, []).append(line)
    each = list(by_sku.values())
    return [list(chain(*each[first : first + skus])) for first in range(0, len(each), skus)]
