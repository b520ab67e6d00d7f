"""Orders whose SKU the catalogue does not have: it is asked for at once, and they go on by themselves when it is there.

Only where the whole catalogue was read once; before that nobody could tell an unknown SKU from one not read yet.
"""

from __future__ import annotations

import structlog
from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import ConfigurationError, MagentoCatalogue, OutsideError
from magento_oms.storage import catalogue, quarantine
from magento_oms.storage.database import autocommit, engine, text
from magento_oms.workflows.intake import take_in
from magento_oms.workflows.intake_rules import UNKNOWN_SKU
from magento_oms.workflows.master_data.labels import read_labels_of_dropdowns
from magento_oms.workflows.master_data.products import take_in_products
from magento_oms.workflows.replay import kept_pages

log = structlog.get_logger(__name__)

AT_ONCE = 20
"""SKUs that are asked for with one request: its URL stays well below what a web server takes."""
ORDERS_AT_ONCE = 200


def ask_for_unknown(url: str, store: MagentoCatalogue, config: InstanceConfig) -> int:
    """Ask the store for the SKUs that orders wait for and whose turn it is, and let those orders go on; how many did.

    Where the store cannot be asked, the orders wait for the next time; reading orders is not disturbed.
    """
    woken = wake_waiting(url, config)
    while due := _due(url, config):
        try:
            _ask(url, store, config, due)
        except OutsideError as error:
            log.warning("unknown SKUs could not be asked for", instance=config.code, skus=len(due), error=str(error))
            return woken
        finally:
            with engine(url).begin() as connection:
                catalogue.asked(connection, config.code, [each.sku for each in due])
        woken += wake_waiting(url, config)
    return woken


def _due(url: str, config: InstanceConfig) -> list[catalogue.Wanted]:
    with autocommit(url) as connection:
        return catalogue.due(connection, config.code, AT_ONCE)


def _ask(url: str, store: MagentoCatalogue, config: InstanceConfig, due: list[catalogue.Wanted]) -> None:
    """By id and by SKU: an option of a product lengthens its SKU, and one that was made anew has another id."""
    read_labels_of_dropdowns(url, store, config)
    page = store.products_of([each.product_id for each in due if each.product_id], [each.sku for each in due])
    take_in_products(url, config, page)
    found = {int(row["id"]) for row in page.rows} | {str(row.get("sku")) for row in page.rows}
    with engine(url).begin() as connection:
        missing = catalogue.unknown(connection, config.code, due)
        for each in due:
            # A product that is there and could not be understood has an entry of its own.
            if each.sku in missing and not {each.sku, each.product_id} & found:
                _tell(connection, config.code, each.sku)


def _tell(connection: Connection, instance: str, sku: str) -> None:
    quarantine.open_(
        connection,
        instance=instance,
        subject=f"sku:{sku}",
        code=UNKNOWN_SKU,
        reason=f"Orders wait for the SKU {sku!r}, and Magento has no such product.",
        way_out="Add it in Magento: they go on by themselves. Or let them go on without it:"
        f" `magento-oms catalogue accept {instance} SKU`.",
    )


def wake_waiting(url: str, config: InstanceConfig) -> int:
    """Let the orders go on whose SKUs are known by now; of how many that was decided.

    One whose payload is not kept any more goes on when it is read again: held orders are decided upon every time.
    """
    with autocommit(url) as connection:
        met = catalogue.met(connection, config.code)
        waiting = _waiting(connection, config.code, met) if met else []
    for first in range(0, len(waiting), ORDERS_AT_ONCE):
        with autocommit(url) as connection:
            pages = kept_pages(connection, config.code, waiting[first : first + ORDERS_AT_ONCE])
        for page in pages:
            take_in(url, config, page, decide_again=True)
    if met:
        with engine(url).begin() as connection:
            # Last, so that a run that is killed before leaves them to the next one.
            catalogue.no_longer_awaited(connection, config.code, met)
            subjects = [f"sku:{sku}" for sku in met]
            quarantine.resolve_many(
                connection, config.code, subjects, resolution="in the catalogue by now, or wanted no more"
            )
    return len(waiting)


def _waiting(connection: Connection, instance: str, skus: list[str]) -> list[int]:
    """Orders held for one of these SKUs."""
    rows = connection.execute(
        text(
            "select distinct o.entity_id from sales_order o join order_hold h on h.order_id = o.id"
            " join order_line l on l.order_id = o.id where o.instance = :instance and h.code = :code"
            " and h.released_at is null and l.sku = any(:skus) order by o.entity_id"
        ),
        {"instance": instance, "code": UNKNOWN_SKU, "skus": skus},
    )
    return list(rows.scalars())


def accept(url: str, config: InstanceConfig, sku: str, by: str) -> int:
    """Let the orders of a SKU go on that Magento has no product of; of how many that was decided.

    Raises:
        ConfigurationError: no order waits for it.
    """
    with engine(url).begin() as connection:
        if not catalogue.accept(connection, config.code, sku, f"accepted by {by}: Magento has no such product"):
            raise ConfigurationError(
                f"No order of {config.code} waits for the SKU {sku!r}.",
                way_out="`magento-oms catalogue awaited` lists those that are waited for.",
            )
    return wake_waiting(url, config)
