"""`magento-oms orders show --documents`: an order's papers as files."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from tests.cli.conftest import Run
from tests.workflows.fakes import FakeMagento
from tests.workflows.forward.conftest import Forward, forward_config, goods
from tests.workflows.oms import Oms

from magento_oms.cli.paper_files import Paper, save
from magento_oms.documents.read_back import texts
from magento_oms.storage import instances
from magento_oms.storage.database import engine
from magento_oms.workflows.warehouse.manifests import create_manifests


@pytest.fixture
def forward(oms_database: str, folder: Path) -> Forward:
    """A forward life whose instance the commands know."""
    config = forward_config()
    (folder / "loom.yaml").write_text(json.dumps(config.model_dump(mode="json", exclude_unset=True)))
    with engine(oms_database).begin() as connection:
        instances.configure(connection, config)
    return Forward(Oms(oms_database), FakeMagento(), config)


def increment_id(forward: Forward, entity_id: int) -> str:
    return str(forward.store.orders[entity_id]["increment_id"])


def test_all_papers_of_an_order_are_saved_and_named(forward: Forward, run: Run, tmp_path: Path) -> None:
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA"))
    forward.route()
    [row] = forward.fulfilments(entity_id)
    forward.pack(row["id"])
    forward.push_all()
    [manifest] = create_manifests(forward.oms.url, "pune")
    forward.hand_over(row["id"])

    order = increment_id(forward, entity_id)
    told = run("orders", "show", "loom", order, "--documents", "--into", tmp_path / "here").output.splitlines()

    kinds = {line.split("\t")[0]: line.split("\t")[1:] for line in told}
    assert {kind: number for kind, (number, _) in kinds.items()} == {
        "invoice": "LM2627-000001", "label": "MAINO1", "manifest": manifest.number,
    }  # fmt: skip
    for number, path in kinds.values():
        file = Path(path)
        assert file.parent == tmp_path / "here" / f"loom-{order}"
        assert number in " ".join(texts(file.read_bytes()))
        assert stat.S_IMODE(file.stat().st_mode) == 0o600  # addresses are on it
    assert run("orders", "show", "loom", order, "--documents", "--into", tmp_path / "here").output.splitlines() == told


def test_of_a_split_order_what_is_there_is_saved_and_the_rest_is_told(
    forward: Forward, run: Run, tmp_path: Path
) -> None:
    forward.stock("pune", KURTA=1)
    forward.stock("hoskote", SAREE=1)
    entity_id = forward.place(goods("KURTA", "SAREE"))
    forward.route()
    [first, second] = forward.fulfilments(entity_id)
    forward.pack(first["id"])
    forward.push_all()

    shown = run("orders", "show", "loom", increment_id(forward, entity_id), "--documents", "--into", tmp_path / "here")

    assert len(list((tmp_path / "here").rglob("*.pdf"))) == 2
    assert (
        f"Not all papers of fulfilment {second['id']} ({second['location']}) are there yet: it is routed"
        in shown.output
    )


def test_an_order_without_papers_is_an_error_that_tells_why(forward: Forward, run: Run, tmp_path: Path) -> None:
    entity_id = forward.place(goods("KURTA"))
    order = increment_id(forward, entity_id)
    shown = run("orders", "show", "loom", order, "--documents", "--into", tmp_path / "here", code=1)
    assert f"Order {order} of loom is open and has no papers yet." in shown.output
    assert "once a warehouse has packed it" in shown.output
    assert not (tmp_path / "here").exists()


def test_a_number_never_leads_out_of_the_folder(tmp_path: Path) -> None:
    [path] = save([Paper("label", "../../AWB 1/2", b"%PDF-")], tmp_path / "here")
    assert path == tmp_path / "here" / "label-..-..-AWB-1-2.pdf"
