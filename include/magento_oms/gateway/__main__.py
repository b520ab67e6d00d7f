"""`python -m magento_oms.gateway`: serves the gateway until it is told to end."""

from __future__ import annotations

from typing import Annotated

import typer
import uvicorn

from magento_oms.gateway.api.app import create_api
from magento_oms.gateway.api.room import KeptConfigs, Room
from magento_oms.gateway.app import create_app
from magento_oms.gateway.loading import load_doors
from magento_oms.gateway.working import working_beside
from magento_oms.orchestration.courier_wiring import order_check, webhook_readers
from magento_oms.orchestration.wiring import valid_instances
from magento_oms.storage.database import database_url


def main(
    host: Annotated[str, typer.Option(help="Where to listen; behind a proxy that speaks TLS.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Where to listen.", min=1, max=65535)] = 8070,
) -> None:
    """Take webhooks of couriers and stores, and serve the OMS API under /api/v1."""
    configs = KeptConfigs(valid_instances)
    room = Room(database_url(), configs, order_check(configs))
    app = create_app(database_url(), load_doors, create_api(room))
    # No access log: it would hold the secret paths.
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
        limit_concurrency=1000,
        h11_max_incomplete_event_size=16 * 1024,
    )
    with working_beside(database_url(), webhook_readers):
        uvicorn.Server(config).run()


if __name__ == "__main__":
    typer.run(main)
