"""What the other side has done, by its own ledger: the judge of the proofs. Nothing here is read from the OMS."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

import psycopg
from tests.contract.facts import Facts
from tests.contract.vendors import FACTS

from commerce_sandbox.documents import read_book

ZERO = Decimal(0)
OURS = re.compile(r"\[oms-[^\]]+\]")
REFERENCE = re.compile(r"^(?P<order>.+)-P(?P<parcel>\d+)(?:-(?P<generation>\d+))?$")


@dataclass(frozen=True)
class StoreOrder:
    """An order as the store has it.

    Attributes:
        ordered, invoiced, shipped, refunded, cancelled: item id → units, those of documents added up over them.
        ours: our references, in how many documents or comments each is.
        tracks: numbers, in how many shipments each is.
        store_credit: that was used, rupees.
        invoices_total: of all invoices, rupees.
    """

    entity_id: int
    increment_id: str
    state: str
    status: str
    grand_total: Decimal
    ordered: Mapping[int, Decimal]
    invoiced: Mapping[int, Decimal]
    shipped: Mapping[int, Decimal]
    refunded: Mapping[int, Decimal]
    cancelled: Mapping[int, Decimal]
    ours: Mapping[str, int]
    tracks: Mapping[str, int]
    store_credit: Decimal
    invoices_total: Decimal
    documents: Mapping[str, int]


@dataclass(frozen=True)
class CourierParcel:
    """An order at an aggregator. `cod` as the request said it; of a reverse pickup there is none."""

    account: str
    reference: str
    awb: str
    cancelled: bool
    cod: Decimal
    state: str

    @property
    def parcel(self) -> int:
        """Our parcel, by the reference."""
        found = REFERENCE.match(self.reference)
        assert found, self.reference
        return int(found["parcel"])

    @property
    def order(self) -> str:
        """Increment id."""
        found = REFERENCE.match(self.reference)
        assert found, self.reference
        return found["order"]


class Ledger(Protocol):
    """Both sides' own records."""

    def touched(self) -> set[int]:
        """Orders that something happened to since the last look."""
        ...

    def order(self, entity_id: int) -> StoreOrder:
        """An order with what was made of it."""
        ...

    def parcels(self) -> list[CourierParcel]:
        """What all courier accounts have."""
        ...

    def repeated(self) -> list[str]:
        """What the couriers did twice of one reference."""
        ...


def store_order(
    order: Mapping[str, Any],
    invoices: Iterable[Mapping[str, Any]],
    shipments: Iterable[Mapping[str, Any]],
    memos: Iterable[Mapping[str, Any]],
) -> StoreOrder:
    """What there is of an order, from its documents."""
    invoices, shipments, memos = list(invoices), list(shipments), list(memos)
    items = [row for row in order["items"] if not row.get("parent_item_id")]
    everything = order["items"]
    texts = [
        *(row.get("comment") for row in order.get("status_histories") or ()),
        *(row.get("comment") for document in (*invoices, *shipments, *memos) for row in document.get("comments") or ()),
    ]
    return StoreOrder(
        entity_id=int(order["entity_id"]),
        increment_id=str(order["increment_id"]),
        state=str(order["state"]),
        status=str(order["status"]),
        grand_total=_number(order["grand_total"]),
        ordered={int(row["item_id"]): _number(row["qty_ordered"]) for row in everything},
        invoiced=_sums(invoices),
        shipped=_sums(shipments),
        refunded=_sums(memos),
        cancelled={int(row["item_id"]): _number(row.get("qty_canceled")) for row in items},
        ours=Counter(reference for each in texts for reference in OURS.findall(str(each or ""))),
        tracks=Counter(str(track["track_number"]) for each in shipments for track in each.get("tracks") or ()),
        store_credit=abs(_number((order.get("extension_attributes") or {}).get("amstorecredit_amount"))),
        invoices_total=sum((_number(each.get("grand_total")) for each in invoices), ZERO),
        documents={
            "invoices": len(invoices),
            "shipments": len(shipments),
            "credit memos by others": sum(not OURS.search(str(each.get("comments"))) for each in memos),
        },
    )


def _sums(documents: Iterable[Mapping[str, Any]]) -> dict[int, Decimal]:
    found: dict[int, Decimal] = {}
    for document in documents:
        for row in document.get("items") or ():
            item = int(row["order_item_id"])
            found[item] = found.get(item, ZERO) + _number(row["qty"])
    return found


def _number(value: Any) -> Decimal:
    return Decimal(str(value or 0))


class SandboxLedger:
    """The sandbox's ledger, read from its own database.

    Args:
        accounts: account code → aggregator.
    """

    def __init__(self, url: str, instance: str, accounts: Mapping[str, str]) -> None:
        self._connection = psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://"), autocommit=True)
        self._instance = instance
        self._accounts = dict(accounts)
        self._seen = 0

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def touched(self) -> set[int]:
        rows = self._connection.execute(
            "select id, order_id from sandbox_effect where instance = %s and id > %s and order_id is not null",
            (self._instance, self._seen),
        ).fetchall()
        self._seen = max([self._seen, *(row[0] for row in rows)])
        return {int(row[1]) for row in rows}

    def order(self, entity_id: int) -> StoreOrder:
        book = read_book(self._connection, self._instance, entity_id, lock=False)
        assert book is not None, entity_id
        return store_order(book.order, book.invoices, book.shipments, book.creditmemos)

    def parcels(self) -> list[CourierParcel]:
        rows = self._connection.execute(
            "select p.account, p.reference, p.awb, p.state, p.direction, p.document,"
            " exists (select from courier_effect e"
            "  where e.account = p.account and e.reference = p.reference and e.kind = 'cancel')"
            " from courier_parcel p where p.account = any(%s) order by p.id",
            (list(self._accounts),),
        ).fetchall()
        return [
            CourierParcel(
                account,
                reference,
                awb or "",
                bool(cancelled),
                ZERO if direction == "reverse" else _collected(FACTS[self._accounts[account]], document["request"]),
                state,
            )
            for account, reference, awb, state, direction, document, cancelled in rows
        ]

    def repeated(self) -> list[str]:
        rows = self._connection.execute(
            "select account, kind, reference, count(*) from courier_effect"
            " where account = any(%s) and kind in ('order', 'awb') group by 1, 2, 3 having count(*) > 1",
            (list(self._accounts),),
        ).fetchall()
        return [f"{account}: {kind} of {reference} {times} times" for account, kind, reference, times in rows]

    def calls(self) -> int:
        """Calls that the store and the couriers answered."""
        row = self._connection.execute(
            "select (select count(*) from sandbox_ledger where instance = %s and method <> 'HAND')"
            " + (select count(*) from courier_call where account = any(%s))",
            (self._instance, list(self._accounts)),
        ).fetchone()
        assert row is not None
        return int(row[0])


def _collected(facts: Facts, request: Mapping[str, Any]) -> Decimal:
    amount, is_cod = facts.collected(request)
    return Decimal(str(amount)) if is_cod and str(is_cod).lower() != "false" else ZERO
