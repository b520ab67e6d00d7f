"""A `Context` in memory, for tests and for making orders before there is a store to keep them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from commerce_sandbox.magento_rules.book import PAYMENT_METHODS, STATUSES, PaymentMethod, RuleSwitches, Statuses
from commerce_sandbox.magento_rules.stock_book import MemoryStockBook


@dataclass(slots=True)
class MemoryContext:
    """Counters, a clock that stands still until told to go on, and stock in memory.

    Attributes:
        now: aware UTC.
        next_ids: the next id by kind; kinds that are not listed start at 1.
    """

    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    rules: RuleSwitches = field(default_factory=RuleSwitches)
    statuses: Statuses = STATUSES
    payment_methods: Mapping[str, PaymentMethod] = field(default_factory=lambda: PAYMENT_METHODS)
    stock: MemoryStockBook = field(default_factory=MemoryStockBook)
    next_ids: dict[str, int] = field(default_factory=dict)

    def next_id(self, kind: str) -> int:
        """See `Context`."""
        number = self.next_ids.get(kind, 1)
        self.next_ids[kind] = number + 1
        return number

    def next_increment(self, kind: str, store_id: int) -> str:
        """See `Context`. The first store view's numbers have no prefix, the others' start with their id."""
        number = self.next_id(f"{kind} increment {store_id}")
        return f"{store_id if store_id > 1 else ''}{number:09d}"

    def pass_time(self, seconds: float = 1) -> None:
        """Let the clock go on."""
        self.now += timedelta(seconds=seconds)
