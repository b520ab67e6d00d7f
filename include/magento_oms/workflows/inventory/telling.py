"""One portion of stock lines on its way to the store: only what the store knows, and none spoilt by a bad neighbour."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import structlog
from sqlalchemy import Engine

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import (
    AuthenticationError,
    ConfigurationError,
    NotFound,
    OutsideError,
    PermanentError,
    RateLimited,
    RetryableError,
    UnknownOutcome,
)
from magento_oms.ports.inventory import MagentoInventory, StockLine, TooManyLines
from magento_oms.storage import stock_facts, stock_ways
from magento_oms.storage.inventory import Came, Claimed, Outcome
from magento_oms.workflows.inventory.pools import Pool
from magento_oms.workflows.inventory.way import Lines, Way, legacy_instead

log = structlog.get_logger(__name__)

LOCKED_TRIES = 3
"""How often the same lines are sent again at once where the store's database was locked."""
ASK_A_DAY = timedelta(hours=1)
"""Until a SKU that the store does not know, or refuses, is tried again by itself."""
TROUBLE_LIMIT = 3
"""This many calls in a row without a good answer mean that the store as a whole is in trouble."""
COMPOSITE = frozenset({"configurable", "bundle", "grouped"})
"""Product types that have no stock of their own."""


@dataclass(frozen=True, slots=True)
class Line:
    """A claimed figure with the quantity to tell."""

    figure: Claimed
    quantity: Decimal


class Teller:
    """Tells a store, the way that it takes; may be used by several threads.

    Attributes:
        stop: nothing more is to be sent in this round.
        trouble: why, where the store as a whole is in trouble.
    """

    def __init__(
        self,
        engine: Engine,
        config: InstanceConfig,
        pools: Sequence[Pool],
        magento: MagentoInventory,
        way: Way,
        lines: Lines,
    ) -> None:
        self._engine = engine
        self._config = config
        self._pools = pools
        self._magento = magento
        self._lines = lines
        self._lock = threading.Lock()
        self._failures_in_a_row = 0
        self.way = way
        self.stop = False
        self.trouble: OutsideError | None = None

    def portion(self, waiting: int, at_once: int) -> int:
        """SKUs of the next portion."""
        with self._lock:
            most_sources = max(len(pool.sources) for pool in self._pools)
            return max(1, self._lines.of(waiting, at_once) // most_sources)

    def tell(self, lines: Sequence[Line]) -> list[Outcome]:
        """Tell a portion; what came of each line."""
        try:
            types = self._types([line for line in lines if not line.figure.seen])
        except OutsideError as error:
            self._see(error)
            return [_later(line, error) for line in lines]
        outcomes: list[Outcome] = []
        good: list[Line] = []
        for line in lines:
            if problem := "" if line.figure.seen else _problem(line.figure.sku, types):
                outcomes.append(Outcome(line.figure, Came.FAILED, again_in=ASK_A_DAY, problem=problem))
            else:
                good.append(line)
        if self.way is Way.STOCK_ITEMS:
            return outcomes + [each for line in good for each in self._send([line])]
        return outcomes + self._send(good)

    def _types(self, lines: Sequence[Line]) -> Mapping[str, str]:
        """Product types of SKUs, of the catalogue, else as the store tells."""
        skus = {line.figure.sku for line in lines}
        if not skus:
            return {}
        with self._engine.connect() as connection:
            known = stock_facts.catalogue_types(connection, self._config.code, skus)
        missing = skus - known.keys()
        return {**known, **self._magento.product_types(sorted(missing))} if missing else known

    def _send(self, lines: Sequence[Line], locked_tries: int = LOCKED_TRIES) -> list[Outcome]:
        """Send lines; what is refused together is sent apart, until the one that is refused is alone."""
        if not lines:
            return []
        if self.stop:
            return [Outcome(line.figure, Came.LATER, again_in=timedelta(0)) for line in lines]
        limit = self._lines.limit
        if self.way is Way.SOURCE_ITEMS and limit is not None and len(lines) > limit:
            return self._apart(lines, limit)
        started = time.monotonic()
        try:
            self._call(lines)
        except TooManyLines as error:
            with self._lock:
                self._lines.refused(min(error.limit, len(lines) - 1))
            return self._apart(lines, self._lines.limit or 1)
        except UnknownOutcome as error:
            self._see(error)
            with self._lock:
                self._lines.lost()
            return [Outcome(line.figure, Came.LOST, again_in=_pause(line)) for line in lines]
        except RetryableError as error:
            if error.status == 400:
                return self._again(lines, error, locked_tries)
            self._see(error)
            return [_later(line, error) for line in lines]
        except (ConfigurationError, AuthenticationError) as error:
            return self._other_way(lines, error)
        except OutsideError as error:
            self._see(error)
            return self._refused(lines, error)
        with self._lock:
            self._failures_in_a_row = 0
            if self.way is Way.SOURCE_ITEMS:
                self._lines.took(len(lines), time.monotonic() - started)
        return [Outcome(line.figure, Came.TOLD, line.quantity, seen=True) for line in lines]

    def _call(self, lines: Sequence[Line]) -> None:
        if self.way is Way.STOCK_ITEMS:
            [line] = lines
            self._magento.set_stock_item(line.figure.sku, line.quantity)
        else:
            self._magento.set_source_items(
                [StockLine(line.figure.sku, line.figure.source, line.quantity) for line in lines]
            )

    def _apart(self, lines: Sequence[Line], size: int) -> list[Outcome]:
        return [each for start in range(0, len(lines), size) for each in self._send(lines[start : start + size])]

    def _again(self, lines: Sequence[Line], error: RetryableError, tries: int) -> list[Outcome]:
        """The store's database was locked, most likely; a part may have been written, which does no harm."""
        if tries > 0:
            time.sleep(random.uniform(0.05, 0.3))  # noqa: S311  (not for secrets)
            return self._send(lines, tries - 1)
        if len(lines) > 1:
            middle = len(lines) // 2
            return self._send(lines[:middle], 1) + self._send(lines[middle:], 1)
        self._see(error)
        [line] = lines
        return [Outcome(line.figure, Came.FAILED, again_in=_pause(line), problem=str(error.what))]

    def _refused(self, lines: Sequence[Line], error: OutsideError) -> list[Outcome]:
        if len(lines) > 1:
            middle = len(lines) // 2
            return self._send(lines[:middle]) + self._send(lines[middle:])
        [line] = lines
        problem = _unknown(line.figure.sku) if isinstance(error, NotFound) else error.what
        return [Outcome(line.figure, Came.FAILED, again_in=ASK_A_DAY, problem=problem)]

    def _other_way(self, lines: Sequence[Line], error: OutsideError) -> list[Outcome]:
        """Source items are not there, or not permitted: take the legacy way for good, where that sells anything."""
        if self.way is Way.SOURCE_ITEMS and isinstance(error, ConfigurationError) and error.status in (401, 404):
            try:
                found = legacy_instead(self._pools, error)
            except ConfigurationError:
                pass
            else:
                log.warning("stock is told the legacy way", instance=self._config.code, why=found.why)
                with self._lock:
                    self.way = Way(found.way)
                    self._lines.now, self._lines.limit = found.lines, found.limit
                with self._engine.begin() as connection:
                    stock_ways.note_way(connection, self._config.code, self._config.digest, found)
                return [each for line in lines for each in self._send([line])]
        if len(lines) == 1 and self.way is Way.STOCK_ITEMS and error.status == 404 and "/" in lines[0].figure.sku:
            # Some web servers do not let an encoded slash through.
            return self._refused(lines, error)
        self._see(error)
        return [_later(line, error) for line in lines]

    def _see(self, error: OutsideError) -> None:
        """See whether the store as a whole is in trouble. One that refuses a line answers, so it is not."""
        with self._lock:
            if isinstance(error, PermanentError):
                self._failures_in_a_row = 0
                return
            self._failures_in_a_row += 1
            for_a_person = isinstance(error, (AuthenticationError, ConfigurationError))
            if for_a_person or isinstance(error, RateLimited) or self._failures_in_a_row >= TROUBLE_LIMIT:
                self.stop = True
                if not isinstance(error, RateLimited):
                    self.trouble = error


def _later(line: Line, error: OutsideError) -> Outcome:
    """Nothing was sent."""
    pause = timedelta(seconds=max(error.retry_after, 1.0)) if isinstance(error, RateLimited) else _pause(line)
    return Outcome(line.figure, Came.LATER, again_in=pause)


def _pause(line: Line) -> timedelta:
    """5 s, doubled with every failure, an hour at the most."""
    return timedelta(seconds=min(5.0 * 2 ** min(line.figure.tries, 10), 3600.0))


def _problem(sku: str, types: Mapping[str, str]) -> str:
    """Why a SKU cannot be told; empty: it can."""
    if sku not in types:
        return _unknown(sku)
    if types[sku] in COMPOSITE:
        return f"{sku} is a {types[sku]} product on Magento, which has no stock of its own: tell its parts."
    return ""


def _unknown(sku: str) -> str:
    return f"Magento has no product with the SKU {sku}. Create it there, or correct the SKU at the warehouse."
