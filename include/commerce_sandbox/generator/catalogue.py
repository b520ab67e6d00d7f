"""The products that generated orders buy, and their documents as `/V1/products` shows them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from commerce_sandbox.magento_rules.stock_book import StockProduct

ProductType = Literal["simple", "virtual", "configurable", "bundle"]

ODD_SKUS = ("A/B 1", "50%-OFF", "a+b", "q?x#1", "Ünï-ç", "कुर्ता-01", "TEE, blue", "x&y=z")
_WORDS = [
    "Cotton Kurta",
    "Silk Saree",
    "Leather Wallet",
    "Steel Bottle",
    "Brass Lamp",
    "Jute Bag",
    "Wool Shawl",
    "Clay Pot",
    "Desk Lamp",
]
_COLOURS = ("Red", "Blue", "Green", "Ivory")
_RATES = (5, 12, 18)
TAX_CLASSES = {18: "2", 12: "4", 5: "5"}
"""GST in per cent → id of the product tax class; 2 is Magento's own "Taxable Goods"."""
_HSN = {
    "Kurta": "62114290",
    "Saree": "50072010",
    "Wallet": "42023120",
    "Bottle": "73239390",
    "Lamp": "94052000",
    "Bag": "42022220",
    "Shawl": "62142090",
    "Pot": "69120020",
    "Tee": "61091000",
}
"""By a word of its name; what has none of these has no code."""
_COLOUR_ATTRIBUTE = 93


@dataclass(frozen=True, slots=True)
class Part:
    """A child of a composite product: `quantity` of it in one bundle; for a configurable one of its choices."""

    article: Article
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class Article:
    """A product. Prices are in paise without tax, the weight in grams, tax in per cent.

    Attributes:
        fixed_price: bundles: whether the bundle's own price counts, not its parts'.
        ships_separately: bundles: whether the parts are shipped on their own.
    """

    product_id: int
    sku: str
    name: str
    type_id: ProductType = "simple"
    paise: int = 0
    grams: int = 0
    tax_percent: int = 18
    parts: tuple[Part, ...] = ()
    fixed_price: bool = False
    ships_separately: bool = False

    @property
    def stock_product(self) -> StockProduct:
        """The product as the stock rules know it."""
        return StockProduct(self.product_id, self.sku, self.type_id)

    def document(self, created_at: str, option_id: int) -> dict[str, Any]:
        """The product as `/V1/products` shows it. `option_id` numbers its first option."""
        document: dict[str, Any] = {
            "id": self.product_id,
            "sku": self.sku,
            "name": self.name,
            "attribute_set_id": 4,
            "price": _rupees(self.paise if self.type_id != "bundle" or self.fixed_price else 0),
            "status": 1,
            "visibility": 4,
            "type_id": self.type_id,
            "created_at": created_at,
            "updated_at": created_at,
        }
        if self.type_id != "virtual":
            document["weight"] = self.grams / 1000 if self.grams % 1000 else self.grams // 1000
        return document | {
            "extension_attributes": {"website_ids": [1], **self._options(option_id)},
            "product_links": [],
            "options": [],
            "media_gallery_entries": self._pictures(),
            "tier_prices": [],
            "custom_attributes": self._attributes(),
        }

    def _options(self, option_id: int) -> dict[str, Any]:
        if self.type_id == "configurable":
            option = {
                "id": option_id,
                "attribute_id": str(_COLOUR_ATTRIBUTE),
                "label": "Color",
                "position": 0,
                "values": [{"value_index": 4 + index} for index in range(len(self.parts))],
                "product_id": self.product_id,
            }
            links = [part.article.product_id for part in self.parts]
            return {"configurable_product_options": [option], "configurable_product_links": links}
        if self.type_id != "bundle":
            return {}
        options = [
            {
                "option_id": option_id + index,
                "title": part.article.name,
                "required": True,
                "type": "select",
                "position": index + 1,
                "sku": self.sku,
                "product_links": [
                    {
                        "id": str(option_id + index),
                        "sku": part.article.sku,
                        "option_id": option_id + index,
                        "qty": part.quantity,
                        "position": 0,
                        "is_default": True,
                        "price": _rupees(part.article.paise),
                        "price_type": None,
                        "can_change_quantity": 0,
                    }
                ],
            }
            for index, part in enumerate(self.parts)
        ]
        return {"bundle_product_options": options}

    @property
    def picture(self) -> str:
        """Path of its picture below `media/catalog/product`, in folders by its first letters as Magento makes them."""
        name = f"{_url_key(self.name)}-{self.product_id}.jpg"
        return f"/{name[0]}/{name[1]}/{name}"

    def _pictures(self) -> list[dict[str, Any]]:
        if self.type_id == "virtual":
            return []
        return [
            {
                "id": self.product_id,
                "media_type": "image",
                "label": None,
                "position": 1,
                "disabled": False,
                "types": ["image", "small_image", "thumbnail", "swatch_image"],
                "file": self.picture,
            }
        ]

    def _own_attributes(self) -> dict[str, Any]:
        """What this brand added to Magento's own attributes, and the roles of its picture."""
        values: dict[str, Any] = {}
        if self.type_id != "virtual":
            values |= dict.fromkeys(("image", "small_image", "thumbnail", "swatch_image"), self.picture)
        for word in re.findall("[A-Za-z]+", self.name):
            if word in _HSN:
                values["hsn_code"] = _HSN[word]
        if self.type_id == "simple":
            values["ean"] = _ean13(890_100_000_000 + self.product_id)
        return values

    def _attributes(self) -> list[dict[str, Any]]:
        values: dict[str, Any] = {
            "options_container": "container2",
            "msrp_display_actual_price_type": "0",
            "url_key": _url_key(f"{self.name} {self.product_id}"),
            "required_options": "0",
            "has_options": "0",
            "tax_class_id": TAX_CLASSES.get(self.tax_percent, "2"),
        } | self._own_attributes()
        if self.type_id == "bundle":
            values |= {
                "shipment_type": str(int(self.ships_separately)),
                "price_view": "0",
                "sku_type": "1",
                "price_type": str(int(self.fixed_price)),
                "weight_type": "0",
            }
        values["category_ids"] = []
        return [{"attribute_code": code, "value": value} for code, value in values.items()]


class Catalogue:
    """All products by kind.

    Args:
        seed: the same seed makes the same products.
        simples: how many plain simple products there are beside the odd ones and the parts of composites.
    """

    def __init__(self, seed: int = 0, *, simples: int = 60) -> None:
        random = Random(seed)  # noqa: S311  (not for secrets)
        self._next_id = 1
        self.simples: list[Article] = [
            self._simple(random, f"SKU-{number:03d}", f"{random.choice(_WORDS)} {number}")
            for number in range(1, simples + 1)
        ]
        self.odd: list[Article] = [self._simple(random, sku, f"Odd {sku}") for sku in ODD_SKUS]
        self.virtuals = [self._virtual(random, number) for number in range(1, 4)]
        self.configurables = [self._configurable(random, number) for number in range(1, 7)]
        self.bundles = [
            self._bundle(random, number, fixed_price=bool(number & 1), ships_separately=bool(number & 2))
            for number in range(8)
        ]

    def __iter__(self) -> Iterator[Article]:
        choices = [part.article for article in self.configurables for part in article.parts]
        return iter([*self.simples, *self.odd, *self.virtuals, *choices, *self.configurables, *self.bundles])

    def documents(self, created_at: str = "2026-01-01 00:00:00") -> list[dict[str, Any]]:
        """Every product as `/V1/products` shows it, by id."""
        articles: Sequence[Article] = sorted(self, key=lambda article: article.product_id)
        return [article.document(created_at, 10 * article.product_id) for article in articles]

    def _simple(self, random: Random, sku: str, name: str) -> Article:
        paise = random.choice((19900, 24900, 49950, 99900, 33333, 100, 149999, random.randrange(1000, 500000)))
        grams = random.choice((200, 350, 500, 1250, 3000))
        return Article(self._id(), sku, name, "simple", paise, grams, random.choice(_RATES))

    def _virtual(self, random: Random, number: int) -> Article:
        return Article(self._id(), f"VIRT-{number}", f"Gift card {number}", "virtual", random.choice((5000, 50000)))

    def _configurable(self, random: Random, number: int) -> Article:
        base = self._simple(random, f"TEE-{number}", f"Tee {number}")
        choices = tuple(
            Part(
                Article(
                    self._id(),
                    f"{base.sku}-{colour}",
                    f"{base.name} {colour}",
                    "simple",
                    base.paise,
                    base.grams,
                    base.tax_percent,
                )
            )
            for colour in _COLOURS
        )
        return Article(
            base.product_id, base.sku, base.name, "configurable", base.paise, base.grams, base.tax_percent, choices
        )

    def _bundle(self, random: Random, number: int, *, fixed_price: bool, ships_separately: bool) -> Article:
        chosen = random.sample(self.simples, random.randrange(2, 4))
        parts = tuple(Part(article, random.randrange(1, 3)) for article in chosen)
        whole = sum(part.article.paise * part.quantity for part in parts)
        return Article(
            self._id(),
            f"BUN-{number}",
            f"Bundle {number}",
            "bundle",
            whole * 9 // 10 if fixed_price else whole,
            sum(part.article.grams * part.quantity for part in parts),
            chosen[0].tax_percent,
            parts,
            fixed_price,
            ships_separately,
        )

    def _id(self) -> int:
        self._next_id += 1
        return self._next_id - 1


def _url_key(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _ean13(number: int) -> str:
    """Twelve digits with their check digit."""
    digits = [int(digit) for digit in f"{number:012}"]
    total = sum(digits[::2]) + 3 * sum(digits[1::2])
    return f"{number:012}{-total % 10}"


def _rupees(paise: int) -> int | float:
    return paise // 100 if paise % 100 == 0 else paise / 100
