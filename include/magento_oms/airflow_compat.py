"""The only place that imports what Airflow may move between its versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magento_oms.ports import ConfigurationError

if TYPE_CHECKING:
    from airflow.sdk import Connection


def connection(connection_id: str) -> Connection:
    """An Airflow connection, looked up as Airflow does: environment, secrets backend, metadata database.

    Raises:
        ConfigurationError: there is none of that id.
    """
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return BaseHook.get_connection(connection_id)
    except AirflowNotFoundException:
        raise ConfigurationError(
            f"There is no Airflow connection {connection_id!r}.",
            way_out=f"Add it in the UI under Admin, Connections, or set AIRFLOW_CONN_{connection_id.upper()}.",
        ) from None
