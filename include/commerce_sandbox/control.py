"""The control API below `/_sandbox`: not Magento's, but the hand that sets the stage. JSON in and out.

Errors are 400 or 404 with `{"error": "…"}` in one sentence.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from commerce_sandbox import documents, generated, hand, history, ledger
from commerce_sandbox.documents import load
from commerce_sandbox.faults import KINDS, BadFault
from commerce_sandbox.magento_rules.book import OrderBook
from commerce_sandbox.placing import put_products
from commerce_sandbox.settings import BadSettings
from commerce_sandbox.store import Store
from commerce_sandbox.versions import SWITCHES

if TYPE_CHECKING:
    from commerce_sandbox.app import Sandbox


class NotThere(LookupError):
    """Something named in the path does not exist."""


Work = Callable[["Control", Request, Any], Any]


class Control:
    """What the control API does; blocking, run in threads."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def store(self, request: Request) -> Store:
        """The instance of the path.

        Raises:
            NotThere: there is none.
        """
        code = request.path_params["code"]
        found = self.sandbox.stores.find(code)
        if found is None:
            raise NotThere(f"there is no instance {code!r}; make it with PUT /_sandbox/instances/{code}")
        return found

    def health(self, request: Request, body: Any) -> Any:
        """`GET /health`: that the database answers, and the instances."""
        return {"status": "ok", "instances": self.sandbox.stores.codes(), "time": time.time()}

    def switches(self, request: Request, body: Any) -> Any:
        """`GET /switches`: what differs between the versions, each with its basis."""
        return {name: asdict(switch) for name, switch in SWITCHES.items()}

    def get_instance(self, request: Request, body: Any) -> Any:
        """`GET /instances/{code}`: its settings."""
        store = self.store(request)
        return {"code": store.code, **store.settings.as_document()}

    def put_instance(self, request: Request, body: Any) -> Any:
        """`PUT /instances/{code}`: make an instance, or change some of its settings."""
        store = self.sandbox.stores.put(request.path_params["code"], body or {})
        return {"code": store.code, **store.settings.as_document()}

    def reset(self, request: Request, body: Any) -> Any:
        """`POST /instances/{code}/reset`: as freshly installed; settings and ledger stay."""
        store = self.store(request)
        self.sandbox.stores.reset(store.code)
        return {"reset": store.code}

    def expire_tokens(self, request: Request, body: Any) -> Any:
        """`POST /instances/{code}/expire-tokens`: every token given out so far counts as expired."""
        self.sandbox.stores.expire_tokens(self.store(request).code)
        return {}

    def place_orders(self, request: Request, body: Any) -> Any:
        """`POST /instances/{code}/orders`: `{"count": n, "options": {…}}` (generated) or `{"documents": […]}`."""
        store = self.store(request)
        if "documents" in body:
            books = [OrderBook(dict(document)) for document in body["documents"]]
            placed = hand.place_documents(self.sandbox.database, self.sandbox.stores, store, books)
        else:
            placed = generated.place_generated(
                self.sandbox.database, self.sandbox.stores, store, int(body.get("count", 1)), body.get("options") or {}
            )
        return {"orders": [{"entity_id": entity_id, "increment_id": number} for entity_id, number in placed]}

    def fill(self, request: Request, body: Any) -> Any:
        """`POST /instances/{code}/fill`: `{"count", "seed", "created_at", "every_seconds"}`; see `generated.fill`."""
        return generated.fill(
            self.sandbox.database,
            self.sandbox.stores,
            self.store(request),
            int(body["count"]),
            seed=int(body.get("seed", 0)),
            created_at=body.get("created_at"),
            every_seconds=float(body.get("every_seconds", 31)),
        )

    def get_order(self, request: Request, body: Any) -> Any:
        """`GET /instances/{code}/orders/{id}`: the order with everything under it."""
        store, order_id = self.store(request), int(request.path_params["order_id"])
        with self.sandbox.database.transaction() as connection:
            book = documents.read_book(connection, store.code, order_id, lock=False)
        if book is None:
            raise NotThere(f"instance {store.code} has no order {order_id}")
        return asdict(book)

    def change_order(self, request: Request, body: Any) -> Any:
        """`POST /instances/{code}/orders/{id}/{change}`: see `hand.change_order`."""
        return hand.change_order(
            self.sandbox.database,
            self.sandbox.stores,
            self.store(request),
            int(request.path_params["order_id"]),
            request.path_params["change"],
            body or {},
        )

    def put_catalogue(self, request: Request, body: Any) -> Any:
        """`POST /instances/{code}/products`: `{"products": […], "quantity": pieces each}`."""
        store = self.store(request)
        products = body["products"]
        with self.sandbox.database.transaction() as connection:
            put_products(
                connection,
                self.sandbox.stores.context(store, connection),
                products,
                None if body.get("quantity") is None else Decimal(str(body["quantity"])),
            )
        return {"products": len(products)}

    def put_customers(self, request: Request, body: Any) -> Any:
        """`POST /instances/{code}/customers`: `{"customers": […]}`, documents as REST shows them."""
        store = self.store(request)
        with self.sandbox.database.transaction() as connection:
            documents.save(connection, store.code, "customer", body["customers"])
        return {"customers": len(body["customers"])}

    def load_history(self, request: Request, body: Any) -> Any:
        """`POST /instances/{code}/history`: the recorded server's orders, documents, products and stock."""
        return history.load_recorded(self.sandbox.database, self.sandbox.stores, self.store(request))

    def consume(self, request: Request, body: Any) -> Any:
        """`POST /instances/{code}/consume`: work off the asynchronous operations now."""
        return {"done": self.sandbox.consume(self.store(request).code)}

    def index(self, request: Request, body: Any) -> Any:
        """`POST /instances/{code}/index`: index the stocks now."""
        store = self.store(request)
        with self.sandbox.database.transaction() as connection:
            store.stock(connection).index()
        return {}

    def ledger(self, request: Request, body: Any) -> Any:
        """`GET /instances/{code}/ledger?after=&limit=&method=&path_like=`: calls, oldest first."""
        store, query = self.store(request), request.query_params
        with self.sandbox.database.transaction() as connection:
            return {
                "calls": ledger.calls(
                    connection,
                    store.code,
                    after=int(query.get("after", 0)),
                    limit=int(query.get("limit", 1000)),
                    method=query.get("method"),
                    path_like=query.get("path_like"),
                )
            }

    def effects(self, request: Request, body: Any) -> Any:
        """`GET /instances/{code}/effects?kind=&order_id=&after=&limit=`: what calls changed, oldest first."""
        store, query = self.store(request), request.query_params
        with self.sandbox.database.transaction() as connection:
            return {
                "effects": ledger.effects(
                    connection,
                    store.code,
                    kind=query.get("kind"),
                    order_id=int(query["order_id"]) if "order_id" in query else None,
                    after=int(query.get("after", 0)),
                    limit=int(query.get("limit", 100_000)),
                )
            }

    def counts(self, request: Request, body: Any) -> Any:
        """`GET /instances/{code}/counts?by_order=1`: effects counted by kind, or by kind and order."""
        store = self.store(request)
        with self.sandbox.database.transaction() as connection:
            return {"counts": ledger.counts(connection, store.code, by_order="by_order" in request.query_params)}

    def faults(self, request: Request, body: Any) -> Any:
        """`GET /faults`: every rule with its counts, and the kinds that there are."""
        return {"faults": self.sandbox.faults.list(), "kinds": dict(KINDS)}

    def add_fault(self, request: Request, body: Any) -> Any:
        """`POST /faults`: a new rule."""
        return self.sandbox.faults.add(body).as_document()

    def clear_faults(self, request: Request, body: Any) -> Any:
        """`DELETE /faults?id=&instance=`: forget one rule, one instance's rules, or all."""
        query = request.query_params
        self.sandbox.faults.clear(number=int(query["id"]) if "id" in query else None, instance=query.get("instance"))
        return {"faults": self.sandbox.faults.list()}


def control_api(sandbox: Sandbox) -> Starlette:
    """The control API of a sandbox as an ASGI application; its paths begin with `/_sandbox`."""
    control = Control(sandbox)
    instance = "/_sandbox/instances/{code}"
    table: list[tuple[str, str, Work]] = [
        ("GET", "/_sandbox/health", Control.health),
        ("GET", "/_sandbox/switches", Control.switches),
        ("GET", "/_sandbox/faults", Control.faults),
        ("POST", "/_sandbox/faults", Control.add_fault),
        ("DELETE", "/_sandbox/faults", Control.clear_faults),
        ("GET", instance, Control.get_instance),
        ("PUT", instance, Control.put_instance),
        ("POST", f"{instance}/reset", Control.reset),
        ("POST", f"{instance}/expire-tokens", Control.expire_tokens),
        ("POST", f"{instance}/orders", Control.place_orders),
        ("POST", f"{instance}/fill", Control.fill),
        ("GET", f"{instance}/orders/{{order_id:int}}", Control.get_order),
        ("POST", f"{instance}/orders/{{order_id:int}}/{{change}}", Control.change_order),
        ("POST", f"{instance}/products", Control.put_catalogue),
        ("POST", f"{instance}/customers", Control.put_customers),
        ("POST", f"{instance}/history", Control.load_history),
        ("POST", f"{instance}/consume", Control.consume),
        ("POST", f"{instance}/index", Control.index),
        ("GET", f"{instance}/ledger", Control.ledger),
        ("GET", f"{instance}/effects", Control.effects),
        ("GET", f"{instance}/counts", Control.counts),
    ]
    return Starlette(
        routes=[Route(path, partial(_endpoint, control, work), methods=[method]) for method, path, work in table]
    )


async def _endpoint(control: Control, work: Work, request: Request) -> JSONResponse:
    try:
        raw = await request.body()
        body = load(raw.decode()) if raw else None
        return JSONResponse(await run_in_threadpool(work, control, request, body))
    except NotThere as error:
        return JSONResponse({"error": str(error)}, 404)
    except (BadSettings, BadFault, hand.BadChange, generated.BadOptions) as error:
        return JSONResponse({"error": str(error)}, 400)
    except (KeyError, TypeError, ValueError) as error:
        return JSONResponse({"error": f"the request cannot be understood: {type(error).__name__}: {error}"}, 400)
