"""What Airflow shows and finds of the aggregators' connections."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import Any

import pytest
from airflow.sdk import Connection

from aggregator_hooks import hooks
from aggregator_hooks.connection import AccountConnection
from aggregator_hooks.hooks import AggregatorHook, read_connection
from aggregator_hooks.provider import get_provider_info
from aggregator_hooks.registry import VENDORS, vendor_of
from magento_oms.ports import AGGREGATORS, Aggregator, ConfigurationError, Operation

FORMS = {form["connection-type"]: form for form in get_provider_info()["connection-types"]}
GOOD: dict[str, Any] = {"login": "someone@example.com", "password": "s3cret-enough"}


def connection(vendor: str, **more: Any) -> Connection:
    extra = more.pop("extra", {})
    return Connection(conn_id=f"{vendor}_main", conn_type=vendor, extra=json.dumps(extra), **{**GOOD, **more})


def account(vendor: str, **more: Any) -> AccountConnection:
    return read_connection(VENDORS[vendor], connection(vendor, **more))


def test_every_aggregator_has_a_package_a_form_and_a_hook() -> None:
    assert list(FORMS) == list(AGGREGATORS) == list(VENDORS)
    for name, form in FORMS.items():
        module, _, cls = form["hook-class-name"].rpartition(".")
        assert module == hooks.__name__
        hook: type[AggregatorHook] = getattr(hooks, cls)
        assert (hook.conn_type, hook.hook_name, hook.vendor.name) == (name, AGGREGATORS[name], name)


def test_a_package_without_an_entry_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_aggregator"):
        vendor_of("no_such_aggregator")


def test_airflow_registers_every_hook() -> None:
    # In a process of its own: Airflow keeps its registry, and warns of what it could not register.
    code = (
        "from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime as R;"
        f"print([n for n in {list(AGGREGATORS)} if R().hooks[n] is None])"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120)

    assert done.stdout.splitlines()[-1:] == ["[]"], done.stdout + done.stderr


@pytest.mark.parametrize("vendor", AGGREGATORS)
def test_an_account_is_opened_by_its_connection(vendor: str) -> None:
    logging.getLogger("airflow").setLevel(logging.ERROR)
    hook = getattr(hooks, f"{AGGREGATORS[vendor]}Hook")
    hook = hook(f"{vendor}_main")
    hook._record = connection(vendor)

    opened = hook.get_conn()

    assert isinstance(opened, Aggregator)
    assert opened.account == f"{vendor}_main"
    assert Operation.TRACK in opened.operations


@pytest.mark.parametrize("vendor", AGGREGATORS)
def test_the_aggregators_own_address_is_used_and_secrets_are_shown_to_nobody(vendor: str) -> None:
    made = account(vendor, extra={"webhook_secret": "hook-secret-1"})

    assert made.base_url == VENDORS[vendor].default_url
    assert "s3cret-enough" not in repr(made)
    assert "hook-secret-1" not in repr(made)
    assert set(made.secrets) == {"s3cret-enough", "hook-secret-1"}


@pytest.mark.parametrize("vendor", AGGREGATORS)
def test_missing_credentials_are_named(vendor: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        account(vendor, login="", password="")

    assert "password" in str(refusal.value)
    assert f"{vendor}_main" in str(refusal.value)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"host": "http://api.example.in"}, "unencrypted"),
        ({"host": "ftp://api.example.in"}, "no plain web address"),
        ({"host": "https://user:pw@api.example.in"}, "no plain web address"),
        ({"extra": {"connect_timeout": "soon"}}, "connect_timeout"),
        ({"extra": {"verify": False}}, "verif"),
    ],
)
def test_connections_that_cannot_be_used_say_why(more: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        account("eshipz", **more)

    assert told in str(refusal.value)
    assert "s3cret-enough" not in str(refusal.value)


def test_the_test_button_tells_what_is_there_or_what_is_wrong(httpserver: Any) -> None:
    httpserver.expect_request("/getcarrier").respond_with_json({"success": 1, "message": [{"id": "1", "name": "A"}]})
    httpserver.expect_request("/getwarehouses").respond_with_json({"success": 1, "message": "No warehouse found"})
    hook = getattr(hooks, "ShipwayHook")("shipway_main")  # noqa: B009  (the class is made from the registry)
    hook._record = connection("shipway", host=httpserver.url_for("").rstrip("/"))

    assert hook.test_connection() == (True, "Shipway answers: 1 couriers, 0 pickup locations.")

    httpserver.clear()
    httpserver.expect_request("/getcarrier").respond_with_json(
        {"success": False, "message": "Unauthorized"}, status=401
    )

    good, told = hook.test_connection()
    assert not good
    assert "licence key" in told
