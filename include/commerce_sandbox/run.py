"""Runs the sandbox as a server process."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

import uvicorn

from commerce_sandbox.app import create_app
from commerce_sandbox.profiles import PROFILES
from commerce_sandbox.store import DEFAULT_INSTANCE
from commerce_sandbox.versions import VERSIONS

DATABASE_URL_VARIABLE = "COMMERCE_SANDBOX_DATABASE_URL"


def serve(
    host: str,
    port: int,
    database_url: str,
    *,
    profile: str = "none",
    version: str = "2.4.7",
    instances: Sequence[str] = (DEFAULT_INSTANCE,),
    couriers: Sequence[str] = (),
    threads: int = 8,
) -> None:
    """Serve until SIGINT or SIGTERM. Everything answered is durable: the process may be killed at any time.

    Args:
        host, port: where to listen.
        database_url: the sandbox's own Postgres database; its tables are made.
        profile, version, instances, couriers, threads: see `app.create_app`.
    """
    app = create_app(
        database_url, profile=profile, version=version, instances=instances, couriers=couriers, threads=threads
    )
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        date_header=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=3,
    )
    uvicorn.Server(config).run()


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line of `python -m commerce_sandbox`."""
    parser = argparse.ArgumentParser(
        prog="commerce_sandbox", description="A stand-in for Magento stores, with faults on demand and durable state."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument(
        "--database-url",
        default=os.environ.get(DATABASE_URL_VARIABLE),
        help=f"postgresql://… of the sandbox's own database (or the environment's {DATABASE_URL_VARIABLE})",
    )
    parser.add_argument("--profile", choices=sorted(PROFILES), default="none", help="speed of new instances")
    parser.add_argument("--version", choices=VERSIONS, default="2.4.7", help="Magento version of new instances")
    parser.add_argument(
        "--instance", action="append", dest="instances", help="an instance to make if it is not there; may be repeated"
    )
    parser.add_argument(
        "--courier",
        action="append",
        dest="couriers",
        metavar="AGGREGATOR:CODE",
        help="a courier account to make if it is not there, e.g. shiprocket:main; may be repeated",
    )
    parser.add_argument("--threads", type=int, default=8, help="calls worked on at once")
    chosen = parser.parse_args(arguments)
    if not chosen.database_url:
        parser.error(f"give --database-url or set {DATABASE_URL_VARIABLE}")
    serve(
        chosen.host,
        chosen.port,
        chosen.database_url,
        profile=chosen.profile,
        version=chosen.version,
        instances=chosen.instances or (DEFAULT_INSTANCE,),
        couriers=chosen.couriers or (),
        threads=chosen.threads,
    )
