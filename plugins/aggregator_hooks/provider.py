"""What Airflow's providers manager wants to know: one connection type an aggregator, and their forms.

Read at every start of an Airflow process, so only data is imported here.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from aggregator_hooks.fields import COMMON
from magento_oms.ports.registry import AGGREGATORS

_ALL = {"host", "schema", "login", "password", "port"}


def get_provider_info() -> dict[str, Any]:
    """The entry point `apache_airflow_provider`."""
    return {
        "package-name": "magento-oms",
        "name": "Courier aggregators",
        "description": f"{', '.join(AGGREGATORS.values())}: parcels booked, tracked, cancelled, returned.",
        "versions": ["0.1.0"],
        "connection-types": [_connection_type(name, title) for name, title in AGGREGATORS.items()],
    }


def _connection_type(name: str, title: str) -> dict[str, Any]:
    form = import_module(f"aggregator_hooks.{name}.form")
    shown = {"host": "API address (empty: the aggregator's own)", **form.RELABELING}
    return {
        "connection-type": name,
        "hook-class-name": f"aggregator_hooks.hooks.{title}Hook",
        "hook-name": title,
        "ui-field-behaviour": {"hidden-fields": sorted(_ALL - set(shown)), "relabeling": shown},
        "conn-fields": {**form.FIELDS, **COMMON},
    }
