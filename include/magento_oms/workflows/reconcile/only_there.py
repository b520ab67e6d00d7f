"""Orders that only a courier has: listed there, and under no reference or AWB of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from magento_oms.config.account_models import AggregatorAccountRef
from magento_oms.domain.invoicing.numbers import INDIA
from magento_oms.ports import Booked, Operation, OutsideError
from magento_oms.storage.database import autocommit, text
from magento_oms.workflows.reconcile.couriers import OpenAccount


@dataclass(slots=True)
class OnlyThere:
    """What the lists of some accounts tell.

    Attributes:
        orders: account, and the order there; cancelled ones are left out.
        listed: how many orders were looked at.
        no_list: accounts whose aggregator has no such list.
        unreadable: account → why it could not be asked.
    """

    orders: list[tuple[str, Booked]] = field(default_factory=list)
    listed: int = 0
    no_list: list[str] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)


def look(
    url: str,
    accounts: Sequence[AggregatorAccountRef],
    start: datetime,
    end: datetime,
    open_account: OpenAccount,
) -> OnlyThere:
    """Ask accounts for what was made there on the days of `[start, end)`, and leave out what the OMS knows."""
    found = OnlyThere()
    since, until = (moment.astimezone(INDIA).date() for moment in (start, end - timedelta(microseconds=1)))
    for account in accounts:
        try:
            with open_account(account.account) as side:
                if Operation.LIST not in side.aggregator.operations:
                    found.no_list.append(f"{account.account} ({account.aggregator})")
                    continue
                listed = side.aggregator.listed(since, until)
        except OutsideError as error:
            found.unreadable[account.account] = str(error)
            continue
        found.listed += len(listed)
        alive = [each for each in listed if not each.cancelled]
        found.orders += [(account.account, each) for each in _unknown(url, account.account, alive)]
    return found


def _unknown(url: str, account: str, listed: Sequence[Booked]) -> list[Booked]:
    """Those of which the OMS knows neither the reference nor the AWB at this account."""
    with autocommit(url) as connection:
        known = connection.execute(
            text(
                "select reference, awb from courier_booking where account = :account"
                " and (reference = any(:references) or awb <> '' and awb = any(:awbs))"
            ),
            {
                "account": account,
                "references": [each.reference for each in listed],
                "awbs": [each.awb for each in listed if each.awb],
            },
        ).all()
    references, awbs = {row.reference for row in known}, {row.awb for row in known if row.awb}
    return [each for each in listed if each.reference not in references and each.awb not in awbs]
