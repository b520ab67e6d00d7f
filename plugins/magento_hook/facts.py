"""A live check of one store: what it is, what it holds, what we may not do, and whether the clocks agree."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from careful_http.exchange import Answer, Call
from magento_hook.client import MagentoClient
from magento_hook.criteria import Direction, OrderField, SearchCriteria, sorted_by
from magento_hook.errors import MissingPermission
from magento_oms.ports import ConfigurationError, NotFound, OutsideError, PermanentError, StoreFacts

NEWEST = 50
"""Orders whose statuses are looked at; about 12 ms of the store's time each."""

_VERSION = re.compile(r"^Magento/([\w.-]+)(?: \(([\w ]+)\))?")

_WRITES = (
    Call("POST", "/orders/0/comments", body={"statusHistory": {"comment": ""}}, about="right to comment"),
    Call(
        "POST",
        "/order/0/invoice",
        body={"items": [{"order_item_id": 0, "qty": 1}], "capture": False},
        about="right to invoice",
    ),
    Call("POST", "/orders", body={}, about="right to set a status"),
)
"""Writes that cannot succeed: there is no order 0, and an order entity is compulsory. Magento looks at the permission
first, so the refusal tells whether it is there."""

_ONE = SearchCriteria().query("total_count")
_MASTER_DATA = (
    Call("GET", "/products", query=_ONE, about="right to read products"),
    Call("GET", "/customers/search", query=_ONE, about="right to read customers"),
    Call("GET", "/creditmemos", query=_ONE, about="right to read credit memos"),
)


def gather(client: MagentoClient) -> StoreFacts:
    """The facts of a store. Changes nothing there.

    Raises:
        ConfigurationError: it cannot be used at all: wrong URL, no permission whatever.
        OutsideError: it does not answer as it should.
    """
    missing: list[MissingPermission] = []
    newest = _permitted(client, _newest_orders(), missing)
    views = _permitted(client, Call("GET", "/store/storeViews", about="store views"), missing)
    if newest is None and views is None:
        raise missing[0]
    for read in _MASTER_DATA:
        _permitted(client, read, missing)
    for write in _WRITES:
        _try_write(client, write, missing)
    server_time = _clock(client, newest or views)
    return StoreFacts(
        version=_version(client),
        store_views=_store_views(views),
        statuses=frozenset(_statuses(newest)),
        server_time=server_time,
        missing_permissions=tuple(dict.fromkeys(each.resource for each in missing)),
        clock_ahead=(server_time - datetime.now(UTC)).total_seconds(),
    )


def _newest_orders() -> Call:
    criteria = SearchCriteria(sort=sorted_by((OrderField.ENTITY_ID,), Direction.DESC), page_size=NEWEST)
    return Call("GET", "/orders", query=criteria.query("items[status],total_count"), about="newest orders")


def _permitted(client: MagentoClient, call: Call, missing: list[MissingPermission]) -> Answer | None:
    """The answer, or None where a permission is missing (noted in `missing`)."""
    try:
        return client.call(call)
    except MissingPermission as error:
        missing.append(error)
        return None


def _try_write(client: MagentoClient, call: Call, missing: list[MissingPermission]) -> None:
    """Note a missing permission; every other refusal is what we expect of a write that cannot succeed."""
    try:
        client.call(call)
    except MissingPermission as error:
        missing.append(error)
    except (NotFound, PermanentError):
        return
    except OutsideError as error:
        if error.status is None or isinstance(error, ConfigurationError):
            raise
        # A 5xx about order 0 says nothing about permissions: Magento came as far as looking for it.


def _clock(client: MagentoClient, answer: Answer | None) -> datetime:
    moment = client.server_time() or (answer.server_time if answer else None)
    if moment is None:
        raise ConfigurationError(
            f"Magento {client.instance} sends no readable Date header, so nobody knows how far reading has come.",
            way_out="Let the web server or the proxy in front of it send one.",
        )
    return moment


def _version(client: MagentoClient) -> str:
    """`2.4 (Community)`, from the storefront's public page; empty where that is off."""
    answer = client.page("/magento_version")
    found = _VERSION.match(answer.body[:100].decode(errors="replace")) if answer and answer.status == 200 else None
    if found is None:
        return ""
    return f"{found[1]} ({found[2]})" if found[2] else found[1]


def _rows(answer: Answer | None) -> list[Mapping[str, Any]]:
    try:
        listed = answer.json if answer is not None else []
    except ValueError:
        listed = []
    rows = listed.get("items") if isinstance(listed, Mapping) else listed
    return [row for row in rows or [] if isinstance(row, Mapping)]


def _store_views(answer: Answer | None) -> dict[int, str]:
    """Store id → code, without the admin's store 0, which takes no orders."""
    return {int(row["id"]): str(row["code"]) for row in _rows(answer) if int(row.get("id") or 0) > 0}


def _statuses(answer: Answer | None) -> list[str]:
    return [str(row["status"]) for row in _rows(answer) if row.get("status")]
