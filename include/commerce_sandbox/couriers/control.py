"""The control API of the courier accounts, below `/_sandbox/couriers`. JSON in and out."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from commerce_sandbox.couriers.desk import Account, Parcel, Scan
from commerce_sandbox.settings import BadSettings

if TYPE_CHECKING:
    from commerce_sandbox.couriers.world import Couriers


class CourierControl:
    """What the control API does; blocking, run in threads."""

    def __init__(self, couriers: Couriers) -> None:
        self._couriers = couriers

    def accounts(self, request: Request, body: Any) -> Any:
        """`GET /`: codes of the accounts."""
        return {"accounts": self._couriers.accounts.codes()}

    def put(self, request: Request, body: Any) -> Any:
        """`PUT /{account}`: make an account, or change some of its settings."""
        return _shown(self._couriers.accounts.put(request.path_params["account"], body or {}))

    def get(self, request: Request, body: Any) -> Any:
        """`GET /{account}`: its settings."""
        return _shown(self._account(request))

    def parcels(self, request: Request, body: Any) -> Any:
        """`GET /{account}/parcels`: all of them with their scans."""
        with self._couriers.desk(self._account(request)) as desk:
            return {"parcels": [_parcel(parcel, desk.scans(parcel)) for parcel in desk.parcels()]}

    def advance(self, request: Request, body: Any) -> Any:
        """`POST /{account}/advance`: `{"steps": n}`, and `reference` or `awb` for one parcel only."""
        wanted = {name: str(body[name]) for name in ("reference", "awb") if body.get(name)}
        return {"scans": self._couriers.advance(self._account(request), steps=int(body.get("steps", 1)), **wanted)}

    def journey(self, request: Request, body: Any) -> Any:
        """`POST /{account}/journey`: `{"reference", "journey"}`."""
        self._couriers.set_journey(self._account(request), str(body["reference"]), str(body["journey"]))
        return {}

    def scan(self, request: Request, body: Any) -> Any:
        """`POST /{account}/scan`: `{"awb", "step", "hours_ago", "remark"}`."""
        self._couriers.scan(
            self._account(request),
            str(body["awb"]),
            str(body["step"]),
            hours_ago=float(body.get("hours_ago", 0)),
            remark=str(body.get("remark", "")),
        )
        return {}

    def deliver(self, request: Request, body: Any) -> Any:
        """`POST /deliver`: send the webhooks that are due now; how many were answered with 200."""
        return {"delivered": self._couriers.deliver()}

    def effects(self, request: Request, body: Any) -> Any:
        """`GET /{account}/effects`: what really happened, counted by kind and reference."""
        with self._couriers.database.transaction() as connection:
            rows = connection.execute(
                "select kind, reference, count(*) from courier_effect where account = %s group by 1, 2 order by 1, 2",
                (self._account(request).code,),
            ).fetchall()
        return {"effects": [{"kind": row[0], "reference": row[1], "count": row[2]} for row in rows]}

    def calls(self, request: Request, body: Any) -> Any:
        """`GET /{account}/calls`: the ledger of calls, oldest first."""
        with self._couriers.database.transaction() as connection:
            rows = connection.execute(
                "select id, at::text, method, path, query, body, status, fault from courier_call where account = %s"
                " order by id",
                (self._account(request).code,),
            ).fetchall()
        names = ("id", "at", "method", "path", "query", "body", "status", "fault")
        return {"calls": [dict(zip(names, row, strict=True)) for row in rows]}

    def deliveries(self, request: Request, body: Any) -> Any:
        """`GET /{account}/deliveries`: webhooks, sent or waiting, oldest first."""
        with self._couriers.database.transaction() as connection:
            rows = connection.execute(
                "select id, url, headers, body, tries, done_at is not null, status from courier_delivery"
                " where account = %s order by id",
                (self._account(request).code,),
            ).fetchall()
        names = ("id", "url", "headers", "body", "tries", "done", "status")
        return {"deliveries": [dict(zip(names, row, strict=True)) for row in rows]}

    def _account(self, request: Request) -> Account:
        code = request.path_params["account"]
        found = self._couriers.accounts.find(code)
        if found is None:
            raise BadSettings(f"there is no courier account {code!r}; make it with PUT /_sandbox/couriers/{code}")
        return found


def courier_control(couriers: Couriers) -> Starlette:
    """The control API as an application."""
    control = CourierControl(couriers)
    table: list[tuple[str, str, Callable[[Request, Any], Any]]] = [
        ("/", "GET", control.accounts),
        ("/deliver", "POST", control.deliver),
        ("/{account}", "PUT", control.put),
        ("/{account}", "GET", control.get),
        ("/{account}/parcels", "GET", control.parcels),
        ("/{account}/advance", "POST", control.advance),
        ("/{account}/journey", "POST", control.journey),
        ("/{account}/scan", "POST", control.scan),
        ("/{account}/effects", "GET", control.effects),
        ("/{account}/calls", "GET", control.calls),
        ("/{account}/deliveries", "GET", control.deliveries),
    ]
    return Starlette(
        routes=[
            Route(f"/_sandbox/couriers{path}", partial(_endpoint, work), methods=[method])
            for path, method, work in table
        ]
    )


async def _endpoint(work: Callable[[Request, Any], Any], request: Request) -> JSONResponse:
    try:
        sent = await request.body()
        return JSONResponse(await run_in_threadpool(work, request, json.loads(sent) if sent else {}))
    except (BadSettings, KeyError, ValueError) as error:
        return JSONResponse({"error": str(error)}, status_code=400)


def _shown(account: Account) -> dict[str, Any]:
    return {"account": account.code, "vendor": account.vendor, **account.settings}


def _parcel(parcel: Parcel, scans: list[Scan]) -> dict[str, Any]:
    names = ("reference", "direction", "order_ref", "shipment_ref", "awb", "state", "journey", "document")
    return {name: getattr(parcel, name) for name in names} | {
        "scans": [{"step": scan.step, "at": scan.at.isoformat(), "remark": scan.remark} for scan in scans]
    }
