"""A running OMS API over a real database, with the whole forward life behind it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from tests.workflows.fakes import FakeMagento
from tests.workflows.forward.conftest import Forward, forward_config, goods
from tests.workflows.oms import Oms

from magento_oms.config.models import InstanceConfig
from magento_oms.gateway.api.app import create_api
from magento_oms.gateway.api.callers import Callers
from magento_oms.gateway.api.room import Room
from magento_oms.storage import api_tokens, instances
from magento_oms.storage.api_tokens import Scope
from magento_oms.storage.database import engine


class Api:
    """A running OMS API with an order life behind it."""

    def __init__(self, url: str, forward: Forward) -> None:
        self.url = url
        self.forward = forward
        self.token = self.new_token("all", list(Scope))
        self.client = httpx.Client(base_url=url, timeout=20)

    def new_token(self, name: str, scopes: list[Scope], **more: Any) -> str:
        """A token of such a name."""
        with engine(self.forward.oms.url).begin() as connection:
            return api_tokens.create(connection, name, scopes, **more)

    def call(self, method: str, path: str, body: Any = None, token: str | None = None, **more: Any) -> httpx.Response:
        """One call with a token."""
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"} | more.pop("headers", {})
        return self.client.request(method, path, json=body, headers=headers, **more)

    def routed(self, *skus: str, quantity: int = 1) -> dict[str, Any]:
        """An order that was routed; its fulfilment as the API shows it."""
        self.forward.place(goods(*skus, quantity=quantity))
        self.forward.route()
        newest = self.forward.fulfilments()[-1]["id"]
        shown: dict[str, Any] = self.call("GET", f"/fulfilments/{newest}").json()
        return shown

    def ready(self, *skus: str, shipment: str = "WMS-1", quantity: int = 1) -> dict[str, Any]:
        """An order that was packed and has its papers; its fulfilment."""
        shown = self.routed(*skus, quantity=quantity)
        answer = self.call("POST", f"/fulfilments/{shown['id']}/pack", pack_body(shown, shipment))
        assert answer.status_code == 200, answer.text
        self.forward.push_magento()
        self.forward.push_couriers()
        now: dict[str, Any] = self.call("GET", f"/fulfilments/{shown['id']}").json()
        assert now["state"] == "ready"
        return now


@contextmanager
def running(database: str, *, config: InstanceConfig | None = None, **rates: tuple[float, float]) -> Iterator[Api]:
    """An API that serves until the block ends.

    Args:
        config: a store with two warehouses if not given.
        rates: see `Callers`; any number of requests if not given.
    """
    config = config or forward_config()
    with engine(database).begin() as connection:
        instances.configure(connection, config)
    forward = Forward(Oms(database), FakeMagento(), config)
    plenty = {"a_token": (1e6, 1e6), "strangers": (1e6, 1e6)}
    app = create_api(Room(database, {config.code: config}, forward.check()), Callers(database, **plenty | rates))
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    served = Starlette(routes=[Mount("/api/v1", app), Mount("/", app)])  # as the gateway has it, and plainly
    server = uvicorn.Server(uvicorn.Config(served, port=port, log_level="critical", access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    api = Api(f"http://127.0.0.1:{port}", forward)
    try:
        with api.client:
            yield api
    finally:
        server.should_exit = True
        thread.join()


def pack_body(shown: dict[str, Any], shipment: str = "WMS-1") -> dict[str, Any]:
    """All of a fulfilment in one box."""
    items = [{"item_id": line["item_id"], "quantity": line["quantity"]} for line in shown["lines"]]
    size = {"length_cm": "20", "breadth_cm": "15", "height_cm": "5", "weight_g": "650"}
    return {"shipment_id": shipment, "boxes": [{"items": items, **size}]}
