"""The hook against the stand-in Magento, which shares no code with it: ways in, versions, faults."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from careful_http.memory import MemoryTokenStore
from commerce_sandbox.client import ADMIN_PASSWORD, ADMIN_USER, DEFAULT_INTEGRATION, SandboxClient
from commerce_sandbox.versions import VERSIONS
from magento_hook.connection import AuthKind
from magento_hook.errors import MissingPermission
from magento_hook.store import MagentoStore
from magento_oms.ports import (
    AlreadyDone,
    AuthenticationError,
    ConfigurationError,
    Cursor,
    NotFound,
    OrderFilter,
    PermanentError,
    RateLimited,
    UnknownOutcome,
)

OAUTH: dict[str, Any] = {
    "auth": AuthKind.INTEGRATION_OAUTH,
    "consumer_key": DEFAULT_INTEGRATION["consumer_key"],
    "consumer_secret": DEFAULT_INTEGRATION["consumer_secret"],
    "access_token": DEFAULT_INTEGRATION["token"],
    "access_token_secret": DEFAULT_INTEGRATION["token_secret"],
}
BEARER: dict[str, Any] = {"auth": AuthKind.INTEGRATION_BEARER, "access_token": DEFAULT_INTEGRATION["token"]}


def ids(store: MagentoStore, where: OrderFilter, *, page_size: int, by: str = "updated_at") -> list[int]:
    seen: list[int] = []
    cursor: Cursor | None = None
    for _ in range(200):
        page = store.page_after(cursor, where, page_size=page_size, by=by)
        seen += [int(order["entity_id"]) for order in page.orders]
        if page.last:
            return seen
        cursor = page.end or cursor
    raise AssertionError("reading does not end")


def test_every_way_in(sandbox: SandboxClient, connect: Callable[..., MagentoStore]) -> None:
    sandbox.place_orders(2)
    assert connect().count(OrderFilter()) == 2
    assert connect(**OAUTH).count(OrderFilter(statuses=("pending", "processing", "pending_payment"))) == 2
    with pytest.raises(MissingPermission, match="not taken as a bearer"):
        connect(**BEARER).count(OrderFilter())
    sandbox.set_up(switches={"integration_bearer": True})
    assert connect(**BEARER).count(OrderFilter()) == 2
    sandbox.set_up(oauth_with_port=True)
    assert connect(**OAUTH).count(OrderFilter()) == 2


def test_wrong_passwords_never_lock_the_account(sandbox: SandboxClient, connect: Callable[..., MagentoStore]) -> None:
    tokens = MemoryTokenStore()
    wrong = connect(tokens, auth=AuthKind.ADMIN_TOKEN, username=ADMIN_USER, password="not it")
    for _ in range(12):
        with pytest.raises(AuthenticationError):
            wrong.order(1)
    assert connect().count(OrderFilter()) == 0, "the account is open"


def test_two_factor_login(sandbox: SandboxClient, connect: Callable[..., MagentoStore]) -> None:
    sandbox.set_up(two_factor=["google"])
    with pytest.raises(ConfigurationError, match="Two-factor login is on"):
        connect().order(1)
    sandbox.place_orders(1)
    assert connect(**OAUTH).count(OrderFilter()) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_read_to_the_end(
    sandbox: SandboxClient, connect: Callable[..., MagentoStore], version: str
) -> None:
    sandbox.set_up(version=version)
    placed = [order.entity_id for order in sandbox.place_orders(40)]
    store = connect()
    for by in ("updated_at", "entity_id"):
        assert sorted(ids(store, OrderFilter(), page_size=20, by=by)) == sorted(placed)
        assert sorted(ids(store, OrderFilter(), page_size=500, by=by)) == sorted(placed)
    page = store.page_after(None, OrderFilter(), page_size=5)
    assert store.newest_after(page.end or Cursor(page.server_time), OrderFilter()) is not None
    assert store.page_of(placed[0]).orders[0]["entity_id"] == placed[0]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_comment_never_changes_the_status(
    sandbox: SandboxClient, connect: Callable[..., MagentoStore], version: str
) -> None:
    sandbox.set_up(version=version)
    (placed,) = sandbox.place_orders(1)
    store = connect(**OAUTH)
    before = store.order(placed.entity_id)
    store.add_comment(placed.entity_id, "packed in Pune")
    after = store.order(placed.entity_id)
    assert (after["state"], after["status"]) == (before["state"], before["status"])
    assert store.comments(placed.entity_id)[0]["comment"] == "packed in Pune"


def test_rows_that_move_between_pages_are_all_read(
    sandbox: SandboxClient, connect: Callable[..., MagentoStore]
) -> None:
    placed = {order.entity_id for order in sandbox.place_orders(60)}
    sandbox.add_fault("moving_rows", method="GET", path="/orders$", times=5, skip=1, count=3)
    assert set(ids(connect(), OrderFilter(), page_size=10)) == placed


def test_faults_under_way_lose_nothing(sandbox: SandboxClient, connect: Callable[..., MagentoStore]) -> None:
    placed = [order.entity_id for order in sandbox.place_orders(30)]
    store = connect()
    kinds = ("error_before", "reset", "maintenance", "database_down", "php_down", "expired_token", "too_many_requests")
    for skip, kind in enumerate(kinds):
        own: dict[str, Any] = {"retry_after": 0} if kind == "too_many_requests" else {}
        sandbox.add_fault(kind, method="GET", path="/orders$", times=1, skip=skip, **own)
    assert sorted(ids(store, OrderFilter(), page_size=4, by="entity_id")) == sorted(placed)
    assert all(rule["fired"] == 1 for rule in sandbox.faults() if rule.get("instance") == sandbox.instance)


def test_two_threads_after_a_lost_token(sandbox: SandboxClient, connect: Callable[..., MagentoStore]) -> None:
    placed = [order.entity_id for order in sandbox.place_orders(40)]
    store = connect()
    store.count(OrderFilter())
    sandbox.expire_tokens()
    halves = (OrderFilter(entity_id_before=placed[20]), OrderFilter(entity_id_from=placed[20]))
    with ThreadPoolExecutor(2) as threads:
        read = list(threads.map(lambda where: ids(store, where, page_size=7, by="entity_id"), halves))
    assert [*read[0], *read[1]] == placed
    logins = [call for call in sandbox.calls(method="POST") if call["path"].endswith("/integration/admin/token")]
    assert len(logins) == 2


def test_an_invoice_whose_answer_was_lost_is_open_and_then_already_done(
    sandbox: SandboxClient, connect: Callable[..., MagentoStore]
) -> None:
    (placed,) = sandbox.place_orders(1, payment="cod")
    store = connect()
    order = store.order(placed.entity_id)
    items = {int(item["item_id"]): item["qty_ordered"] for item in order["items"] if "parent_item_id" not in item}
    sandbox.add_fault("reset_after", method="POST", path="/invoice$", times=1)
    with pytest.raises(UnknownOutcome):
        store.invoice(placed.entity_id, items=items, comment="OMS")
    with pytest.raises(AlreadyDone):
        store.invoice(placed.entity_id, items=items, comment="OMS")
    assert sum(kind == "invoice" for kind, _ in sandbox.counts_by_order()) == 1


def test_orders_of_which_less_is_wanted_are_found(sandbox: SandboxClient, connect: Callable[..., MagentoStore]) -> None:
    """By a credit memo of ours, by one of the admin, and by a cancelled line; not what was reduced before."""
    placed = [each.entity_id for each in sandbox.place_orders(5, payment="cod", shape="simple")]
    store = connect()
    whole = store.order(placed[0])
    items = {int(row["item_id"]): row["qty_ordered"] for row in whole["items"]}
    store.invoice(placed[0], items=items, comment="OMS")
    memo = store.refund(placed[0], items=items, comment="OMS-7", restock=list(items))
    [found] = store.credit_memos_of(placed[0])
    assert str(found["entity_id"]) == memo
    assert found["comments"][0]["comment"] == "OMS-7"
    assert store.order(placed[0])["total_offline_refunded"] > 0
    with pytest.raises(PermanentError):
        store.refund(placed[0], items=items, comment="OMS-7")
    sandbox.change_order(placed[1], "cancel")
    sandbox.change_order(placed[2], "invoice")
    sandbox.change_order(placed[2], "refund")
    now = store.server_time()

    assert store.orders_reduced_since(now - timedelta(minutes=5)) == placed[:3]
    assert store.orders_reduced_since(now + timedelta(minutes=5)) == []


def test_credit_memos_are_read_by_their_time_and_a_store_without_rma_says_so(
    sandbox: SandboxClient, connect: Callable[..., MagentoStore]
) -> None:
    store = connect()
    for placed in sandbox.place_orders(3, payment="cod", shape="simple"):
        sandbox.change_order(placed.entity_id, "invoice")
        sandbox.change_order(placed.entity_id, "refund")
    now = store.server_time()
    since, before = now - timedelta(minutes=5), now + timedelta(minutes=5)
    first = store.credit_memos_after(0, since=since, before=before, limit=2)
    rest = store.credit_memos_after(int(first[-1]["entity_id"]), since=since, before=before, limit=2)
    read = [int(memo["entity_id"]) for memo in [*first, *rest]]
    assert (len(read), read) == (3, sorted(read))
    assert all(memo["items"] and memo["order_id"] for memo in [*first, *rest])
    assert store.credit_memos_after(0, since=since, before=since, limit=2) == []
    with pytest.raises(NotFound, match="has no RMA"):
        store.returns_after(0, since=since, before=before, limit=2)


def test_writes_and_their_refusals(sandbox: SandboxClient, connect: Callable[..., MagentoStore]) -> None:
    (placed,) = sandbox.place_orders(1, payment="cod")
    store = connect()
    with pytest.raises(PermanentError, match='"processing" is not part of the order status history'):
        store.add_comment(placed.entity_id, "accepted", status="processing")
    store.set_status(placed.entity_id, state="processing", status="processing")
    assert store.order(placed.entity_id)["status"] == "processing"
    sandbox.add_fault("too_many_requests", method="POST", times=1, retry_after=9)
    with pytest.raises(RateLimited) as caught:
        store.add_comment(placed.entity_id, "accepted")
    assert caught.value.retry_after == 9


def test_the_live_check(sandbox: SandboxClient, connect: Callable[..., MagentoStore]) -> None:
    sandbox.place_orders(5)
    before = sandbox.counts()
    facts = connect().facts()
    assert facts.missing_permissions == ()
    assert facts.store_views[1] == "default"
    assert 0 not in facts.store_views
    assert facts.statuses
    assert abs(facts.clock_ahead) < 5
    assert sandbox.counts() == before, "a check changes nothing"
    allowed = ["Magento_Sales::actions_view", "Magento_Backend::store", "Magento_Sales::comment"]
    sandbox.set_up(users={ADMIN_USER: {"password": ADMIN_PASSWORD, "resources": allowed}})
    missing = connect().facts().missing_permissions
    assert missing
    assert not set(missing) & set(allowed)
