"""The only place that imports what Airflow may move between its versions."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from magento_oms.ports import ConfigurationError

if TYPE_CHECKING:
    from airflow.sdk import Connection


def connection(connection_id: str) -> Connection:
    """An Airflow connection, looked up as Airflow does: environment, secrets backend, metadata database.

    Airflow's own processes ask its API for what is in the metadata database. Any other process (a command) has no such
    API to ask, so it reads the database itself.

    Raises:
        ConfigurationError: there is none of that id, or the metadata database cannot be read.
    """
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return BaseHook.get_connection(connection_id)
    except AirflowNotFoundException:
        found = None if _airflow_runs_us() else _stored_connection(connection_id)
    if found is None:
        raise ConfigurationError(
            f"There is no Airflow connection {connection_id!r}.",
            way_out=f"Add it in the UI under Admin, Connections, or set AIRFLOW_CONN_{connection_id.upper()}.",
        )
    return found


def _airflow_runs_us() -> bool:
    """Whether this is a task, a trigger or another process of Airflow, all of which know all connections."""
    from airflow.sdk.execution_time import task_runner

    in_a_task = getattr(task_runner, "SUPERVISOR_COMMS", None) is not None
    return in_a_task or "_AIRFLOW_PROCESS_CONTEXT" in os.environ


def _stored_connection(connection_id: str) -> Connection | None:
    """The connection as the metadata database has it; None if it has none."""
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowException
    from airflow.secrets.metastore import MetastoreBackend
    from cryptography.fernet import InvalidToken
    from sqlalchemy.exc import DBAPIError

    try:
        row = MetastoreBackend().get_connection(connection_id)
        if row is None:
            return None
        return Connection(
            conn_id=connection_id,
            conn_type=row.conn_type,
            host=row.host,
            schema=row.schema,
            login=row.login,
            password=row.password,
            port=row.port,
            extra=row.extra,
        )
    except DBAPIError as error:
        # The driver's text names host and port, or the missing table; never the password.
        why = str(error.orig).strip().splitlines()[0]
        raise ConfigurationError(
            f"The Airflow connection {connection_id!r} is in no variable and no secrets backend, and Airflow's "
            f"metadata database cannot be read: {why}.",
            way_out=f"Set AIRFLOW__DATABASE__SQL_ALCHEMY_CONN as for Airflow itself, or "
            f"AIRFLOW_CONN_{connection_id.upper()}.",
        ) from None
    except (AirflowException, InvalidToken, ValueError):
        # Airflow's errors for a key that is missing, malformed or another one; reading an unencrypted row raises none.
        raise ConfigurationError(
            f"The Airflow connection {connection_id!r} is stored encrypted, and not with the key of this process.",
            way_out="Set AIRFLOW__CORE__FERNET_KEY as for Airflow itself.",
        ) from None
