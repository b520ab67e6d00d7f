"""`magento-oms stock`."""

from __future__ import annotations

import json
from decimal import Decimal

from tests.cli.conftest import Run
from tests.workflows.oms import Oms

from magento_oms.storage import stock
from magento_oms.storage.database import engine

D = Decimal


def test_show_tells_what_every_location_has(run: Run, oms: Oms) -> None:
    oms.run("insert into location (code, name, address) values ('pune', 'Pune', '{}'), ('delhi', 'Delhi', '{}')")
    with engine(oms.url).begin() as connection:
        stock.set_absolute(connection, "pune", {"KURTA-M": D(10)})
        stock.set_absolute(connection, "delhi", {"KURTA-M": D("2.5"), "KURTA-L": D(1)})
        stock.reserve(connection, {("pune", "KURTA-M"): D(3)})
    rows = json.loads(run("stock", "show", "KURTA-M", "--json").output)
    assert [(row["location"], D(row["quantity"]), D(row["reserved"]), D(row["free"])) for row in rows] == [
        ("delhi", D("2.5"), D(0), D("2.5")),
        ("pune", D(10), D(3), D(7)),
    ]
    assert "No location has told of NONE" in run("stock", "show", "NONE").output
