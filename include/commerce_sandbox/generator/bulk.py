"""A million orders in a minute: a few hundred real ones as JSON text, with ids, numbers, times and shoppers filled in.

For filling a database. Each text is a whole order document that adds up; only ids, increment ids, times and e-mail
addresses differ between two orders of one template.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from commerce_sandbox.generator.orders import OrderGenerator
from commerce_sandbox.magento_rules.book import PAYMENT_METHODS, STATUSES, Document, RuleSwitches
from commerce_sandbox.magento_rules.numbers import stamp
from commerce_sandbox.magento_rules.stock_book import MemoryStockBook

_FIRST_MARK = 7_000_000_000_000
_MARKS_PER_KIND = 1_000_000
_TIME = datetime(2999, 12, 31, tzinfo=UTC)
_SLOT = re.compile(r"7\d{12}|2999-12-31 00:00:00|shopper\d+@")


@dataclass(frozen=True, slots=True)
class BulkOrder:
    """One order of a bulk: what a table keeps beside the document, and the documents as JSON text.

    Attributes:
        created_at: aware UTC, whole seconds; also `updated_at`.
        order: the order's JSON.
        invoices: the JSON of its invoices.
    """

    entity_id: int
    increment_id: str
    store_id: int
    state: str
    status: str
    created_at: datetime
    order: str
    invoices: tuple[str, ...]


def bulk(
    count: int,
    *,
    seed: int = 0,
    templates: int = 200,
    first_ids: Mapping[str, int] | None = None,
    start: datetime = datetime(2025, 1, 1, tzinfo=UTC),
    every: timedelta = timedelta(seconds=31),
    generator: OrderGenerator | None = None,
) -> Iterator[BulkOrder]:
    """So many orders, one `every` so often from `start` on.

    Args:
        count: how many.
        seed: the same seed makes the same orders.
        templates: how many different orders they are copies of.
        first_ids: the first id by kind, as `Context.next_id` names them; 1 if left out.
        start: placing time of the first, aware UTC.
        every: time between two.
        generator: makes the templates; one of the same seed if left out.
    """
    maker = generator or OrderGenerator(seed)
    made = [_Template(maker) for _ in range(min(templates, count))]
    ids = dict(first_ids or {})
    at = start
    for number in range(count):
        yield made[number % len(made)].fill(ids, at)
        at += every


class _Marks:
    """A context whose ids are marks that can be found again in a text."""

    now = _TIME
    rules = RuleSwitches()
    statuses = STATUSES
    payment_methods = PAYMENT_METHODS
    stock = MemoryStockBook()

    def __init__(self) -> None:
        self.used: dict[str, int] = {}
        self._kinds: list[str] = []

    def next_id(self, kind: str) -> int:
        """The next mark of a kind."""
        if kind not in self.used:
            self.used[kind] = 0
            self._kinds.append(kind)
        self.used[kind] += 1
        return _FIRST_MARK + self._kinds.index(kind) * _MARKS_PER_KIND + self.used[kind] - 1

    def next_increment(self, kind: str, store_id: int) -> str:
        """A mark as well; it is written as an increment id when the text is filled in."""
        return str(self.next_id(f"{kind} increment {store_id}"))

    def meaning(self, mark: int) -> tuple[str, int] | None:
        """The kind of a mark and how many of its kind came before it; None for a number that is no mark."""
        index, before = divmod(mark - _FIRST_MARK, _MARKS_PER_KIND)
        return (self._kinds[index], before) if index < len(self._kinds) else None


_Piece = str | tuple[str, int]


class _Template:
    """One order's texts, cut at everything that changes."""

    def __init__(self, maker: OrderGenerator) -> None:
        self._marks = _Marks()
        book = maker.order(self._marks)
        self._order = self._cut(book.order)
        self._invoices = [self._cut(invoice) for invoice in book.invoices]
        self._store_id = int(book.order["store_id"])
        self._state, self._status = str(book.order["state"]), str(book.order["status"])

    def fill(self, ids: dict[str, int], at: datetime) -> BulkOrder:
        """The template with the next ids (counted on in `ids`) and a time."""
        used = self._marks.used
        base = {kind: ids.get(kind, 1) for kind in used}
        for kind, number in used.items():
            ids[kind] = base[kind] + number
        time, shopper = stamp(at), f"shopper{base['order']}@"
        return BulkOrder(
            entity_id=base["order"],
            increment_id=_increment(base[f"order increment {self._store_id}"], self._store_id),
            store_id=self._store_id,
            state=self._state,
            status=self._status,
            created_at=at,
            order=self._filled(self._order, base, time, shopper),
            invoices=tuple(self._filled(invoice, base, time, shopper) for invoice in self._invoices),
        )

    def _cut(self, document: Document) -> list[_Piece]:
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        pieces: list[_Piece] = []
        end = 0
        for slot in _SLOT.finditer(text):
            found = slot.group()
            if found.startswith("shopper"):
                piece = ("shopper", 0)
            elif found.startswith("2999"):
                piece = ("time", 0)
            else:
                meaning = self._marks.meaning(int(found))
                if meaning is None:
                    continue
                piece = meaning
            pieces += [text[end : slot.start()], piece]
            end = slot.end()
        return [*pieces, text[end:]]

    def _filled(self, pieces: list[_Piece], base: dict[str, int], time: str, shopper: str) -> str:
        filled = []
        for piece in pieces:
            if isinstance(piece, str):
                filled.append(piece)
                continue
            kind, offset = piece
            if kind == "time":
                filled.append(time)
            elif kind == "shopper":
                filled.append(shopper)
            elif " increment " in kind:
                filled.append(_increment(base[kind] + offset, self._store_id))
            else:
                filled.append(str(base[kind] + offset))
        return "".join(filled)


def _increment(number: int, store_id: int) -> str:
    return f"{store_id if store_id > 1 else ''}{number:09d}"
