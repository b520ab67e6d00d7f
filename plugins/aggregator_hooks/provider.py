"""What Airflow's providers manager wants to know: one connection type an aggregator, and their forms.

Read at every start of an Airflow process, so only data is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aggregator_hooks.clickpost import form as clickpost
from aggregator_hooks.eshipz import form as eshipz
from aggregator_hooks.fields import COMMON
from aggregator_hooks.shiprocket import form as shiprocket
from aggregator_hooks.shipway import form as shipway

_ALL = {"host", "schema", "login", "password", "port"}


def get_provider_info() -> dict[str, Any]:
    """The entry point `apache_airflow_provider`."""
    return {
        "package-name": "magento-oms",
        "name": "Courier aggregators",
        "description": "Shiprocket, Clickpost, Shipway and Eshipz: parcels booked, tracked, cancelled, returned.",
        "versions": ["0.1.0"],
        "connection-types": [
            _connection_type("shiprocket", "Shiprocket", shiprocket.RELABELING, shiprocket.FIELDS),
            _connection_type("clickpost", "Clickpost", clickpost.RELABELING, clickpost.FIELDS),
            _connection_type("shipway", "Shipway", shipway.RELABELING, shipway.FIELDS),
            _connection_type("eshipz", "Eshipz", eshipz.RELABELING, eshipz.FIELDS),
        ],
    }


def _connection_type(name: str, title: str, relabeling: Mapping[str, str], fields: Mapping[str, Any]) -> dict[str, Any]:
    shown = {"host": "API address (empty: the aggregator's own)", **relabeling}
    return {
        "connection-type": name,
        "hook-class-name": f"aggregator_hooks.hooks.{title}Hook",
        "hook-name": title,
        "ui-field-behaviour": {"hidden-fields": sorted(_ALL - set(shown)), "relabeling": shown},
        "conn-fields": {**fields, **COMMON},
    }
