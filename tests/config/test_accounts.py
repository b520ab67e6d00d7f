"""Accounts at courier aggregators: one account, however many stores name it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from magento_oms.config.accounts import courier_accounts
from magento_oms.config.load import load_instances

ACCOUNT = {"aggregator": "eshipz", "account": "ez", "connection_id": "eshipz_main"}


def instance(code: str, *accounts: dict[str, Any]) -> dict[str, Any]:
    address = {"lines": ["Plot 7"], "city": "Pune", "state": "Maharashtra", "pincode": "411001"}
    return {
        "code": code,
        "name": code.title(),
        "url": f"https://{code}.example",
        "stores": [
            {
                "store_id": 1,
                "code": "default",
                "name": "Shop",
                "live_from": "2026-11-01T00:00:00+05:30",
                "locations": [{"code": "pune", "name": "Pune", "address": address}],
                "aggregators": list(accounts),
            }
        ],
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def write(folder: Path, *contents: dict[str, Any]) -> None:
    for content in contents:
        (folder / f"{content['code']}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")


def test_two_instances_share_an_account(folder: Path) -> None:
    second = ACCOUNT | {"pickup_locations": {"pune": "Main WH"}}
    write(folder, instance("first", ACCOUNT), instance("second", second))

    loaded = load_instances(folder)
    account = courier_accounts(loaded.good)["ez"]

    assert loaded.problems == ()
    assert account.instances == ("first", "second")
    assert account.pickup_locations == {"pune": "Main WH"}
    assert account.budget.per_second == 2.46


@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({"aggregator": "shipway"}, "aggregator"),
        ({"connection_id": "another"}, "connection_id"),
        ({"request_budget": {"per_second": 1.0}}, "request_budget"),
    ],
)
def test_what_two_instances_say_of_one_account_must_agree(folder: Path, other: dict[str, Any], field: str) -> None:
    write(folder, instance("first", ACCOUNT), instance("second", ACCOUNT | other))

    loaded = load_instances(folder)

    assert [config.code for config in loaded.good] == ["first"]
    (problem,) = loaded.problems
    assert problem.file == "second.yaml"
    assert problem.line > 1
    assert problem.field == "stores.0.aggregators.0"
    assert f"differs in {field} from the instance 'first'" in problem.message


def test_two_stores_of_one_instance_must_agree(folder: Path) -> None:
    content = instance("first", ACCOUNT | {"pickup_locations": {"pune": "A"}})
    second = copy.deepcopy(content["stores"][0]) | {"store_id": 2, "code": "second"}
    second["aggregators"][0]["pickup_locations"] = {"pune": "B"}
    content["stores"].append(second)
    write(folder, content)

    (problem,) = load_instances(folder).problems

    assert "differs between two stores in pickup_locations" in problem.message


def test_a_pickup_location_is_one_of_the_stores_locations(folder: Path) -> None:
    write(folder, instance("first", ACCOUNT | {"pickup_locations": {"delhi": "North"}}))

    (problem,) = load_instances(folder).problems

    assert "'delhi', which is no location of this store" in problem.message


def test_an_account_is_listed_once_in_a_store(folder: Path) -> None:
    write(folder, instance("first", ACCOUNT, ACCOUNT))

    (problem,) = load_instances(folder).problems

    assert "'ez' is listed twice" in problem.message
