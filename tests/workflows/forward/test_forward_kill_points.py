"""A worker is SIGKILLed at every point of an order's forward life; running everything again makes it whole.

The points are every write, every commit and every call of what is outside. A worker dies before each of them: what it
did since the point before was only in its memory.
"""

from __future__ import annotations

import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.workflows.forward.conftest import Forward, goods
from tests.workflows.forward.forward_kill_child import CANCELLED, CONFIG, SHIPPED, STEPS, Life, World
from tests.workflows.test_kill_points import KILLED, NOT_COMPARED, Workers, said, started

from magento_oms.documents.read_back import texts
from magento_oms.local.postgres import PostgresServer
from magento_oms.storage import instances
from magento_oms.storage.database import close_connections, engine

__all__ = ["said"]

CHANGING = (
    *("add_comment", "set_status", "invoice", "ship", "refund_in_admin", "refund"),
    *("create_order", "schedule_pickup", "cancel_order", "create_return", "cancel_return", "post"),
)
"""Calls that change something outside."""
IDS_WITHOUT_GAPS = """
do $$
declare found record;
begin
  for found in select table_name as name from information_schema.columns
               where table_schema = 'public' and column_name = 'id' and is_identity = 'YES'
  loop
    execute format('select setval(pg_get_serial_sequence(%L, ''id''), coalesce(max(id), 0) + 1, false) from %I',
                   found.name, found.name);
  end loop;
end $$
"""
"""What was rolled back used ids up, which are in references and subjects: without gaps two lives can be compared."""


class Proof:
    """One order, taken in and with its goods in stock, that lives again and again from there.

    Attributes:
        points: of a life that nobody disturbs.
        expected: what is at the end of it.
    """

    config = CONFIG
    world: type[World] = World
    known_steps: Mapping[str, Callable[[Any], object]] = STEPS

    def __init__(
        self, server: PostgresServer, workers: Workers, said: Path, first: str, folder: Path, steps: Sequence[str]
    ) -> None:
        self._server = server
        self._workers = workers
        self._said = said
        self._first = first
        self._folder = folder
        self._steps = steps
        self._begin()
        with self._life() as life:
            passed = folder / "points"
            assert workers.run(replace(life, points_file=str(passed))) == 0, said.read_text()
            self.points = passed.read_text().splitlines()
            self.expected = self.outcome(self._forward(life))

    def after_death_before(self, point: str) -> dict[str, Any]:
        """What is at the end of a life that is killed before a point, and of which everything is run again."""
        with self._life() as life:
            assert self._workers.run(replace(life, point=point)) == KILLED, point + self._said.read_text()
            forward = self._forward(life)
            forward.oms.run("update lease set expires_at = now() - interval '1 second'")
            forward.oms.kill_workers()
            forward.oms.run(IDS_WITHOUT_GAPS)
            for step in self._steps:
                self.known_steps[step](forward)
            return self.outcome(forward)

    def begin(self, forward: Any) -> None:
        """What there is before the steps."""
        forward.stock("pune", KURTA=5, SAREE=5)
        forward.place(goods("KURTA", "SAREE"), shipping_amount=50)

    def outcome(self, forward: Any) -> dict[str, Any]:
        """What is at the end."""
        return outcome(forward)

    def _begin(self) -> None:
        url = self._server.url(self._first)
        with engine(url).begin() as connection:
            instances.configure(connection, self.config)
        world = self.world(self._folder / "first")
        self.begin(world.forward(url))
        world.save()
        close_connections(url)

    @contextmanager
    def _life(self) -> Iterator[Life]:
        """An OMS and a world of its own, as they are at first."""
        name = f"kill_{secrets.token_hex(6)}"
        url = self._server.create_database(name, template=self._first)
        world = shutil.copy(self._folder / "first", self._folder / name)
        try:
            yield Life(url, str(world), self._steps)
        finally:
            close_connections(url)
            self._server.drop_database(name)

    def _forward(self, life: Life) -> Any:
        """What there is of a life now."""
        return self.world(Path(life.world)).forward(life.oms_url)


@pytest.fixture(scope="module")
def workers(said: Path) -> Iterator[Workers]:
    """A warm process that forks the workers, so that each begins within milliseconds."""
    with said.open("a") as log, started(["-m", "tests.workflows.forward.forward_kill_child"], log) as process:
        yield Workers(process)


@pytest.fixture
def proof_of(
    postgres_server: PostgresServer, _migrated: str, workers: Workers, said: Path, tmp_path: Path
) -> Iterator[Callable[[Sequence[str]], Proof]]:
    """Makes the proof of a life of these steps."""
    first = f"first_{secrets.token_hex(6)}"
    postgres_server.create_database(first, template=_migrated)
    yield lambda steps: Proof(postgres_server, workers, said, first, tmp_path, steps)
    close_connections(postgres_server.url(first))
    postgres_server.drop_database(first)


def outcome(forward: Forward) -> dict[str, Any]:
    """What is at the end, inside and outside, but for when and in which order it came to be so."""
    rows = forward.oms.rows
    store = forward.store
    return {
        "orders and lines": [
            {name: value for name, value in row.items() if name not in NOT_COMPARED} for row in forward.oms.business()
        ],
        "fulfilments": [
            (row["number"], row["location"], row["state"], row["shipment_id"], row["lines"])
            for row in forward.fulfilments()
        ],
        "fulfilment lines": rows("select item_id, quantity, packed, shipped from fulfilment_line order by 1"),
        "stock": rows("select location, sku, quantity, reserved from stock order by 1, 2"),
        "effects": sorted(
            (row["kind"], row["subject"], row["generation"], row["state"]) for row in forward.oms.effects()
        ),
        "time line": rows("select kind, count(*) as times from order_event group by 1 order by 1"),
        "invoices": rows("select seller, number, serial, total, magento_invoice from invoice order by id"),
        "credit notes": rows("select number, total from credit_note order by id"),
        "series": rows("select document_type, last from invoice_series order by 1"),
        "papers": [
            (row["kind"], row["subject"], texts(bytes(row["content"])))
            for row in rows("select kind, subject, content from paper order by kind, subject")
        ],
        "parcels": rows("select number, value, cod, shipping from parcel order by id"),
        "bookings": rows(
            "select account, generation, reference, status, order_ref, awb, pickup_number, given_up"
            " from courier_booking order by id"
        ),
        "scans": rows("select code, status, count(*) as times from parcel_event group by 1, 2 order by 1, 2"),
        "courier's documents": rows("select kind, count(*) as times from courier_document group by 1 order by 1"),
        "read back": rows("select shipment_id, items, tracks, differs from magento_shipment"),
        "quarantine": forward.oms.quarantined(),
        "holds": forward.oms.count("order_hold"),
        "leases": rows("select name from lease where expires_at > now()"),
        "store": [
            order | {"status_histories": sorted(row["comment"] for row in order["status_histories"])}
            for order in store.orders.values()
        ],
        "store's documents": (store.invoices, store.shipments, store.credit_memos),
        # An invoice, too, makes an order processing.
        "store's ledger": Counter(entry for entry in store.ledger if entry[0] != "status"),
        "couriers": {
            name: (account.orders, account.ledger, set(account.pickups)) for name, account in forward.accounts.items()
        },
        "events": [
            (event_id, body["event"], body.get("fulfilment")) for event_id, body in sorted(forward.url.events.items())
        ],
    }


WAYS = pytest.mark.parametrize("steps", [SHIPPED, CANCELLED], ids=["shipped", "cancelled"])


@WAYS
def test_an_undisturbed_life_does_all_once(proof_of: Callable[..., Proof], steps: Sequence[str]) -> None:
    """What the killed ones are compared with."""
    end = proof_of(steps).expected
    kinds = {
        "acknowledge_order", "create_invoice", "book_parcel", "assign_awb", "fetch_label", "schedule_pickup",
        "notify_store",
    }  # fmt: skip
    more = {
        SHIPPED: {"create_shipment", "fetch_shipment", "tell_magento"},
        CANCELLED: {"cancel_booking", "tell_credit_note"},
    }
    did = {SHIPPED: ["comment", "comment", "invoice", "ship"], CANCELLED: ["comment", "comment", "invoice"]}
    assert {kind for kind, *_ in end["effects"]} == kinds | more[tuple(steps)]
    assert {state for *_, state in end["effects"]} == {"done"}
    assert sorted(what for what, _ in end["store's ledger"].elements()) == did[tuple(steps)]
    assert [row["number"] for row in end["invoices"]] == ["LM2627-000001"]
    assert [row["awb"] for row in end["bookings"]] == ["MAINO1"]
    assert (end["quarantine"], end["holds"], end["leases"]) == ({}, 0, [])


@WAYS
@pytest.mark.timeout(300)
def test_killed_in_an_order_s_life_nothing_is_lost_or_doubled(
    proof_of: Callable[..., Proof], steps: Sequence[str]
) -> None:
    proof = proof_of(steps)
    prove(proof, telling(proof.points))


@WAYS
@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_killed_at_every_point_of_an_order_s_life_nothing_is_lost_or_doubled(
    proof_of: Callable[..., Proof], steps: Sequence[str]
) -> None:
    proof = proof_of(steps)
    prove(proof, proof.points)


def telling(points: Sequence[str]) -> list[str]:
    """Of the points those at which an answer was just lost, and some of those that follow a commit."""
    follows = list(pairwise(points))
    after_commit = [point for before, point in follows if " commit " in before]
    answer_lost = [point for before, point in follows if before.split()[-2].split(".")[-1] in CHANGING]
    return answer_lost + after_commit[::5]


def prove(proof: Proof, points: Sequence[str]) -> None:
    """Kill a worker before each of the points, and compare what everything run again leaves behind."""
    differing = []
    for point in points:
        found = proof.after_death_before(point)
        differing += [
            f"before {point}, {name}: {found[name]}\n  instead of {wanted}"
            for name, wanted in proof.expected.items()
            if found[name] != wanted
        ]
    assert not differing, "\n".join(differing[:10])
