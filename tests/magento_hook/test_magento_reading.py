"""Reading orders: pages by key, whatever moves meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from magento_hook.client import MagentoClient
from magento_hook.orders import OrderReader
from magento_hook.store import MagentoStore
from magento_oms.ports import ConfigurationError, Cursor, Magento, NotFound, OrderFilter, RetryableError

if TYPE_CHECKING:
    from tests.magento_hook.doubles import NOW, RECORDED, Row, Shop, ShopClient, read_query, recorded
else:
    from magento_hook_doubles import NOW, RECORDED, Row, Shop, ShopClient, read_query, recorded

START = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)


def row(entity_id: int, second: int, status: str | None = "pending", store_id: int = 1) -> Row:
    moment = f"{START + timedelta(seconds=second):%Y-%m-%d %H:%M:%S}"
    return {
        "entity_id": entity_id,
        "updated_at": moment,
        "created_at": moment,
        "status": status,
        "store_id": store_id,
    }


def reader(shop: Shop) -> OrderReader:
    return OrderReader(cast(MagentoClient, ShopClient(shop)))


def read_all(
    source: OrderReader, where: OrderFilter, *, page_size: int, by: str, cursor: Cursor | None = None
) -> list[tuple[int, str]]:
    seen = []
    for _ in range(1_000):
        page = source.page_after(cursor, where, page_size=page_size, by=by)
        seen += [(int(order["entity_id"]), str(order["updated_at"])) for order in page.orders]
        if page.last:
            return seen
        cursor = page.end or cursor
    raise AssertionError("reading does not end")


def serve(server: HTTPServer, shop: Shop) -> None:
    def handle(request: Request) -> Response:
        status, body = shop.list(request.query_string.decode())
        return Response(json.dumps(body), status, content_type="application/json; charset=utf-8")

    server.expect_request("/rest/V1/orders", method="GET").respond_with_handler(handle)


def test_it_is_the_port(store: MagentoStore) -> None:
    port: Magento = store
    assert port.instance == "kurta"


def test_a_recorded_page_comes_with_exact_money_and_its_own_text(server: HTTPServer, store: MagentoStore) -> None:
    answer = json.loads(recorded(18).body)
    answer["items"].sort(key=lambda order: (order["updated_at"], order["entity_id"]))
    text = json.dumps(answer, ensure_ascii=False)
    server.expect_request("/rest/V1/orders").respond_with_data(text, content_type="application/json")
    page = store.page_after(None, OrderFilter(statuses=("pending", "processing")), page_size=100)
    assert len(page.orders) == len(page.raw) == 61
    assert page.last
    assert [json.loads(raw) for raw in page.raw] == answer["items"]
    assert all(raw.decode() in text for raw in page.raw)
    fractions = [value for order in page.orders for value in order.values() if isinstance(value, Decimal)]
    assert not any(isinstance(value, float) for order in page.orders for value in _leaves(order))
    assert all(isinstance(order["grand_total"], int | Decimal) for order in page.orders)
    assert page.end == Cursor(
        datetime.strptime(answer["items"][-1]["updated_at"] + "Z", "%Y-%m-%d %H:%M:%S%z"),
        answer["items"][-1]["entity_id"],
    )
    assert all(str(value) in text for value in fractions)
    assert abs(page.server_time - datetime.now(UTC)) < timedelta(seconds=30)


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in _leaves(each)]
    if isinstance(value, list):
        return [leaf for each in value for leaf in _leaves(each)]
    return [value]


def test_fractions_keep_all_their_digits(server: HTTPServer, store: MagentoStore) -> None:
    text = '{"entity_id": 7, "updated_at": "2026-11-23 13:00:00", "grand_total": 1062.10000000000000000001}'
    server.expect_request("/rest/V1/orders/7").respond_with_data(text, content_type="application/json")
    page = store.page_of(7)
    assert page.orders[0]["grand_total"] == Decimal("1062.10000000000000000001")
    assert page.raw == [text.encode()]


@pytest.mark.parametrize("by", ["updated_at", "entity_id"])
@pytest.mark.parametrize("past_end", ["empty", "repeat"])
@pytest.mark.parametrize("number", [0, 1, 9, 10, 11, 20])
def test_every_order_is_read_once_whatever_comes_past_the_end(by: str, past_end: str, number: int) -> None:
    shop = Shop([row(each, second=each // 3) for each in range(1, number + 1)], past_end=past_end)
    seen = read_all(reader(shop), OrderFilter(), page_size=10, by=by)
    assert [entity_id for entity_id, _ in seen] == list(range(1, number + 1))
    assert {asked.page for asked in shop.asked} == {1}
    assert all(direction == "ASC" for asked in shop.asked for _, direction in asked.sort)


def test_the_page_size_is_learnt_from_the_refusal_and_kept(server: HTTPServer, store: MagentoStore) -> None:
    shop = Shop([row(each, each) for each in range(1, 121)], largest=50)
    serve(server, shop)
    assert len(read_all(store, OrderFilter(), page_size=100, by="updated_at")) == 120
    assert [asked.page_size for asked in shop.asked] == [100, 50, 50, 50]
    assert len(store.page_after(None, OrderFilter(), page_size=20).orders) == 20


def test_a_page_that_was_cut_short_on_the_way_is_not_the_last() -> None:
    rows = [row(each, each) for each in range(1, 31)]

    class Cutting(Shop):
        def list(self, query: str) -> tuple[int, dict[str, Any]]:
            status, body = super().list(query)
            body["items"] = body["items"][:7]
            return status, body

    assert len(read_all(reader(Cutting(rows)), OrderFilter(), page_size=10, by="updated_at")) == 30


def test_a_store_that_ignores_the_sort_order_is_found_out() -> None:
    class Unsorted(Shop):
        def list(self, query: str) -> tuple[int, dict[str, Any]]:
            status, body = super().list(query)
            return status, {**body, "items": body["items"][::-1]}

    with pytest.raises(ConfigurationError, match="does not sort or filter orders as asked"):
        reader(Unsorted([row(1, 1), row(2, 2)])).page_after(None, OrderFilter(), page_size=10)


def test_a_store_that_ignores_the_filter_is_found_out() -> None:
    class Unfiltered(Shop):
        def list(self, query: str) -> tuple[int, dict[str, Any]]:
            return 200, {"items": self.rows, "total_count": len(self.rows)}

    with pytest.raises(ConfigurationError, match="out of place"):
        reader(Unfiltered([row(1, 1), row(2, 2)])).page_after(
            Cursor(START + timedelta(seconds=1), 1), OrderFilter(), page_size=10
        )


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Row], list[tuple[str, int]]]:
    """Some orders, and what happens to them after each answer: they change, appear or vanish."""
    number = draw(st.integers(1, 25))
    rows = [row(each, draw(st.integers(0, 8))) for each in range(1, number + 1)]
    events = draw(
        st.lists(
            st.tuples(st.sampled_from(["touch", "add", "delete"]), st.integers(1, number)),
            max_size=20,
        )
    )
    return rows, events


@settings(max_examples=100, deadline=None)
@given(histories(), st.integers(1, 6), st.sampled_from(["updated_at", "entity_id"]))
def test_no_order_that_stays_is_lost_while_others_move(
    history: tuple[list[Row], list[tuple[str, int]]], page_size: int, by: str
) -> None:
    rows, events = history
    shop = Shop([dict(each) for each in rows])
    clock, todo, deleted = 10, list(events), set()
    at_last_answer: dict[int, str] = {}

    def happen() -> None:
        """Whatever changes now is newer than all that was read: seconds that are still running are not read."""
        nonlocal clock, at_last_answer
        at_last_answer = {each["entity_id"]: each["updated_at"] for each in shop.rows}
        if not todo:
            return
        kind, entity_id = todo.pop(0)
        clock += 1
        if kind == "add":
            shop.rows.append(row(1_000 + clock, clock))
        elif kind == "delete":
            deleted.add(entity_id)
            shop.rows[:] = [each for each in shop.rows if each["entity_id"] != entity_id]
        else:
            for each in shop.rows:
                if each["entity_id"] == entity_id:
                    each["updated_at"] = row(0, clock)["updated_at"]

    shop.between = happen
    seen = read_all(reader(shop), OrderFilter(), page_size=page_size, by=by)
    ids = [entity_id for entity_id, _ in seen]
    assert {each["entity_id"] for each in rows} - deleted <= set(ids)
    assert len(seen) == len(set(seen)), "the same state of an order was read twice"
    if by == "entity_id":
        assert ids == sorted(set(ids))
    else:
        last_seen = dict(seen)
        assert {each: last_seen.get(each) for each in at_last_answer} == at_last_answer


moments = st.integers(0, 60).map(lambda second: START + timedelta(seconds=second))
filters = st.builds(
    OrderFilter,
    statuses=st.lists(st.sampled_from(["pending", "processing", "on hold", "प्रतीक्षा"]), max_size=2).map(tuple),
    not_statuses=st.lists(st.sampled_from(["canceled", "pending"]), max_size=2).map(tuple),
    store_ids=st.lists(st.integers(0, 3), max_size=2).map(tuple),
    created_from=st.none() | moments,
    created_before=st.none() | moments,
    updated_from=st.none() | moments,
    entity_id_from=st.none() | st.integers(0, 40),
    entity_id_before=st.none() | st.integers(0, 40),
)
some_rows = st.lists(
    st.tuples(
        st.integers(0, 60),
        st.sampled_from(["pending", "processing", "on hold", "canceled", "प्रतीक्षा", None]),
        st.integers(0, 3),
    ),
    max_size=30,
).map(lambda drawn: [row(number + 1, *each) for number, each in enumerate(drawn)])


def meant(each: Row, where: OrderFilter) -> bool:
    """What the filter says, in Python."""
    created = datetime.strptime(each["created_at"] + "Z", "%Y-%m-%d %H:%M:%S%z")
    updated = datetime.strptime(each["updated_at"] + "Z", "%Y-%m-%d %H:%M:%S%z")
    return (
        (not where.statuses or each["status"] in where.statuses)
        and each["status"] not in where.not_statuses
        and (not where.store_ids or each["store_id"] in where.store_ids)
        and (where.created_from is None or created >= where.created_from)
        and (where.created_before is None or created < where.created_before)
        and (where.updated_from is None or updated >= where.updated_from)
        and (where.entity_id_from is None or each["entity_id"] >= where.entity_id_from)
        and (where.entity_id_before is None or each["entity_id"] < where.entity_id_before)
    )


@settings(max_examples=100, deadline=None)
@given(some_rows, filters, st.none() | st.builds(Cursor, moments, st.integers(0, 30)))
def test_what_is_read_is_what_was_meant(rows: list[Row], where: OrderFilter, cursor: Cursor | None) -> None:
    source = reader(Shop(rows))
    matching = sorted(
        (each["updated_at"], each["entity_id"])
        for each in rows
        if meant(each, where)
        and (cursor is None or (each["updated_at"], each["entity_id"]) > (f"{cursor.at:%F %T}", cursor.entity_id))
    )
    seen = read_all(source, where, page_size=4, by="updated_at", cursor=cursor)
    assert [(moment, entity_id) for entity_id, moment in seen] == matching
    newest = source.newest_after(cursor or Cursor(START), where)
    assert ([] if newest is None else [(f"{newest.at:%F %T}", newest.entity_id)]) == matching[-1:]
    assert source.count(where) == sum(meant(each, where) for each in rows)


def test_times_of_another_zone_are_sent_as_utc() -> None:
    ist = datetime.fromisoformat("2026-11-23T18:30:05+05:30")
    shop = Shop([row(1, 4), row(2, 5)])
    assert [entity_id for entity_id, _ in _read(shop, OrderFilter(created_from=ist))] == [2]


def _read(shop: Shop, where: OrderFilter) -> list[tuple[int, str]]:
    shop.rows = [each | {"created_at": f"2026-11-23 13:00:0{each['entity_id'] + 3}"} for each in shop.rows]
    return read_all(reader(shop), where, page_size=5, by="entity_id")


@pytest.mark.parametrize(
    "where",
    [
        OrderFilter(statuses=("pending ",)),
        OrderFilter(statuses=("a,b",)),
        OrderFilter(not_statuses=("",)),
        OrderFilter(created_from=datetime(2026, 11, 23)),  # noqa: DTZ001  (without a zone, on purpose)
        OrderFilter(updated_from=NOW.replace(microsecond=5)),
        OrderFilter(store_ids=(-1,)),
    ],
)
def test_a_filter_that_magento_would_misread_is_never_sent(where: OrderFilter) -> None:
    shop = Shop([row(1, 1)])
    with pytest.raises(ConfigurationError, match="kurta: orders cannot be searched like that"):
        reader(shop).page_after(None, where, page_size=5)
    assert not shop.asked


def test_the_watcher_asks_for_one_row_by_the_same_predicate(server: HTTPServer, store: MagentoStore) -> None:
    shop = Shop([row(1, 1), row(2, 9, "processing"), row(3, 5)])
    serve(server, shop)
    where = OrderFilter(statuses=("pending",))
    assert store.newest_after(Cursor(START, 1), where) == Cursor(START + timedelta(seconds=5), 3)
    assert store.newest_after(Cursor(START + timedelta(seconds=5), 3), where) is None
    store.page_after(Cursor(START, 1), where, page_size=50)
    assert shop.asked[0].page_size == 1
    assert shop.asked[0].groups == shop.asked[2].groups
    assert [direction for _, direction in shop.asked[0].sort] == ["DESC", "DESC"]


def test_a_single_order(server: HTTPServer, store: MagentoStore) -> None:
    answer = recorded(59)
    server.expect_request("/rest/V1/orders/2").respond_with_data(answer.body, content_type="application/json")
    missing = recorded(60)
    server.expect_request("/rest/V1/orders/999999").respond_with_data(
        missing.body, missing.status, content_type="application/json"
    )
    assert store.order(2) == json.loads(answer.body, parse_float=Decimal)
    with pytest.raises(NotFound, match="kurta, order 999999: HTTP 404, The entity that was requested doesn't exist"):
        store.order(999999)
    with pytest.raises(NotFound):
        store.order(0)


def test_an_answer_that_is_another_order_is_not_taken(server: HTTPServer, store: MagentoStore) -> None:
    server.expect_request("/rest/V1/orders/3").respond_with_data(recorded(59).body, content_type="application/json")
    with pytest.raises(RetryableError, match="not that order"):
        store.order(3)


@pytest.mark.parametrize("body", ["[]", '{"items": null, "total_count": 0}', '{"items": [], "total_count": 0}'])
def test_all_ways_to_say_nothing(server: HTTPServer, store: MagentoStore, body: str) -> None:
    server.expect_request("/rest/V1/orders").respond_with_data(body, content_type="application/json")
    page = store.page_after(None, OrderFilter(), page_size=5)
    assert page.last
    assert page.end is None
    assert store.newest_after(Cursor(START), OrderFilter()) is None
    assert store.count(OrderFilter()) == 0


def test_the_stores_clock_is_that_of_its_answers_and_costs_one_row(
    server: HTTPServer, open_store: Callable[..., MagentoStore]
) -> None:
    shop = Shop([row(1, 1)])
    serve(server, shop)
    store = open_store()
    assert abs(store.server_time() - datetime.now(UTC)) < timedelta(seconds=5)
    store.server_time()
    assert [(asked.page_size, asked.fields) for asked in shop.asked] == [(1, "total_count")]


def test_a_cursor_at_the_start_of_a_second_has_no_needless_filter() -> None:
    shop = Shop([row(1, 0)])
    source = reader(shop)
    assert source.newest_after(Cursor(START), OrderFilter()) == Cursor(START, 1)
    assert shop.asked[0].groups == [[("updated_at", "gteq", "2026-11-23 13:00:00")]]


def test_an_unknown_key_to_read_by() -> None:
    with pytest.raises(ValueError, match="increment_id"):
        reader(Shop([])).page_after(None, OrderFilter(), page_size=5, by="increment_id")


def test_two_threads_read_two_ranges_at_once(server: HTTPServer, store: MagentoStore) -> None:
    shop = Shop([row(each, each) for each in range(1, 201)])
    serve(server, shop)
    halves = (OrderFilter(entity_id_before=101), OrderFilter(entity_id_from=101))
    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(lambda where: read_all(store, where, page_size=20, by="entity_id"), halves))
    assert [entity_id for half in done for entity_id, _ in half] == list(range(1, 201))


def test_the_double_reads_what_php_reads() -> None:
    """The recorded request 019 means what its answer says."""
    (path,) = (each for each in _recorded_requests() if each["name"] == "orders_status_in_p5")
    asked = read_query(path["request"]["url"].partition("?")[2])
    assert asked.groups == [[("status", "in", "pending,processing")]]
    shop = Shop(json.loads(recorded(18).body)["items"])
    _, body = shop.list(path["request"]["url"].partition("?")[2])
    real = json.loads(recorded(19).body)
    assert [each["entity_id"] for each in body["items"]] == [each["entity_id"] for each in real["items"]]


def _recorded_requests() -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in RECORDED.glob("019_*.json")]
