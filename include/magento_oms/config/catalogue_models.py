"""How an instance's products are read, and what is kept of its customers: parts of `instances/*.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from magento_oms.config.account_models import Model
from magento_oms.config.fields import Exact, Flag, Whole

Attribute = Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9_]{0,59})?$")]
TaxClass = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}$")]


class WeightUnit(StrEnum):
    """What Magento's weights are in (Stores, Configuration, General, Locale Options)."""

    KILOGRAM = "kg"
    GRAM = "g"
    POUND = "lb"

    @property
    def grams(self) -> Decimal:
        """Grams of one."""
        return _GRAMS[self]


_GRAMS = {WeightUnit.KILOGRAM: Decimal(1000), WeightUnit.GRAM: Decimal(1), WeightUnit.POUND: Decimal("453.59237")}


class CatalogueConfig(Model):
    """Which of Magento's attributes say what we need to know of a product. Attributes are named by their code; of a
    dropdown the label of its option counts."""

    hsn_attribute: Attribute = Field(default="hsn_code", description="HSN code, 4, 6 or 8 digits")
    barcode_attribute: Attribute = Field(default="", description="barcode (EAN, UPC or the brand's own); none: no one")
    gst_attribute: Attribute = Field(default="", description="GST in per cent; wins over the tax class")
    gst_by_tax_class: Mapping[TaxClass, Annotated[Exact, Field(ge=0, le=100)]] = Field(
        default_factory=dict,
        description="id of a product tax class → GST in per cent",
        examples=[{"2": 18, "4": 5}],
    )
    weight_unit: WeightUnit = Field(default=WeightUnit.KILOGRAM, description="of Magento's weights")
    length_attribute: Attribute = Field(default="", description="length in cm")
    breadth_attribute: Attribute = Field(default="", description="breadth in cm")
    height_attribute: Attribute = Field(default="", description="height in cm")

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes that are named, each once."""
        named = (
            self.hsn_attribute,
            self.barcode_attribute,
            self.gst_attribute,
            self.length_attribute,
            self.breadth_attribute,
            self.height_attribute,
        )
        return tuple(dict.fromkeys(filter(None, named)))


class CustomersConfig(Model):
    """What is kept of registered customers. Orders carry their buyers' data themselves."""

    pull: Flag = Field(default=True, description="whether customers are read at all")
    keep_days: Whole = Field(
        default=730,
        ge=1,
        le=3650,
        description="days after their last change on Magento in which names, e-mail and addresses are kept (encrypted);"
        " then they are erased",
    )
