"""Stock at the hook: what is sent, what answers mean, and the stand-in's whole way from a quantity to what sells."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from commerce_sandbox.client import SandboxClient
from magento_hook.connection import AuthKind
from magento_hook.errors import MissingPermission
from magento_hook.store import MagentoStore
from magento_oms.ports import NotFound, PermanentError, RetryableError, UnknownOutcome
from magento_oms.ports.inventory import StockLine, TooManyLines

if TYPE_CHECKING:
    from tests.magento_hook.doubles import recorded
else:
    from magento_hook_doubles import recorded

D = Decimal
ODD = ("A/1", "50% off", "a+b", "what?", "#9", "साड़ी", "X,Y")
WRITE = "/rest/V1/inventory/source-items"


def products(*skus: str) -> list[dict[str, Any]]:
    return [{"id": 100 + number, "sku": sku, "name": sku, "type_id": "simple"} for number, sku in enumerate(skus)]


def answer_with(server: HTTPServer, path: str, number: int, method: str = "POST") -> list[Any]:
    """A recorded answer; returns the bodies that came."""
    came: list[Any] = []

    def handle(request: Request) -> Response:
        came.append(request.get_json(silent=True))
        real = recorded(number)
        return Response(real.body, real.status, content_type=real.headers["Content-Type"])

    server.expect_request(path, method=method).respond_with_handler(handle)
    return came


# Against answers of a real Magento 2.4.7 ------------------------------------------------------------------------------


def test_source_items_are_sent_as_magento_takes_them(server: HTTPServer, store: MagentoStore) -> None:
    came = answer_with(server, WRITE, 232)
    store.set_source_items([StockLine("A/1", "default", D("2.5")), StockLine("B", "wh_blr", D(0))])
    assert came == [
        {
            "sourceItems": [
                {"sku": "A/1", "source_code": "default", "quantity": 2.5, "status": 1},
                {"sku": "B", "source_code": "wh_blr", "quantity": 0, "status": 0},
            ]
        }
    ]


@pytest.mark.parametrize(
    ("number", "error", "says"),
    [
        (238, RetryableError, "Could not save Source Item"),
        (247, PermanentError, '"sku" can not be empty'),
        (248, PermanentError, "leading or trailing spaces"),
    ],
)
def test_refusals_of_source_items(
    server: HTTPServer, store: MagentoStore, number: int, error: type[Exception], says: str
) -> None:
    answer_with(server, WRITE, number)
    with pytest.raises(error, match=says):
        store.set_source_items([StockLine("A", "default", D(1))])


def test_a_limit_of_lines_is_told(server: HTTPServer, store: MagentoStore) -> None:
    body = {"message": 'Maximum items of type "%type" is %max', "parameters": {"type": "SourceItem", "max": 20}}
    server.expect_request(WRITE).respond_with_json(body, status=400)
    with pytest.raises(TooManyLines, match="is 20") as refused:
        store.set_source_items([StockLine("A", "default", D(1))])
    assert refused.value.limit == 20


def test_a_lost_answer_of_stock_is_of_unknown_outcome(server: HTTPServer, store: MagentoStore) -> None:
    server.expect_request(WRITE).respond_with_data("<html>Bad Gateway</html>", status=502, content_type="text/html")
    with pytest.raises(UnknownOutcome):
        store.set_source_items([StockLine("A", "default", D(1))])


def test_a_stock_item_of_an_unknown_sku(server: HTTPServer, store: MagentoStore) -> None:
    answer_with(server, "/rest/V1/products/NOPE/stockItems/1", 209, method="PUT")
    with pytest.raises(NotFound, match="NOPE"):
        store.set_stock_item("NOPE", D(5))


def test_the_salable_quantity(server: HTTPServer, store: MagentoStore) -> None:
    answer_with(server, "/rest/V1/inventory/get-product-salable-quantity/SKU-007/1", 258, method="GET")
    assert store.salable_quantity("SKU-007", 1) == 0


def test_smaller_pages_are_asked_for_where_the_store_wants_them(server: HTTPServer, store: MagentoStore) -> None:
    sizes: list[int] = []

    def handle(request: Request) -> Response:
        size = int(request.args["searchCriteria[pageSize]"])
        sizes.append(size)
        if size > 2:
            body: Any = {"message": "Maximum SearchCriteria pageSize is %max", "parameters": {"max": 2}}
            return Response(json.dumps(body), 400, content_type="application/json")
        asked = request.args["searchCriteria[filter_groups][0][filters][0][value]"].split(",")
        rows = [{"sku": sku, "type_id": "simple"} for sku in asked]
        return Response(json.dumps({"items": rows, "total_count": len(rows)}), content_type="application/json")

    server.expect_request("/rest/V1/products").respond_with_handler(handle)
    assert store.product_types(["A", "B", "C"]) == {"A": "simple", "B": "simple", "C": "simple"}
    assert sizes == [300, 2, 2]


# Against the stand-in -------------------------------------------------------------------------------------------------


def test_from_a_quantity_to_what_sells(sandbox: SandboxClient, connect: Callable[..., MagentoStore]) -> None:
    sandbox.put_products(products("KURTA", "SAREE"), 5)
    store = connect()
    layout = store.stock_layout()
    assert layout is not None
    assert layout.sources_of[layout.stock_of[1]] == {"default"}
    store.set_source_items([StockLine("KURTA", "default", D(12)), StockLine("SAREE", "default", D(0))])
    assert store.source_quantities([("KURTA", "default"), ("SAREE", "default"), ("NONE", "default")]) == {
        ("KURTA", "default"): 12,
        ("SAREE", "default"): 0,
    }
    assert (store.salable_quantity("KURTA", 1), store.stock_item_quantity("KURTA")) == (D(12), D(12))


def test_odd_skus_are_told_and_found(sandbox: SandboxClient, connect: Callable[..., MagentoStore]) -> None:
    sandbox.put_products(products(*ODD), 1)
    store = connect()
    assert store.product_types([*ODD, "NONE", "a/1"]) == dict.fromkeys([*ODD, "a/1"], "simple")
    for number, sku in enumerate(ODD):
        store.set_stock_item(sku, D(number))
        assert store.stock_item_quantity(sku) == number
    assert store.source_quantities([(sku, "default") for sku in ODD]) == {
        (sku, "default"): D(number) for number, sku in enumerate(ODD)
    }


def test_a_store_without_sources_says_so(sandbox: SandboxClient, connect: Callable[..., MagentoStore]) -> None:
    sandbox.put_products(products("KURTA"), 1)
    sandbox.set_up(switches={"msi": False})
    store = connect()
    assert store.stock_layout() is None
    store.set_stock_item("KURTA", D(7))
    assert store.stock_item_quantity("KURTA") == 7


def test_a_missing_permission_is_named(sandbox: SandboxClient, connect: Callable[..., MagentoStore]) -> None:
    integration = {
        "consumer_key": "k" * 32, "consumer_secret": "s" * 32, "token": "t" * 32, "token_secret": "u" * 32,
        "resources": ["Magento_Sales::actions_view"],
    }  # fmt: skip
    sandbox.set_up(integrations=[integration])
    store = connect(
        auth=AuthKind.INTEGRATION_OAUTH, consumer_key="k" * 32, consumer_secret="s" * 32, access_token="t" * 32,
        access_token_secret="u" * 32,
    )  # fmt: skip
    with pytest.raises(MissingPermission, match="Magento_InventoryApi"):
        store.stock_layout()
