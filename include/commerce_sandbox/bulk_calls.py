"""Asynchronous and bulk calls: accepted at once, done when a consumer works the queue off."""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from commerce_sandbox.database import Connection
from commerce_sandbox.documents import dump, load
from commerce_sandbox.http_types import Answer, Call
from commerce_sandbox.magento_rules.book import Document, Refused

if TYPE_CHECKING:
    from commerce_sandbox.routes import Route

COMPLETE, FAILED, OPEN = 1, 3, 4

_DESCRIPTION = "Topic {}"


def topic(route: Route) -> str:
    """The queue topic of a route, as Magento derives it from the service and the method."""
    interface = route.service[0] if route.service else f"Magento.{route.template.replace('/', '.')}"
    return f"async.{interface.lower()}.{route.method.lower()}"


def accept(call: Call, connection: Connection, route: Route, bodies: list[Document]) -> Answer:
    """Queue one operation for each body; 202 with the bulk's uuid."""
    bulk_uuid = str(uuid.uuid4())
    caller = call.caller
    connection.execute(
        "insert into sandbox_bulk values (%s, %s, %s, %s, %s, %s, %s)",
        (
            call.store.code,
            bulk_uuid,
            topic(route),
            datetime.fromtimestamp(call.now, UTC).strftime("%Y-%m-%d %H:%M:%S"),
            caller.user_id if caller else 0,
            caller.user_type if caller else 0,
            len(bodies),
        ),
    )
    items = []
    for position, body in enumerate(bodies):
        text = dump({"method": route.method, "template": route.template, "body": body})
        connection.execute(
            "insert into sandbox_operation (instance, uuid, id, body, status) values (%s, %s, %s, %s, %s)",
            (call.store.code, bulk_uuid, position, text, OPEN),
        )
        digest = hashlib.sha256(f"{bulk_uuid}{position}{text}".encode()).hexdigest()
        items.append({"id": position, "data_hash": digest, "status": "accepted"})
    return Answer(202, dump({"bulk_uuid": bulk_uuid, "request_items": items, "errors": False}))


def status(call: Call, connection: Connection) -> Document:
    """`GET /V1/bulk/{uuid}/status`."""
    bulk, operations = _read(call, connection)
    shown = [{name: each[name] for name in ("id", "status", "result_message", "error_code")} for each in operations]
    return {"operations_list": shown, **bulk}


def detailed_status(call: Call, connection: Connection) -> Document:
    """`GET /V1/bulk/{uuid}/detailed-status`: a finished operation's data is gone, a failed one's is still there."""
    bulk, operations = _read(call, connection)
    topic_name = bulk["description"].removeprefix(_DESCRIPTION.format(""))
    shown = [
        {
            "id": each["id"],
            "bulk_uuid": bulk["bulk_id"],
            "topic_name": topic_name,
            "serialized_data": None if each["status"] == COMPLETE else _serialized(each["body"]),
            "result_serialized_data": each["result"],
            "status": each["status"],
            "result_message": each["result_message"],
            "error_code": each["error_code"],
        }
        for each in operations
    ]
    return {"operations_list": shown, **bulk}


def operation_count(call: Call, connection: Connection) -> int:
    """`GET /V1/bulk/{uuid}/operation-status/{status}`: how many operations have a status."""
    row = connection.execute(
        "select count(*) from sandbox_operation where instance = %s and uuid = %s and status::text = %s",
        (call.store.code, call.variables["bulkUuid"], call.variables["status"]),
    ).fetchone()
    return int(row[0]) if row else 0


def _serialized(text: str) -> str:
    meta = dump(load(text)["body"])
    return dump({"entity_id": None, "entity_link": "", "meta_information": meta, "store_id": "1"})


def _read(call: Call, connection: Connection) -> tuple[Document, list[Document]]:
    bulk_uuid = call.variables["bulkUuid"]
    bulk = connection.execute(
        "select user_type, uuid, topic, started, user_id, count from sandbox_bulk where instance = %s and uuid = %s",
        (call.store.code, bulk_uuid),
    ).fetchone()
    if bulk is None:
        raise Refused(404, "Bulk uuid %bulkUuid not exist", {"bulkUuid": bulk_uuid})
    rows = connection.execute(
        "select id, body, status, result_message, result, error_code from sandbox_operation"
        " where instance = %s and uuid = %s order by id",
        (call.store.code, bulk_uuid),
    )
    names = ("id", "body", "status", "result_message", "result", "error_code")
    document = {
        "user_type": bulk[0],
        "bulk_id": bulk[1],
        "description": _DESCRIPTION.format(bulk[2]),
        "start_time": bulk[3],
        "user_id": bulk[4],
        "operation_count": bulk[5],
    }
    return document, [dict(zip(names, row, strict=True)) for row in rows]
