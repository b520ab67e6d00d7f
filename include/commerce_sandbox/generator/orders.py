"""Orders of an Indian store, made up but adding up: the same seed makes the same orders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from commerce_sandbox.generator.catalogue import Article, Catalogue
from commerce_sandbox.generator.documents import Draft, StoreView, order_document
from commerce_sandbox.generator.places import Shopper, shopper
from commerce_sandbox.generator.pricing import Bill, Discount, Row, price
from commerce_sandbox.magento_rules import invoices
from commerce_sandbox.magento_rules.book import PAYMENT_METHODS, Context, Document, OrderBook
from commerce_sandbox.magento_rules.inventory_moves import reserve_placed
from commerce_sandbox.magento_rules.lifecycle import NEW, PENDING_PAYMENT, Order
from commerce_sandbox.magento_rules.numbers import stamp

Payment = Literal["cod", "prepaid", "late_paid"]
Shape = Literal["simple", "odd", "configurable", "bundle", "virtual", "virtual_only", "many"]

_SHAPES: tuple[Shape, ...] = ("simple", "configurable", "odd", "bundle", "virtual", "virtual_only", "many")
_SHAPE_WEIGHTS = (55, 20, 8, 8, 4, 3, 2)
_PAYMENTS: tuple[Payment, ...] = ("cod", "prepaid", "late_paid")
_PAYMENT_WEIGHTS = (45, 45, 10)
_GATEWAYS = ("razorpay", "payu", "paytm")
_COUPONS = (
    Discount("TEN", percent=10),
    Discount("FLAT100", paise=10_000),
    Discount("दिवाली", percent=15),
    Discount("ODD333", paise=33_333),
)

STORE_VIEWS = (
    StoreView(),
    StoreView(2, "hindi", "Main Website\nMain Website Store\nहिन्दी", prices_include_tax=True, cod_fee=4_900),
    StoreView(3, "wholesale", "Main Website\nWholesale\nWholesale", shipping_taxed=True),
)


@dataclass(frozen=True, slots=True)
class Customer:
    """A registered shopper."""

    customer_id: int
    who: Shopper

    def document(self, created_at: str, store: StoreView) -> Document:
        """The customer as `/V1/customers/search` shows it."""
        who, city = self.who, self.who.city
        address: Document = {
            "id": self.customer_id,
            "customer_id": self.customer_id,
            "region": {"region_code": city.region_code, "region": city.region, "region_id": city.region_id},
            "region_id": city.region_id,
            "country_id": "IN",
            "street": list(who.street),
            "telephone": who.telephone,
            "postcode": who.postcode,
            "city": city.name,
            "firstname": who.firstname,
            "lastname": who.lastname,
            "default_shipping": True,
            "default_billing": True,
        }
        return {
            "id": self.customer_id,
            "group_id": 1,
            "default_billing": str(self.customer_id),
            "default_shipping": str(self.customer_id),
            "created_at": created_at,
            "updated_at": created_at,
            "created_in": store.name.rsplit("\n", 1)[-1],
            "email": who.email,
            "firstname": who.firstname,
            "lastname": who.lastname,
            "store_id": store.store_id,
            "website_id": store.website_id,
            "addresses": [address],
            "disable_auto_group_change": 0,
            "extension_attributes": {"is_subscribed": False},
        }


class OrderGenerator:
    """Makes orders one after another. Ids, numbers and the time of placing come from the context handed in.

    Args:
        seed: the same seed (and the same context) makes the same orders.
        stores: store views that orders are placed in.
        catalogue: what can be bought; one of the same seed if left out.
        customers: how many registered shoppers there are; the others are guests.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        stores: Sequence[StoreView] = STORE_VIEWS,
        catalogue: Catalogue | None = None,
        customers: int = 50,
    ) -> None:
        self._random = Random(seed)  # noqa: S311  (not for secrets)
        self.stores = tuple(stores)
        self.catalogue = catalogue or Catalogue(seed)
        self.customers = [Customer(number, shopper(self._random, number)) for number in range(1, customers + 1)]
        self._guests = 1000 * (customers + 1)

    def products(self, created_at: str = "2026-01-01 00:00:00") -> list[Document]:
        """Every product that orders may hold, as `/V1/products` shows it."""
        return self.catalogue.documents(created_at)

    def customer_documents(self, created_at: str = "2026-01-01 00:00:00") -> list[Document]:
        """Every registered shopper, as `/V1/customers/search` shows it."""
        return [customer.document(created_at, self.stores[0]) for customer in self.customers]

    def order(
        self,
        ctx: Context,
        *,
        payment: Payment | None = None,
        shape: Shape | None = None,
        store: StoreView | None = None,
        lines: int | None = None,
        coupon: bool | None = None,
        reserve: bool = False,
    ) -> OrderBook:
        """Place one order. What is not asked for is drawn.

        Args:
            ctx: gives ids, numbers and the time of placing.
            payment: `cod` stays new; `prepaid` is captured and invoiced at once; `late_paid` waits for its payment.
            shape: what kind of products it holds.
            store: where it is placed.
            lines: how many top-level lines it has.
            coupon: whether it has one.
            reserve: whether its pieces are reserved in `ctx.stock`, as a live store does.
        """
        random = self._random
        chosen_store = store or random.choice(self.stores)
        chosen_payment = payment or random.choices(_PAYMENTS, _PAYMENT_WEIGHTS)[0]
        rows = self._rows(shape or random.choices(_SHAPES, _SHAPE_WEIGHTS)[0], lines)
        discount = random.choice(_COUPONS) if (random.random() < 0.25 if coupon is None else coupon) else None
        virtual = all(row.article.type_id == "virtual" for row in rows)
        if virtual and chosen_payment == "cod":
            chosen_payment = "prepaid"
        bill = price(
            rows,
            prices_include_tax=chosen_store.prices_include_tax,
            discount=discount,
            shipping=0 if virtual else random.choice((0, 4_000, 5_000, 9_999)),
            shipping_taxed=chosen_store.shipping_taxed,
        )
        bill.fee = chosen_store.cod_fee if chosen_payment == "cod" else 0
        if random.random() < 0.08:
            bill.store_credit = min(random.randrange(100, 50_000), max(bill.before_credit - 100, 0))
        if not bill.grand_total:
            chosen_payment = "cod"  # nothing to pay: the order waits like one on delivery, with method "free"
        book = self._write(ctx, chosen_store, rows, bill, chosen_payment, discount)
        if reserve:
            reserve_placed(Order(book, ctx))
        if chosen_payment == "prepaid":
            _captured(book, ctx)
        return book

    def orders(self, count: int, ctx: Context) -> Iterator[OrderBook]:
        """So many orders, all drawn."""
        for _ in range(count):
            yield self.order(ctx)

    def _write(
        self, ctx: Context, store: StoreView, rows: list[Row], bill: Bill, payment: Payment, discount: Discount | None
    ) -> OrderBook:
        customer = self._random.choice(self.customers) if self.customers and self._random.random() < 0.4 else None
        if customer is None:
            self._guests += 1
        method = "cashondelivery" if payment == "cod" else self._random.choice(_GATEWAYS)
        if not bill.grand_total:
            method = "free"
        state = PENDING_PAYMENT if payment == "late_paid" else NEW
        draft = Draft(
            store=store,
            rows=rows,
            bill=bill,
            shopper=customer.who if customer is not None else shopper(self._random, self._guests),
            customer_id=None if customer is None else customer.customer_id,
            method=PAYMENT_METHODS[method],
            coupon=discount.code if discount is not None and bill.discount else None,
            state=state,
            status=ctx.statuses.default(state),
        )
        order = order_document(draft, ctx)
        separate = [
            item["item_id"] for item, row in zip(order["items"], rows, strict=True) if row.article.ships_separately
        ]
        return OrderBook(order, hidden={"ships_separately": separate} if separate else {})

    def _rows(self, shape: Shape, lines: int | None) -> list[Row]:
        random, catalogue = self._random, self.catalogue
        if lines is None:
            lines = random.choices((1, 2, 3, 4), (50, 30, 13, 7))[0] if shape != "many" else random.randrange(5, 201)
        special: Sequence[Article] = {
            "odd": catalogue.odd,
            "configurable": catalogue.configurables,
            "bundle": catalogue.bundles,
            "virtual": catalogue.virtuals,
            "virtual_only": catalogue.virtuals,
        }.get(shape, catalogue.simples)
        rows: list[Row] = []
        for number in range(lines):
            article = random.choice(special if number == 0 or shape == "virtual_only" else catalogue.simples)
            rows += self._lines_of(article, random.choices((1, 2, 3, 10), (75, 15, 7, 3))[0])
        return rows

    def _lines_of(self, article: Article, quantity: int) -> list[Row]:
        top = Row(article, quantity)
        if article.type_id == "configurable":
            top.choice = self._random.randrange(len(article.parts))
            parts = [article.parts[top.choice]]
        else:
            parts = list(article.parts)
        priced_by_parts = article.type_id == "bundle" and not article.fixed_price
        top.priced = not priced_by_parts
        top.children = [
            Row(part.article, part.quantity * quantity, parent=top, priced=priced_by_parts) for part in parts
        ]
        return [top, *top.children]


def capture_late_payment(book: OrderBook, ctx: Context) -> None:
    """The gateway reports a payment that came late: the order goes from pending_payment to processing, invoiced.

    An order that no longer waits for its payment (cancelled meanwhile, or paid) is left as it is.
    """
    if book.order.get("state") == PENDING_PAYMENT:
        _captured(book, ctx)


def _captured(book: OrderBook, ctx: Context) -> None:
    """Capture the whole amount online and invoice it, as a gateway's call-back does."""
    order = Order(book, ctx)
    order.enter(NEW)
    invoices.invoice(book, {"capture": True}, ctx)
    payment = book.order["payment"]
    transaction = f"pay_{book.order['entity_id']:014d}"
    payment["last_trans_id"] = transaction
    book.order["extension_attributes"]["payment_additional_info"].append(
        {"key": "gateway_payment_id", "value": transaction}
    )
    book.order["updated_at"] = stamp(ctx.now)
    paid = f"{book.order.get('total_paid', 0):,.2f}"
    order.add_history(
        f'Captured amount of ₹{paid} online. Transaction ID: "{transaction}"',
        str(book.order["status"]),
        notified=None,
        visible=0,
        entity="invoice",
    )
