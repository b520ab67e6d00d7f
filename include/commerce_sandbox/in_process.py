"""A sandbox in this process, and one as a process of its own: for tests and benchmarks."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from commerce_sandbox.app import SandboxApp
from commerce_sandbox.client import ADMIN_PASSWORD, SandboxClient, SandboxError


@dataclass
class InProcess:
    """A sandbox's application, called without a network."""

    app: SandboxApp
    headers: dict[str, str] = field(default_factory=dict)

    def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """One request; `path` is below the host."""

        sent = {**self.headers, **(headers or {})}

        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://shop.test:8090") as client:
                return await client.request(
                    method,
                    path,
                    json=body,
                    headers=[(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
                    timeout=30,
                )

        return asyncio.run(run())

    def magento(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """One request to the default store's REST API, e.g. `V1/orders/2`."""
        return self.call(method, f"/rest/{path}", body, headers)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the control API; its JSON.

        Raises:
            SandboxError: it was refused.
        """
        response = self.call(method, f"/_sandbox/{path}", body)
        if response.status_code != 200:
            raise SandboxError(f"{method} {path}: {response.status_code} {response.text}")
        return response.json()

    def set_up(self, **settings: Any) -> None:
        """Change settings of the default store."""
        self.control("PUT", "instances/default", settings)

    def log_in(self, username: str = "admin", password: str = ADMIN_PASSWORD) -> httpx.Response:
        """Get a token and use it from now on, if there is one."""
        response = self.magento("POST", "V1/integration/admin/token", {"username": username, "password": password})
        if response.status_code == 200:
            self.headers["authorization"] = f"Bearer {response.json()}"
        return response

    def place(self, count: int = 1, **options: Any) -> list[int]:
        """Place generated orders; their ids."""
        placed = self.control("POST", "instances/default/orders", {"count": count, "options": options})
        return [int(each["entity_id"]) for each in placed["orders"]]


@contextmanager
def running(
    database_url: str, port: int | None = None, *arguments: str
) -> Iterator[tuple[SandboxClient, subprocess.Popen[bytes]]]:
    """A sandbox as a process of its own, listening on 127.0.0.1; killed at the end.

    Args:
        database_url: see `app.create_app`.
        port: where to listen; a free one if left out.
        arguments: further ones of `python -m commerce_sandbox`.

    Raises:
        SandboxError: it does not come up.
    """
    if port is None:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "commerce_sandbox", "--port", str(port), "--database-url", database_url, *arguments],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    client = SandboxClient(f"http://127.0.0.1:{port}")
    try:
        client.wait_until_ready()
        yield client, process
    finally:
        process.kill()
        process.wait()
