"""List calls: what filters, sorting, paging and `fields` really do."""

from __future__ import annotations

import pytest

from commerce_sandbox.in_process import InProcess

FILTER = "searchCriteria[filter_groups][{group}][filters][{number}][{key}]={value}"

FILTER_WITHOUT_INDEX = "searchCriteria[filter_groups][0][filters][]"


def where(*conditions: tuple[str, str, str], group: int = 0) -> str:
    """Filters of one group, ORed."""
    return "&".join(
        FILTER.format(group=group, number=number, key=key, value=value)
        for number, condition in enumerate(conditions)
        for key, value in zip(("field", "value", "condition_type"), condition, strict=True)
    )


def ids(sandbox: InProcess, query: str) -> list[int]:
    """The ids that a query for orders finds."""
    answer = sandbox.magento("GET", f"V1/orders?{query}&fields=items[entity_id]").json()
    return [int(item["entity_id"]) for item in answer["items"] or []]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (("entity_id", "1,2 ,3", "in"), [1, 2, 3]),
        (("increment_id", "000000001, 000000002", "in"), [1]),
        (("entity_id", "3", "almost"), [3]),
        (("entity_id", "3", "gte"), [3]),
        (("status", "FRAUD", "eq"), [2500065]),
        (("status", "fra_d", "like"), [2500065]),
        (("status", "pending,processing,complete,canceled,closed,fraud", "nin"), [2500064]),
        (("total_paid", "2086.65", "eq"), [2500067]),
        (("coupon_code", "", "notnull"), [2500067]),
        (("created_at", "2026-11-23T14:00:49Z", "gteq"), [2500069]),
        (("created_at", "2026-11-23 13:29:14", "lteq"), [1]),
        (("entity_id", "2abc", "eq"), [2]),
        (("customer_email", "ASHA902@example.com", "eq"), [63]),
        (("shipping_method", "nonesuch", "eq"), []),
    ],
)
def test_conditions(recorded: InProcess, condition: tuple[str, str, str], expected: list[int]) -> None:
    assert ids(recorded, where(condition)) == expected


@pytest.mark.parametrize(("value", "found"), [("yesterday", 97), ("2026-11-23T19:30:49+05:30", 0)])
def test_dates_are_read_as_mysql_reads_them(recorded: InProcess, value: str, found: int) -> None:
    query = where(("created_at", value.replace("+", "%2B"), "gteq"))
    assert recorded.magento("GET", f"V1/orders?{query}&fields=total_count").json() == {"total_count": found}


def test_groups_are_anded_and_filters_in_a_group_ored(recorded: InProcess) -> None:
    either = where(("entity_id", "2", "eq"), ("entity_id", "64", "eq"))
    assert ids(recorded, either) == [2, 64]
    assert ids(recorded, either + "&" + where(("status", "canceled", "eq"), group=1)) == [64]


def test_keyset_pages_meet_every_order_once(recorded: InProcess) -> None:
    seen: list[int] = []
    at, last = "2000-01-01 00:00:00", 0
    while True:
        query = (
            where(("updated_at", at, "gteq"))
            + "&"
            + where(("updated_at", at, "gt"), ("entity_id", str(last), "gt"), group=1)
            + "&searchCriteria[sortOrders][0][field]=updated_at&searchCriteria[sortOrders][0][direction]=ASC"
            + "&searchCriteria[sortOrders][1][field]=entity_id&searchCriteria[sortOrders][1][direction]=ASC"
            + "&searchCriteria[pageSize]=10"
        )
        items = recorded.magento("GET", f"V1/orders?{query}").json()["items"]
        seen += [item["entity_id"] for item in items]
        if len(items) < 10:
            break
        at, last = items[-1]["updated_at"], items[-1]["entity_id"]
    assert len(seen) == len(set(seen)) == 97


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("searchCriteria[pageSize]=2&searchCriteria[currentPage]=0", [1, 2]),
        ("searchCriteria[pageSize]=2&searchCriteria[currentPage]=2", [3, 4]),
        ("searchCriteria[pageSize]=-3", [1]),
        ("searchCriteria[page_size]=1", [1]),
        ("search_criteria[pageSize]=1&search_criteria[sortOrders][0][field]=entity_id", [2500069]),
        ("searchCriteria[pageSize]=50&searchCriteria[currentPage]=9", []),
    ],
)
def test_pages_and_sorting(recorded: InProcess, query: str, expected: list[int]) -> None:
    assert ids(recorded, query) == expected


def test_without_a_page_size_everything_comes(recorded: InProcess) -> None:
    assert len(ids(recorded, "searchCriteria=")) == 97
    assert len(ids(recorded, "searchCriteria[pageSize]=0")) == 97


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("V1/orders", 400, '"%fieldName" is required. Enter and try again.'),
        (f"V1/orders?{where(('sku', 'x', 'eq'))}", 500, "Internal Error."),
        ("V1/orders?searchCriteria[sortOrders][0][field]=nope", 500, "Internal Error."),
        (
            f"V1/orders?{FILTER_WITHOUT_INDEX}[field]=status&{FILTER_WITHOUT_INDEX}[value]=pending",
            500,
            "Internal Error.",
        ),
        (f"V1/products?{where(('nope', 'x', 'eq'))}", 400, 'The "%1" attribute name is invalid.'),
        (f"V1/customers/search?{where(('nope', 'x', 'eq'))}", 400, 'The "%1" attribute name is invalid.'),
        ("V1/orders?searchCriteria[currentPage]=x", 400, 'Error occurred during "currentPage" processing.'),
        ("V1/orders?searchCriteria[nope]=1", 400, '"%fieldName" is not supported.'),
    ],
)
def test_criteria_that_cannot_be_served(recorded: InProcess, path: str, status: int, message: str) -> None:
    refused = recorded.magento("GET", path)
    assert refused.status_code == status
    if message != "Internal Error.":
        assert refused.json()["message"].startswith(message)
    else:
        assert "Report ID: webapi-" in refused.json()["message"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("items[entity_id],total_count", {"items": [{"entity_id": 1}], "total_count": 97}),
        ("items[nope],total_count", {"items": [[]], "total_count": 97}),
        ("entity_id", []),
        ("items[entity_id, status]", []),
        ("items[entity_id", []),
        ("items[payment[method]]", {"items": [{"payment": {"method": "cashondelivery"}}]}),
    ],
)
def test_fields(recorded: InProcess, fields: str, expected: object) -> None:
    answer = recorded.magento("GET", f"V1/orders?searchCriteria[pageSize]=1&fields={fields}")
    assert answer.json() == expected


@pytest.fixture
def history(sandbox: InProcess) -> InProcess:
    """The recorded orders in a sandbox whose settings the test changes."""
    sandbox.control("POST", "instances/default/history")
    return sandbox


@pytest.mark.parametrize(("version", "expected"), [("2.3", [2500069]), ("2.4.7", [])])
def test_a_page_past_the_end_depends_on_the_version(history: InProcess, version: str, expected: list[int]) -> None:
    history.set_up(version=version)
    assert ids(history, "searchCriteria[pageSize]=96&searchCriteria[currentPage]=5") == expected


def test_limits_are_the_versions_or_the_stores_own(history: InProcess) -> None:
    body = {"sourceItems": [{"sku": "SKU-001", "source_code": "default", "quantity": 1, "status": 1}] * 21}
    assert history.magento("POST", "V1/inventory/source-items", body).status_code == 200

    history.set_up(version="2.4.3")
    refused = history.magento("GET", "V1/orders?searchCriteria[pageSize]=301")
    assert refused.json() == {"message": "Maximum SearchCriteria pageSize is %max", "parameters": {"max": 300}}
    assert history.magento("POST", "V1/inventory/source-items", body).json()["parameters"]["max"] == 20

    history.set_up(version="2.4.7", input_limits={"max_page_size": 5, "default_page_size": 3, "array": 50})
    assert history.magento("GET", "V1/orders?searchCriteria[pageSize]=6").status_code == 400
    assert len(ids(history, "searchCriteria=")) == 3
