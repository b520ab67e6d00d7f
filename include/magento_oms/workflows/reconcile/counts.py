"""Counts first: in which slices of time Magento and the OMS can differ at all. A count costs Magento one row.

Compared are the number of orders, the number in each status, and how many changed since each of some moments. The last
ones cannot cancel each other out: a change that the OMS missed makes Magento's order younger than ours, never older.
What counts cannot show is in docs/reconciliation.md, with what closes the gap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pandas as pd

from magento_oms.ports import OrderFilter

Count = Callable[[OrderFilter], int]

MOMENTS = (3, 24)
"""How many moments are asked about: of a short window, and at the most."""
ORDERS_A_MOMENT = 400
LEAST_REQUESTS = 60
REQUEST_SHARE = 0.02
"""Where narrowing down has cost this share of the orders, what is left is read: the differences are everywhere."""

KNOWN = {"entity_id": "int64", "placed_at": "int64", "status": "str", "updated_at": "int64"}
"""Columns of what the OMS knows of a store's orders in a window: whole seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Orders placed in `[start, end)`, whole seconds since 1970, and how many of them Magento has."""

    start: int
    end: int
    orders: int

    def where(self, store_id: int, ignored: tuple[str, ...] = ()) -> OrderFilter:
        """The same for Magento."""
        return OrderFilter(
            store_ids=(store_id,),
            not_statuses=ignored,
            created_from=datetime.fromtimestamp(self.start, UTC),
            created_before=datetime.fromtimestamp(self.end, UTC),
        )


@dataclass(frozen=True, slots=True)
class Question:
    """What is counted: all orders, those in a status, or those changed since a moment."""

    status: str | None = None
    since: int | None = None

    def narrow(self, where: OrderFilter) -> OrderFilter:
        """The filter for Magento."""
        since = None if self.since is None else datetime.fromtimestamp(self.since, UTC)
        return OrderFilter(
            statuses=(self.status,) if self.status is not None else (),
            not_statuses=where.not_statuses,
            store_ids=where.store_ids,
            created_from=where.created_from,
            created_before=where.created_before,
            updated_from=since,
        )

    def of(self, known: pd.DataFrame) -> int:
        """What the OMS counts."""
        if self.status is not None:
            return int((known["status"] == self.status).sum())
        if self.since is not None:
            return int((known["updated_at"] >= self.since).sum())
        return len(known)


ALL = Question()


@dataclass(slots=True)
class Counted:
    """What counting found.

    Attributes:
        on_magento: orders there.
        by_status: status → (on Magento, in the OMS), of the statuses that the OMS knows.
        to_read: slices that differ; empty: everything that counts can show agrees.
        requests: how many it cost.
    """

    on_magento: int = 0
    by_status: dict[str, tuple[int, int]] = field(default_factory=dict)
    to_read: list[Slice] = field(default_factory=list)
    requests: int = 0


def find_slices(
    count: Count, known: pd.DataFrame, *, store_id: int, start: int, end: int, ignored: tuple[str, ...], page_size: int
) -> Counted:
    """Count the orders of a store placed in `[start, end)`, and narrow down where the sides differ.

    Args:
        known: what the OMS knows of them, see `KNOWN`; without those in a status to ignore.
        ignored: statuses that are not expected in the OMS.
        page_size: a slice of so many orders is read, not narrowed down further.
    """
    return _Search(count, store_id, ignored, page_size).run(known.sort_values("placed_at"), start, end)


class _Search:
    def __init__(self, count: Count, store_id: int, ignored: tuple[str, ...], page_size: int) -> None:
        self._count = count
        self._store_id = store_id
        self._ignored = ignored
        self._page_size = page_size
        self._found = Counted()
        self._limit = LEAST_REQUESTS

    def run(self, known: pd.DataFrame, start: int, end: int) -> Counted:
        whole = Slice(start, end, 0)
        questions = [ALL, *(Question(status=status) for status in sorted(known["status"].unique())), *_moments(known)]
        asked = {question: self._ask(question, whole) for question in questions}
        self._found.on_magento = asked[ALL]
        self._found.by_status = {
            question.status: (asked[question], question.of(known)) for question in questions if question.status
        }
        self._limit = max(LEAST_REQUESTS, int(asked[ALL] * REQUEST_SHARE))
        self._narrow(Slice(start, end, asked[ALL]), known, asked)
        return self._found

    def _narrow(self, part: Slice, known: pd.DataFrame, asked: dict[Question, int]) -> None:
        """Halve a slice that differs, until it is read with one request. The right half is what the left one leaves."""
        differing = [question for question, there in asked.items() if question.of(known) != there]
        if not differing:
            return
        spent = self._found.requests >= self._limit
        if part.orders <= self._page_size or part.end - part.start < 2 or spent:
            self._found.to_read.append(part)
            return
        middle = _middle(part, known)
        questions = [
            ALL,
            *_telling(differing, {question: asked[question] - question.of(known) for question in differing}),
        ]
        left = {question: self._ask(question, Slice(part.start, middle, 0)) for question in questions}
        right = {question: asked[question] - left[question] for question in questions}
        earlier = known["placed_at"] < middle
        self._narrow(Slice(part.start, middle, left[ALL]), known[earlier], left)
        self._narrow(Slice(middle, part.end, right[ALL]), known[~earlier], right)

    def _ask(self, question: Question, part: Slice) -> int:
        self._found.requests += 1
        return self._count(question.narrow(part.where(self._store_id, self._ignored)))


def _moments(known: pd.DataFrame) -> list[Question]:
    """Moments at equal shares of the OMS's own changes, and the one after the last of them: nothing may be younger."""
    if not len(known):
        return []
    fewest, most = MOMENTS
    wanted = min(most, max(fewest, len(known) // ORDERS_A_MOMENT))
    changes = known["updated_at"].sort_values(ignore_index=True)
    chosen = {int(changes.iloc[len(changes) * number // wanted]) for number in range(1, wanted)}
    return [Question(since=moment) for moment in sorted({*chosen, int(changes.iloc[-1]) + 1})]


def _telling(differing: list[Question], by: dict[Question, int]) -> list[Question]:
    """Of the questions that differ, those worth asking again: of moments that differ alike, one.

    Two differences may look alike so; the second is found when counts are compared again after the first is healed.
    """
    moments = {by[question]: question for question in differing if question.since is not None}
    return [*(question for question in differing if question.status is not None), *moments.values()]


def _middle(part: Slice, known: pd.DataFrame) -> int:
    """Where the OMS's orders are halved, else where the time is."""
    if len(known):
        median = int(known["placed_at"].iloc[len(known) // 2])
        if part.start < median < part.end:
            return median
    return (part.start + part.end) // 2
