"""A gateway over a real OMS database, reached by real HTTP."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
import uvicorn
from sqlalchemy import text

sys.path.insert(0, str(Path(__file__).parents[2]))  # the tests' own modules are imported as `tests.…`

from tests.gateway.oms_api import Api, running

from aggregator_hooks.registry import VENDORS
from magento_oms.gateway.app import create_app
from magento_oms.gateway.doors import CourierDoor, Doors
from magento_oms.gateway.working import work
from magento_oms.storage.database import engine
from magento_oms.workflows.couriers.webhooks import Readers, WebhookReader

PATHS = {name: f"{name[::-1]}-0123456789-abcdefghij" for name in VENDORS}
SECRETS = {name: f"{name}-secret-1" for name in VENDORS}
STORE_SECRET = "store-secret-1"


def door(name: str, *secrets: str, paths: tuple[str, ...] = ()) -> CourierDoor:
    """The door of an account called as its vendor."""
    vendor = VENDORS[name]
    return CourierDoor(
        f"courier:{name}",
        paths or (PATHS[name],),
        secrets,
        vendor.webhook_headers,
        vendor.body_secret,
        vendor.read_webhook,
    )


def readers() -> Readers:
    """All accounts' readers."""
    return {
        f"courier:{name}": WebhookReader(name, vendor.read_webhook, vendor.statuses) for name, vendor in VENDORS.items()
    }


@dataclass
class Gateway:
    """A running one."""

    url: str
    database: str
    doors: list[Doors]
    client: httpx.Client = field(repr=False)

    def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """One webhook."""
        sent = {"content": body} if isinstance(body, (bytes, str)) else {"json": body}
        return self.client.post(f"{self.url}/webhooks/{path}", **sent, **more)

    def rows(self) -> list[dict[str, Any]]:
        """What is stored."""
        with engine(self.database).connect() as connection:
            found = connection.execute(text("select target, body, repeats, outcome from webhook order by id"))
            return [dict(row) for row in found.mappings()]


@pytest.fixture
def gateway(oms_database: str) -> Iterator[Gateway]:
    now = [Doors(tuple(door(name, SECRETS[name]) for name in VENDORS), {"loom": (STORE_SECRET,)})]
    app = create_app(oms_database, lambda: now[0])
    ended = threading.Event()
    worker = threading.Thread(target=work, args=(oms_database, readers, ended.is_set), daemon=True)
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical", access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    with structlog.testing.capture_logs():
        thread.start()
        worker.start()
        until = time.monotonic() + 15
        while not server.started and time.monotonic() < until:
            time.sleep(0.02)
        with httpx.Client(timeout=15, trust_env=False) as client:
            yield Gateway(f"http://127.0.0.1:{port}", oms_database, now, client)
        ended.set()
        worker.join(timeout=15)
        server.should_exit = True
        thread.join(timeout=15)


@pytest.fixture
def api(oms_database: str) -> Iterator[Api]:
    with running(oms_database) as started:
        yield started
