"""`magento-oms returns`: a warehouse without a system of its own works by CSV; every bad line is named."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from tests.cli.conftest import Run
from tests.workflows.fakes import FakeMagento
from tests.workflows.forward.conftest import forward_config
from tests.workflows.oms import Oms
from tests.workflows.returns.conftest import Returns

from magento_oms.storage import instances
from magento_oms.storage.database import engine


@pytest.fixture
def life(oms_database: str, folder: Path) -> Returns:
    """A life behind the commands, configured alike."""
    config = forward_config()
    (folder / "loom.yaml").write_text(json.dumps(config.model_dump(mode="json", exclude_unset=True)))
    with engine(oms_database).begin() as connection:
        instances.configure(connection, config)
    return Returns(Oms(oms_database), FakeMagento(), config)


def write(path: Path, *rows: dict[str, object]) -> Path:
    """A CSV file."""
    with path.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def unit(entity_id: int, code: str, item: str, **more: object) -> dict[str, object]:
    """A line of a file of returns."""
    return {
        "instance": "loom", "order": f"{entity_id:09d}", "return_code": code, "kind": "customer_return",
        "item_code": item, "sku": "KURTA", "reason": "too small", "awb": f"AWB-{code}", "courier": "Delhivery",
    } | more  # fmt: skip


def test_returns_are_placed_and_received_by_csv_twice_without_harm(run: Run, life: Returns, tmp_path: Path) -> None:
    entity_id = life.shipped("KURTA", quantity=3)
    placed = write(
        tmp_path / "placed.csv", unit(entity_id, "R1", "A"), unit(entity_id, "R1", "B"), unit(entity_id, "R2", "A")
    )
    assert run("returns", "create", placed).output.count("placed, #") == 2
    assert run("returns", "create", placed).output.count("placed before, #") == 2
    assert "AWB-R2" in run("returns", "list", "--find", "R2").output
    before = life.on_shelf("KURTA")
    received = write(
        tmp_path / "received.csv",
        {"return": "AWB-R1", "item_code": "", "passed": "yes", "reason": "", "images": "", "sku": "KURTA"},
        {"return": "AWB-R1", "item_code": "", "passed": "no", "reason": "USED_PRODUCT",
         "images": "https://wms.example.in/1.jpg", "sku": "KURTA"},
    )  # fmt: skip
    assert "2 units noted, it is processed" in run("returns", "receive", received).output
    assert "known so" in run("returns", "receive", received).output
    assert life.on_shelf("KURTA") == before + 1
    shown = json.loads(run("returns", "show", "R1", "--json").output)
    assert [item["state"] for item in shown["items"]] == ["passed", "failed"]


def test_a_bad_line_is_named_and_the_other_returns_go_on(run: Run, life: Returns, tmp_path: Path) -> None:
    entity_id = life.shipped("KURTA", quantity=2)
    file = write(
        tmp_path / "placed.csv",
        unit(entity_id, "R1", "A", kind="gift"),
        unit(entity_id, "R2", ""),
        unit(999, "R3", "A"),
        unit(entity_id, "R4", "A") | {"sku": "SAREE"},
        unit(entity_id, "R5", "A"),
    )
    output = run("returns", "create", file, code=1).output
    assert "kind 'gift' is none of" in output
    assert "line 3: item_code" in output
    assert "There is no order '000000999'" in output
    assert "no SKU 'SAREE'" in output
    assert "placed, #" in output
    bad = write(tmp_path / "received.csv", {"return": "R5", "item_code": "A", "passed": "perhaps"})
    assert "passed is yes, no or empty" in run("returns", "receive", bad, code=1).output
    assert life.oms.rows("select state from return_item") == [{"state": "expected"}]


def test_an_order_with_several_returns_is_asked_for_by_id(run: Run, life: Returns) -> None:
    entity_id = life.shipped("KURTA", quantity=2)
    first = life.give_back(entity_id, life.asked("R1")).return_id
    life.give_back(entity_id, life.asked("R2"))
    assert "leads to several returns" in run("returns", "show", f"{entity_id:09d}", code=1).stderr
    assert "is cancelled" in run("returns", "cancel", f"#{first}", "--reason", "keeps it").output
    assert life.units(first) == {"U1": "cancelled"}


def test_no_cell_of_the_list_can_carry_a_formula(run: Run, life: Returns, tmp_path: Path) -> None:
    entity_id = life.shipped("KURTA")
    life.give_back(entity_id, life.asked("=cmd|x", "@A"))
    run("returns", "list", "--csv", tmp_path / "out.csv")
    [row] = csv.DictReader((tmp_path / "out.csv").read_text().splitlines())
    assert (row["return"], row["item_code"], row["passed"]) == ("'=cmd|x", "'@A", "")


def test_a_person_decides_about_a_replacement(run: Run, life: Returns) -> None:
    from tests.workflows.returns.test_exchanges import exchanged, holds

    return_id, replacement = exchanged(life)
    assert "There is no decision" in run("returns", "exchange", "R1", "perhaps", code=1).stderr
    assert "It goes out." in run("returns", "exchange", f"#{return_id}", "release").output
    assert holds(life, replacement) == []
