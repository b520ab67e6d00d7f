"""Airflow imports this: its components wait for a metadata database that restarts, instead of ending at once."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Engine, create_engine, event

PATIENCE = 30.0  # seconds


def create_metadata_engine(
    sql_alchemy_conn: str, *, engine_args: dict[str, Any], connect_args: dict[str, Any]
) -> Engine:
    """Airflow's engine, with patience at every new connection. A refused password is not waited for."""
    engine = create_engine(sql_alchemy_conn, connect_args=connect_args, **engine_args, future=True)

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, record: Any, args: Any, parameters: Any) -> Any:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return dialect.connect(*args, **parameters)
            except dialect.dbapi.OperationalError as error:
                if time.monotonic() > end or "authentication failed" in str(error):
                    raise
                time.sleep(0.2)

    return engine
