"""What Airflow's providers manager wants to know: the connection type `magento` and its form.

Read at every start of an Airflow process, so nothing is imported here.
"""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """The entry point `apache_airflow_provider`."""
    return {
        "package-name": "magento-oms",
        "name": "Magento",
        "description": "Magento 2 stores: orders in, comments, invoices and statuses out.",
        "versions": ["0.1.0"],
        "connection-types": [
            {
                "connection-type": "magento",
                "hook-class-name": "magento_hook.hook.MagentoHook",
                "hook-name": "Magento",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "port"],
                    "relabeling": {
                        "host": "Storefront URL",
                        "login": "Admin user name (admin token only)",
                        "password": "Admin password, or access token (bearer)",
                    },
                    "placeholders": {
                        "host": "https://shop.example.in",
                        "login": "empty for integrations",
                    },
                },
                "conn-fields": _fields(),
            }
        ],
    }


def _fields() -> dict[str, Any]:
    return {
        "auth": _field(
            "Authentication",
            "integration_oauth (recommended): the four values of an activated integration, signed with OAuth 1.0a. "
            "integration_bearer: its access token alone; Magento from 2.4.4 refuses it unless told otherwise. "
            "admin_token: user name and password of an admin without two-factor login.",
            {
                "type": "string",
                "enum": ["integration_oauth", "integration_bearer", "admin_token"],
                "default": "integration_oauth",
            },
        ),
        "consumer_key": _text("Consumer key", "Integration with OAuth."),
        "consumer_secret": _secret("Consumer secret", "Integration with OAuth."),
        "access_token": _secret("Access token", "Integration with OAuth or bearer."),
        "access_token_secret": _secret("Access token secret", "Integration with OAuth."),
        "store_code": _text("Store code", "Store view code in the URL; empty is the default view. Filters nothing."),
        "webhook_secret": _secret(
            "Webhook secret", "With which the store signs that orders changed, where it can. Empty: it is polled only."
        ),
        "connect_timeout": _seconds("Connect timeout", 5),
        "read_timeout": _seconds("Read timeout", 60),
        "total_timeout": _seconds("Total timeout of one answer", 120),
        "ca_bundle": _text("CA bundle", "Path of a file with further certificate authorities. Verification stays on."),
        "allow_http": _field(
            "Allow http",
            "Send credentials unencrypted to another machine. Never for a store on the internet.",
            {"type": ["boolean", "null"], "default": False},
        ),
    }


def _field(label: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": schema}


def _text(label: str, description: str) -> dict[str, Any]:
    return _field(label, description, {"type": ["string", "null"]})


def _secret(label: str, description: str) -> dict[str, Any]:
    return _field(label, description, {"type": ["string", "null"], "format": "password"})


def _seconds(label: str, default: int) -> dict[str, Any]:
    return _field(label, "Seconds.", {"type": ["number", "null"], "minimum": 1, "maximum": 600, "default": default})
