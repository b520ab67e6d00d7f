"""Reading what the options of dropdown attributes say, before the products that carry their numbers."""

from __future__ import annotations

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import MagentoCatalogue
from magento_oms.storage import attribute_labels
from magento_oms.storage.database import autocommit, engine


def read_labels(url: str, store: MagentoCatalogue, config: InstanceConfig) -> None:
    """Read the labels of every attribute that the configuration names: a request each, at the beginning of a run.

    Raises:
        OutsideError: they cannot be read. A number would be taken for an HSN code or a barcode, so nothing goes on.
    """
    _read(url, store, config, config.catalogue.attributes)


def read_labels_of_dropdowns(url: str, store: MagentoCatalogue, config: InstanceConfig) -> None:
    """The same before single products, of attributes that are dropdowns: an option may be as new as the product."""
    with autocommit(url) as connection:
        known = attribute_labels.labels(connection, config.code, config.catalogue.attributes)
    _read(url, store, config, tuple(known))


def _read(url: str, store: MagentoCatalogue, config: InstanceConfig, attributes: tuple[str, ...]) -> None:
    read = {attribute: store.attribute_labels(attribute) for attribute in attributes}
    with engine(url).begin() as connection:
        attribute_labels.save(connection, config.code, read)
