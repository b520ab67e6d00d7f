"""Invoice numbers have no gap and no twin, however many workers pack at once and whatever becomes of them."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError
from tests.workflows.forward.conftest import Forward, goods

from magento_oms.storage import invoices
from magento_oms.storage.database import engine
from magento_oms.workflows.warehouse.pack import Box, pack

D = Decimal
PUNE, HOSKOTE = "27AAPFU0939F1ZV", "29AAPFU0939F1ZR"


class Fell(Exception):
    """The worker fell over after the number was allotted."""


def fall() -> None:
    """Fall over."""
    raise Fell


def test_many_workers_allot_without_gap_or_twin(oms_database: str) -> None:
    """Transactions end in any order: committed, rolled back, or with their connection killed."""
    kept: list[tuple[str, int]] = []
    lock = threading.Lock()

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(25):
            series = chance.choice([PUNE, HOSKOTE])
            end = chance.choice(["commit", "commit", "roll back", "kill"])
            try:
                with engine(oms_database).begin() as connection:
                    serial = invoices.next_serial(connection, series, "tax_invoice", "2026-27")
                    if end == "roll back":
                        fall()
                    if end == "kill":
                        connection.exec_driver_sql("select pg_terminate_backend(pg_backend_pid())")
                with lock:
                    kept.append((series, serial))
            except (Fell, DBAPIError, psycopg.Error):
                pass

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for series in (PUNE, HOSKOTE):
        serials = sorted(serial for of, serial in kept if of == series)
        assert serials == list(range(1, len(serials) + 1))
        assert len(serials) > 20


def test_every_kind_of_document_and_year_counts_by_itself(oms_database: str) -> None:
    with engine(oms_database).begin() as connection:
        for series in (
            (PUNE, "tax_invoice", "2026-27"),
            (PUNE, "tax_invoice", "2027-28"),
            (PUNE, "bill_of_supply", "2026-27"),
        ):
            assert [invoices.next_serial(connection, *series) for _ in range(2)] == [1, 2]


def test_packers_at_once_leave_no_gap_though_some_fall_over(forward: Forward) -> None:
    forward.stock("pune", KURTA=20)
    for _ in range(10):
        forward.place(goods("KURTA"))
    forward.route()
    rows = forward.fulfilments()
    start = threading.Barrier(len(rows))

    def work(row: dict[str, object], *, falls: bool) -> None:
        start.wait()
        try:
            with engine(forward.oms.url).begin() as connection:
                number = int(str(row["id"]))
                boxes = [Box({10: D(1)})]
                pack(
                    connection,
                    forward.config,
                    number,
                    f"S{number}",
                    boxes,
                    by="test",
                    now=datetime(2026, 11, 21, tzinfo=UTC),
                )
                if falls:
                    fall()
        except Fell:
            pass

    threads = [threading.Thread(target=work, args=(row,), kwargs={"falls": n % 3 == 0}) for n, row in enumerate(rows)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    issued = forward.oms.rows("select serial, number from invoice order by serial")
    assert [row["serial"] for row in issued] == [1, 2, 3, 4, 5, 6]
    assert [row["number"] for row in issued] == [f"LM2627-{n:06}" for n in range(1, 7)]
    for row in forward.fulfilments():
        if row["state"] == "routed":
            forward.pack(row["id"])
    assert forward.oms.rows("select max(serial) as last, count(*) as n from invoice") == [{"last": 10, "n": 10}]


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        (datetime(2027, 3, 31, 18, 29, tzinfo=UTC), "LM2627-000001"),  # 23:59 on 31 March in India
        (datetime(2027, 3, 31, 18, 31, tzinfo=UTC), "LM2728-000001"),
    ],
)
def test_the_year_of_a_number_turns_at_midnight_in_india(forward: Forward, moment: datetime, number: str) -> None:
    forward.stock("pune", KURTA=2)
    forward.place(goods("KURTA"))
    forward.route()
    [row] = forward.fulfilments()
    with engine(forward.oms.url).begin() as connection:
        packed = pack(connection, forward.config, row["id"], "S1", [Box({10: D(1)})], by="test", now=moment)
    assert packed.invoice_number == number
    [issued] = forward.oms.rows("select content ->> 'issued_on' as day from invoice")
    assert issued["day"] == ("2027-03-31" if number.startswith("LM2627") else "2027-04-01")
