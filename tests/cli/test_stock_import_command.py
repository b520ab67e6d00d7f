"""`magento-oms stock import`."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from tests.cli.conftest import Run
from tests.workflows.oms import Oms

D = Decimal


def test_import_keeps_what_is_good_and_names_the_rest(run: Run, oms: Oms, tmp_path: Path) -> None:
    oms.run("insert into location (code, name, address) values ('pune', 'Pune', '{}')")
    file = tmp_path / "stock.csv"
    file.write_text("location,sku,quantity\npune,A,5\npune,B,-1\nmars,A,1\n")
    dry = run("stock", "import", file, "--dry-run", code=1)
    assert "Dry run, nothing was kept: 3 lines: 1 changed, 0 known so, 2 refused" in dry.stderr
    assert oms.count("stock") == 0
    done = run("stock", "import", file, code=1)
    assert "3\tpune\tB\tThe quantity is -1; it must be zero or more." in done.stdout
    assert "4\tmars\tA\tThere is no location 'mars'." in done.stdout
    assert oms.rows("select sku, quantity from stock") == [{"sku": "A", "quantity": D(5)}]
    file.write_text("sku,quantity\nA,6\n")
    assert "1 changed" in run("stock", "import", file, "--location", "pune").stderr
    assert "cannot be read" in run("stock", "import", tmp_path / "none.csv", code=1).stderr


def test_many_refused_lines_go_into_a_file(run: Run, oms: Oms, tmp_path: Path) -> None:
    file, refused = tmp_path / "stock.csv", tmp_path / "refused.csv"
    file.write_text("location,sku,quantity\n" + "".join(f"mars,=S{number},1\n" for number in range(300)))
    told = run("stock", "import", file, "--refused", refused, code=1)
    assert "... and 100 more" in told.stderr
    assert len(told.stdout.splitlines()) == 201
    lines = refused.read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 301
    assert lines[1] == "2,mars,'=S0,There is no location 'mars'."
    assert oms.count("stock") == 0
    assert "cannot be written" in run("stock", "import", file, "--refused", tmp_path / "no" / "f.csv", code=1).stderr
