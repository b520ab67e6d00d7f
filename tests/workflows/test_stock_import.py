"""Stock from a file: what is good is kept, and every line that was not is named."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.workflows.fakes import FakeMagento, instance_config, store_config
from tests.workflows.oms import Oms

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import ConfigurationError
from magento_oms.storage.catalogue import BEGINNING
from magento_oms.workflows.master_data.pull import PRODUCTS, pull
from magento_oms.workflows.warehouse import import_stock as importing
from magento_oms.workflows.warehouse.import_stock import StockImported, import_stock
from magento_oms.workflows.warehouse.stock_file import read_stock_file

D = Decimal
ADDRESS = {"lines": ["Plot 7"], "city": "Pune", "state": "Maharashtra", "pincode": "411001"}


@pytest.fixture
def config() -> InstanceConfig:
    """An instance with a warehouse of pieces and one of cloth by the metre."""
    pieces = {"code": "pune", "name": "Pune", "address": ADDRESS}
    cloth = {"code": "surat", "name": "Surat", "address": ADDRESS, "fractions": True}
    return instance_config(store_config(locations=[pieces, cloth]))


def taken(oms: Oms, config: InstanceConfig, content: str | bytes, **how: object) -> StockImported:
    raw = content if isinstance(content, bytes) else content.encode()
    return import_stock(oms.url, [config], read_stock_file(raw), **how)  # type: ignore[arg-type]


def stored(oms: Oms) -> dict[tuple[str, str], Decimal]:
    return {(row["location"], row["sku"]): row["quantity"] for row in oms.rows("select * from stock")}


def reasons(done: StockImported) -> dict[int, str]:
    return {line.number: line.wrong for line in done.refused}


def test_every_bad_line_is_named_and_the_rest_is_kept(oms: Oms, config: InstanceConfig) -> None:
    content = "\n".join(
        [
            "location,sku,quantity",
            "pune,A,5",
            "pune,B,-1",
            "pune,C,2.5",
            "surat,C,2.5",
            "delhi,A,1",
            "pune,A,7",
            "pune,D,lots",
            'pune,"E,3',
            "pune,F",
            ",G,1",
            "",
            "pune,H,12.0",
            "pune,I,NaN",
            "pune,J,1e12",
            "pune,,4",
        ]
    )
    done = taken(oms, config, content)
    assert stored(oms) == {("pune", "A"): D(5), ("surat", "C"): D("2.5"), ("pune", "H"): D(12)}
    assert {number: why.split(";")[0][:38] for number, why in reasons(done).items()} == {
        3: "The quantity is -1",
        4: "The quantity is 2.5",
        6: "There is no location 'delhi'.",
        7: "Line 2 names it before, and counts.",
        8: "The quantity 'lots' is no number",
        9: "It is no CSV: unexpected end of data.",
        10: "It has 2 columns",
        11: "It names no location.",
        14: "The quantity is NaN",
        15: "The quantity 1E+12 is too large, or fi"[:38],
        16: "A SKU has 1 to 255 characters.",
    }
    assert (done.read, done.changed, done.unchanged) == (14, 3, 0)


def test_other_encodings_are_named_by_line(oms: Oms, config: InstanceConfig) -> None:
    content = "location,sku,quantity\npune,A,1\npune,Ünï,2\npune,कुर्ता,3\npune,B,4\n".encode()
    assert taken(oms, config, content).changed == 4
    latin = "location,sku,quantity\npune,A,9\npune,Ünï,9\npune,B,9\n".encode("cp1252")
    done = taken(oms, config, latin)
    assert list(reasons(done)) == [3]
    assert "It is not UTF-8" in reasons(done)[3]
    assert stored(oms)["pune", "Ünï"] == 2
    assert stored(oms)["pune", "B"] == 9
    assert import_stock(oms.url, [config], read_stock_file(latin, encoding="cp1252")).changed == 1
    assert stored(oms)["pune", "Ünï"] == 9


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_marks_of_spreadsheets_are_understood(oms: Oms, config: InstanceConfig, encoding: str) -> None:
    done = taken(oms, config, "SKU;Quantity;Location\r\nकुर्ता;3;pune\r\n".encode(encoding))
    assert (done.changed, done.refused) == (1, [])


def test_dry_run_says_what_would_change_and_keeps_nothing(oms: Oms, config: InstanceConfig) -> None:
    taken(oms, config, "location,sku,quantity\npune,A,5\npune,B,5\n")
    done = taken(oms, config, "location,sku,quantity\npune,A,5\npune,B,6\npune,C,1\npune,D,-1\n", dry_run=True)
    assert (done.changed, done.unchanged, len(done.refused)) == (2, 1, 1)
    assert stored(oms) == {("pune", "A"): D(5), ("pune", "B"): D(5)}


def test_same_file_again_changes_nothing(oms: Oms, config: InstanceConfig) -> None:
    content = "location,sku,quantity\npune,A,5\nsurat,A,1.25\n"
    assert taken(oms, config, content).changed == 2
    again = taken(oms, config, content)
    assert (again.changed, again.unchanged) == (0, 2)
    assert {row["version"] for row in oms.rows("select version from stock")} == {1}


def test_many_lines_are_kept_in_batches_and_followed(
    oms: Oms, config: InstanceConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 10)
    rows = [f"pune,S{number:03},{number}" for number in range(95)]
    steps: list[int] = []
    done = taken(oms, config, "\n".join(["location,sku,quantity", *rows, "nowhere,X,1"]), progress=steps.append)
    assert done.changed == 95
    assert sum(steps) == done.read == 96
    assert max(steps) == 10


def test_unknown_sku_is_refused_once_the_catalogue_is_known(
    oms: Oms, config: InstanceConfig, store: FakeMagento
) -> None:
    content = "location,sku,quantity\npune,KNOWN,5\npune,NEVER,5\n"
    assert taken(oms, config, content, dry_run=True).refused == []
    store.add_product(1, "KNOWN")
    pull(oms.url, store, config, PRODUCTS, start=BEGINNING, end=store.now, run_id="test")
    done = taken(oms, config, content)
    assert reasons(done) == {3: "There is no such SKU in the catalogue, and none in any order."}
    assert stored(oms) == {("pune", "KNOWN"): D(5)}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no first line"),
        (b"sku,quantity\nA,1\n", "lacks the column 'location'"),
        (b"location,quantity\npune,1\n", "lacks the column 'sku'"),
    ],
)
def test_file_without_its_columns_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        read_stock_file(content)


def test_wrong_encodings_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="no encoding 'klingon'"):
        read_stock_file(b"sku,quantity\n", location="pune", encoding="klingon")
    with pytest.raises(ConfigurationError, match="is not ascii"):
        read_stock_file("sku,quantity\nÜ,1\n".encode(), location="pune", encoding="ascii")


@given(st.binary(max_size=200))
def test_no_file_breaks_the_reader(tail: bytes) -> None:
    """Whatever follows the first line: each line is read or refused, and refusals can be printed."""
    for line in read_stock_file(b"location,sku,quantity\npune,A,1\n" + tail):
        (line.location + line.sku + line.wrong).encode()
