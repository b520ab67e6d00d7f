"""A whole stack with real Airflow processes, shared by the tests that need one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest
from tests.airflow.whole_stack import Stack

from magento_oms.local.demo_shop_server import SECRET, ShopServer
from magento_oms.local.supervisor import REPOSITORY, SANDBOX_PASSWORD, LocalStack, Plan

LOCKED_OUT = """
code: lockedout
name: Wrong password
url: {url}
live_poll_seconds: 2
stores:
  - {{store_id: 1, code: default, name: Wrong password, live_from: 2026-01-01T00:00:00Z}}
"""
STOCKED = """
code: stocked
name: Counted stock
url: ${STOCKED_URL}
stores:
  - store_id: 1
    code: default
    name: Counted stock
    live_from: 2026-01-01T00:00:00Z
    locations:
      - {code: nagpur, name: Nagpur, address: {lines: [Plot 9], city: Nagpur, state: Maharashtra, pincode: "440001"}}
"""
COURIERS = (
    ("shiprocket", "heritage_ship", "shiprocket_heritage"),
    ("clickpost", "heritage_click", "clickpost_heritage"),
    ("eshipz", "mela_ez", "eshipz_mela"),
    ("shipway", "mela_way", "shipway_mela"),
)
"""Aggregator, account and connection, as the demo's files name them."""
MALFORMED = "code: malformed\nname: [unclosed\n"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Postgres, sandbox and Airflow, with the demo's two stores, one with counted stock, one with a wrong password, and
    one malformed file.
    """
    # A space in the path: everything must bear it.
    folder = tmp_path_factory.mktemp("whole stack")
    # As root, Postgres runs as another user, who must get there; pytest's folders are closed.
    for closed in (folder, folder.parent, folder.parent.parent):
        closed.chmod(closed.stat().st_mode | 0o011)
    instances = folder / "instances"
    shutil.copytree(REPOSITORY / "instances" / "demo", instances)
    heritage = instances / "heritage.yaml"  # nobody tells its stock here
    heritage.write_text(heritage.read_text().replace("stock: counted", "stock: unlimited"))
    (instances / "malformed.yaml").write_text(MALFORMED)
    (instances / "lockedout.yaml").write_text(LOCKED_OUT.format(url="${HERITAGE_URL}"))
    (instances / "stocked.yaml").write_text(STOCKED)
    wrong = {"conn_type": "magento", "login": "nobody", "password": f"not-{SANDBOX_PASSWORD}"}
    with ShopServer().running() as shop:
        plan = Plan(
            folder / "state",
            instances,
            ("heritage", "mela", "stocked"),
            couriers=COURIERS,
            gateway=True,
            settings={
                "AIRFLOW_CONN_MAGENTO_LOCKEDOUT": json.dumps(wrong),
                "AIRFLOW_CONN_NOTIFY_MELA": json.dumps({"conn_type": "generic", "password": SECRET}),
                "AIRFLOW_CONN_NOTIFY_HERITAGE": json.dumps({"conn_type": "generic", "password": SECRET}),
                "SHOP_EVENTS_URL": shop.url,
            },
        )
        with LocalStack(plan).running() as running:
            whole = Stack(running, shop)
            whole.calm_down()
            yield whole
