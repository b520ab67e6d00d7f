"""What may come after, or against, an order's way out: cancellations by anybody, returns, RTO, exchanges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tests.lives.scene import Scene

from magento_oms.domain.returns import ReturnSource
from magento_oms.storage.database import engine
from magento_oms.workflows import quarantine_care
from magento_oms.workflows.cancellation_pull import pull_cancellations
from magento_oms.workflows.cancelling.seller import ask_to_cancel_units
from magento_oms.workflows.returns import exchange
from magento_oms.workflows.returns.cancel import cancel
from magento_oms.workflows.returns.judged import settle
from magento_oms.workflows.returns.place import AskedReturn, Placed, place
from magento_oms.workflows.returns.receive import Verdict, receive
from magento_oms.workflows.returns.sync import sync

A_DAY = timedelta(days=1)


@dataclass
class WholeScene(Scene):
    """See the module.

    Attributes:
        told: whether a location has told its stock since the judge looked.
        asked: returns that were placed: order id and what was asked, by code.
    """

    told: bool = False
    asked: dict[str, tuple[int, AskedReturn]] = field(default_factory=dict)

    def stock(self, location: str, units: Mapping[str, Decimal]) -> None:
        self.told = True
        super().stock(location, units)

    def seller_cancels_units(self, order_id: int, totals: Mapping[int, Decimal]) -> None:
        """The seller will not ship some units."""
        with engine(self.oms.url).begin() as connection:
            ask_to_cancel_units(connection, self.config, order_id, totals, "broken", by="test")

    def pull_cancellations(self) -> None:
        """The net below live reading."""
        now = datetime.now(UTC)
        pull_cancellations(
            self.oms.url, self.outside.store, self.config, start=now - A_DAY, end=now + A_DAY, run_id="test"
        )

    def sync_returns(self) -> None:
        """Credit memos are read; what was left open is mended."""
        now = datetime.now(UTC)
        sync(self.oms.url, self.outside.store, self.config, start=now - A_DAY, end=now + A_DAY, run_id="test")

    def give_back(self, order_id: int, asked: AskedReturn) -> Placed:
        """A return is asked for."""
        with engine(self.oms.url).begin() as connection:
            placed = place(connection, self.config, order_id, asked, source=ReturnSource.API, by="test")
        self.asked[asked.return_code] = (order_id, asked)
        return placed

    def take_in(self, return_id: int, verdicts: Sequence[Verdict]) -> None:
        """A warehouse receives, and checks."""
        with engine(self.oms.url).begin() as connection:
            receive(connection, return_id, verdicts, by="test")
            settle(connection, self.config, return_id)

    def call_off(self, return_id: int, codes: Sequence[str] | None) -> None:
        """A return is called off, or units of it."""
        with engine(self.oms.url).begin() as connection:
            cancel(connection, return_id, codes, "kept after all", by="test")
            settle(connection, self.config, return_id)

    def decide_exchange(self, return_id: int, *, release: bool) -> None:
        """A person decides about a replacement."""
        with engine(self.oms.url).begin() as connection:
            exchange.decide(connection, self.config, return_id, release=release, by="test")

    def dismiss_refused(self, kinds: Sequence[str]) -> None:
        """A person has done in Magento's admin what its API refuses, and gives up the effects."""
        for row in self.oms.rows(
            "select q.id from quarantine q join effect e on e.id = q.effect_id"
            " where q.resolved_at is null and e.state = 'failed' and e.kind = any(:kinds)",
            kinds=list(kinds),
        ):
            entry = quarantine_care.open_entry(self.oms.url, row["id"])
            quarantine_care.dismiss(self.oms.url, entry, reason="done in the admin", by="test")
