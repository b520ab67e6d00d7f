"""Reports as files: no formula in the CSV, no markup in the HTML, nothing half written."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from magento_oms.documents.reconciliation_report import MOST_ROWS, Report, Table, html, write

COLUMNS = ("kind", "increment_id", "subject", "magento")


def report(rows: list[dict[str, object]]) -> Report:
    return Report(
        kind="orders",
        title="Orders",
        instance="loom",
        store="Loom & Co <script>",
        store_id=1,
        start=datetime(2026, 11, 24, 18, 30, tzinfo=UTC),
        end=datetime(2026, 11, 25, 18, 30, tzinfo=UTC),
        zone=ZoneInfo("Asia/Kolkata"),
        made_at=datetime(2026, 11, 25, 18, 33, tzinfo=UTC),
        proof="orders on Magento 1, in OMS 1, lost 0, doubled 0, differing 0 (none)",
        agrees=not rows,
        facts={"orders on Magento": 1},
        columns=COLUMNS,
        rows=rows,
        tables=[Table("By status", ("status",), [{"status": "processing"}])],
    )


def row(subject: str) -> dict[str, object]:
    return {"kind": "money", "increment_id": "000000001", "subject": subject, "magento": "-5"}


def test_a_sku_that_is_a_formula_or_markup_is_harmless(tmp_path: Path) -> None:
    evil = '=HYPERLINK("https://evil.example","x")<img src=x onerror=alert(1)>'
    csv_path, html_path = write(report([row(evil)]), tmp_path)
    with (tmp_path / csv_path).open(encoding="utf-8", newline="") as file:
        proof, told = csv.DictReader(file)
    assert proof["kind"] == "proof"
    assert told["subject"] == f"'{evil}"
    page = (tmp_path / html_path).read_text(encoding="utf-8")
    assert "<img" not in page
    assert "<script" not in page
    assert "Loom &amp; Co" in page
    assert "default-src 'none'" in page


def test_times_are_the_store_s_and_the_line_stands_on_both(tmp_path: Path) -> None:
    made = report([])
    csv_path, html_path = write(made, tmp_path)
    page = (tmp_path / html_path).read_text(encoding="utf-8")
    assert "25 Nov 2026, 00:00 IST to 26 Nov 2026, 00:00 IST" in page
    assert made.proof in page
    assert made.proof in (tmp_path / csv_path).read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.rglob(".*")] == []


def test_a_long_list_is_cut_in_the_page_only(tmp_path: Path) -> None:
    rows = [row(f"SKU-{number}") for number in range(MOST_ROWS + 1)]
    assert f"The first {MOST_ROWS} of {MOST_ROWS + 1}" in html(report(rows))
    csv_path, _ = write(report(rows), tmp_path)
    assert (tmp_path / csv_path).read_text().count("SKU-") == MOST_ROWS + 1
