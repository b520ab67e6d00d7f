"""What follows once every unit of a return is judged: the store is told, refunds it asked for are planned, what came
back is credited, and the order that replaces it goes out or is cancelled.
"""

from __future__ import annotations

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.domain.returns import JUDGED
from magento_oms.storage import return_claims, return_notices, returns
from magento_oms.storage.database import autocommit, engine
from magento_oms.workflows.returns import credit, exchange, refund


def all_judged(connection: Connection, return_id: int) -> None:
    """Tell of it, once for each unit that turned up later too."""
    judged = sum(unit.state in JUDGED for unit in returns.units(connection, [return_id])[return_id])
    return_notices.tell(connection, return_notices.PROCESSED, return_id, mark=str(judged))
    refund.plan(connection, return_id)


def settle(connection: Connection, config: InstanceConfig, return_id: int) -> None:
    """Decide about the replacement and issue the credit note. Settled before, nothing happens.

    A courier's scan may end a return too, where the configuration is not at hand: `return_sync` settles it then.
    """
    exchange.settle(connection, config, return_id)
    credit.credit(connection, config, return_id)  # last: see `crediting.issue_all`


def settle_all(url: str, config: InstanceConfig) -> int:
    """Settle the returns of an instance that are decided and not settled yet, one by one; how many there were."""
    with autocommit(url) as connection:
        ids = return_claims.unsettled(connection, config.code)
    for return_id in ids:
        with engine(url).begin() as connection:
            settle(connection, config, return_id)
    return len(ids)
