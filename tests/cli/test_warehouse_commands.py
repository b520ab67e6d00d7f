"""A warehouse's steps by CSV: a whole life, and every way in which a file may be wrong."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from tests.cli.conftest import Run
from tests.workflows.fakes import FakeMagento
from tests.workflows.forward.conftest import Forward, forward_config, goods
from tests.workflows.oms import Oms

from magento_oms.orchestration import courier_wiring
from magento_oms.storage import instances
from magento_oms.storage.database import engine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The instances' folder, with a store that ships from two warehouses."""
    config = forward_config().model_dump(mode="json", exclude_unset=True)
    (tmp_path / "loom.yaml").write_text(json.dumps(config))
    return tmp_path


@pytest.fixture
def forward(oms_database: str, store: FakeMagento, monkeypatch: pytest.MonkeyPatch) -> Forward:
    """The life behind the commands."""
    monkeypatch.setattr(courier_wiring, "magento_for", lambda config: store)
    with engine(oms_database).begin() as connection:
        instances.configure(connection, forward_config())
    return Forward(Oms(oms_database), store, forward_config())


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    """A file."""
    path.write_bytes(text.encode(encoding))
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_warehouse_without_a_system_works_by_csv(run: Run, forward: Forward, tmp_path: Path) -> None:
    forward.stock("pune", KURTA=5, SAREE=2)
    forward.place(goods("KURTA", "SAREE"))
    forward.route()

    listed = tmp_path / "list.csv"
    assert "2 lines written" in run("warehouse", "list", "pune", "--csv", listed).output
    rows = rows_of(listed)
    assert [(row["sku"], row["quantity"]) for row in rows] == [("KURTA", "1"), ("SAREE", "1")]
    lines = ["fulfilment,shipment_id,box,item_id,quantity,weight_g"]
    lines += [f"{row['fulfilment']},WMS-1,A,{row['item_id']},{row['quantity']},650" for row in rows]
    packing = written(tmp_path / "pack.csv", "\n".join(lines))
    assert "packed, invoice LM2627-000001" in run("warehouse", "pack", packing).output
    assert "packed before, invoice LM2627-000001" in run("warehouse", "pack", packing).output
    assert forward.oms.count("parcel") == 1
    forward.push_magento()
    forward.push_couriers()

    made = run("warehouse", "manifest", "pune", "--into", tmp_path / "papers").output
    [number] = re.findall(r"M-PUNE-\d{8}-1(?=\t)", made)
    assert (tmp_path / "papers" / f"{number}.pdf").read_bytes().startswith(b"%PDF")
    again = run("warehouse", "manifest", "pune", "--into", tmp_path / "papers").output
    assert "Nothing is ready." in again
    assert "was listed before and has not left" in again
    assert "handed over" in run("warehouse", "handover", "--manifest", number).output
    assert "handed over before" in run("warehouse", "handover", rows[0]["fulfilment"]).output
    assert forward.oms.rows("select state from sales_order") == [{"state": "shipped"}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "fulfilment,shipment_id,box,item_id,quantity\n1,W,A,10,1\n1,É,A,10,1".encode("latin-1"),
            "line 3: this is no UTF-8",
        ),
        ("fulfilment,shipment_id,box,item_id,quantity\n1,W,A,10,1".encode("utf-16"), "line 1: this is no UTF-8"),
        (b"fulfilment,box,item_id,quantity\n1,A,10,1", "lacks the column 'shipment_id'"),
        (b"", "lacks the column 'fulfilment'"),
    ],
)
def test_a_file_that_cannot_be_read_changes_nothing(
    run: Run, forward: Forward, tmp_path: Path, content: bytes, said: str
) -> None:
    forward.stock("pune", KURTA=1)
    forward.place(goods("KURTA"))
    forward.route()
    path = tmp_path / "pack.csv"
    path.write_bytes(content)
    assert said in " ".join(run("warehouse", "pack", path, code=1).output.split())
    assert forward.oms.count("invoice") == 0
    assert "cannot be read: No such file" in run("warehouse", "pack", tmp_path / "none.csv", code=1).output


def test_files_of_spreadsheets_are_read(run: Run, forward: Forward, tmp_path: Path) -> None:
    """With a byte order mark, Windows line ends, quotes, columns in another order, and an empty line."""
    forward.stock("pune", KURTA=1)
    forward.place(goods("KURTA"))
    forward.route()
    [row] = forward.fulfilments()
    text = f'\ufeffquantity,item_id,box,shipment_id,fulfilment,remark\r\n\r\n"1", 10 ,A,"W-1",{row["id"]},"a, b"\r\n'
    assert "packed, invoice" in run("warehouse", "pack", written(tmp_path / "pack.csv", text)).output


def test_a_location_that_is_not_there_is_told(run: Run, forward: Forward) -> None:
    assert "no location 'nowhere'" in run("warehouse", "manifest", "nowhere", code=1).output
    assert "no location 'nowhere'" in run("warehouse", "list", "nowhere", code=1).output


def test_one_bad_packing_does_not_stop_the_others(run: Run, forward: Forward, tmp_path: Path) -> None:
    forward.stock("pune", KURTA=9)
    for _ in range(6):
        forward.place(goods("KURTA"))
    forward.route()
    ids = [row["id"] for row in forward.fulfilments()]
    lines = [
        "fulfilment,shipment_id,box,item_id,quantity,height_cm",
        f"{ids[0]},W0,A,10,2,",  # more than was routed
        f"{ids[1]},W1,A,10,1,-5",  # negative size
        f"{ids[2]},,A,10,1,",  # no shipment id
        f"{ids[3]},W3,A,ten,1,",  # no number
        f"{ids[4]},W4,A,99,1,",  # no such line
        "999,W9,A,10,1,",  # no such fulfilment
        f"{ids[5]},W5,A,10,1,5",
    ]
    result = run("warehouse", "pack", written(tmp_path / "pack.csv", "\n".join(lines)), code=1)
    told = {line.split("\t")[0]: line for line in result.output.splitlines() if "\t" in line}
    assert "2 KURTA packed, 1 routed here" in told["2"]
    assert "/boxes/0/height_cm: -5 is not above 0" in told["3"]
    assert "one shipment_id" in told["4"]
    assert "line 5: fulfilment, item_id and quantity must be numbers" in told["5"]
    assert "no such line" in told["6"]
    assert "there is no such one" in told["7"]
    assert "packed, invoice LM2627-000001" in told["8"]
    assert forward.oms.count("invoice") == 1


def test_a_list_carries_no_formula_into_a_spreadsheet(run: Run, forward: Forward, tmp_path: Path) -> None:
    forward.stock("pune", KURTA=9)
    order = goods("KURTA")
    order[0]["name"] = '=HYPERLINK("http://evil.example")'
    forward.place(order)
    forward.route()
    run("warehouse", "list", "pune", "--csv", tmp_path / "list.csv")
    [row] = rows_of(tmp_path / "list.csv")
    assert row["name"] == '\'=HYPERLINK("http://evil.example")'
    assert row["quantity"] == "1"


def test_what_cannot_be_shipped_is_sent_back_by_quantity(run: Run, forward: Forward) -> None:
    forward.stock("pune", KURTA=5)
    forward.stock("hoskote", KURTA=5)
    forward.place(goods("KURTA", quantity=3))
    forward.route()
    [row] = forward.fulfilments()
    assert (
        "is not ITEM_ID=QUANTITY"
        in run("warehouse", "reject", row["id"], "--reason", "damaged", "--item", "10", code=1).output
    )
    assert (
        "4 is sent back, 3 is to be shipped"
        in run("warehouse", "reject", row["id"], "--reason", "damaged", "--item", "10=4", code=1).output
    )
    run("warehouse", "reject", row["id"], "--reason", "damaged", "--item", "10=2")
    forward.route()
    assert [each["lines"] for each in forward.fulfilments()] == [{"KURTA": 1}, {"KURTA": 2}]


def test_a_handover_before_the_papers_are_there_is_refused(run: Run, forward: Forward) -> None:
    forward.stock("pune", KURTA=5)
    forward.place(goods("KURTA"))
    forward.route()
    [row] = forward.fulfilments()
    assert "is not packed yet" in run("warehouse", "handover", row["id"], code=1).output
    forward.pack(row["id"])
    assert "invoice, AWB or label is missing" in run("warehouse", "handover", row["id"], code=1).output
    assert "no manifest 'M-1'" in run("warehouse", "handover", "--manifest", "M-1", code=1).output


def test_a_token_s_limits_are_checked_when_it_is_made(run: Run, forward: Forward) -> None:
    made = ("tokens", "create", "wms", "--scope", "fulfilments:read")
    assert "no location 'pun'" in run(*made, "--location", "pun", code=1).output
    assert "loom has no store '7'" in run(*made, "--store", "loom/7", code=1).output
    assert "valid: loom" in run(*made, "--store", "lume", code=1).output
    assert run(*made, "--store", "loom/1", "--location", "pune").output.startswith("oms_")
    assert "loom/1" in run("tokens", "list").output
