"""A process that does what the tasks of one kind of DAG do, over and over: `lifecycle --direct` starts three of them.

It calls what the tasks call, without Airflow around it. `python -m benchmarks.lifecycle_worker pull|magento|courier`
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

import structlog

from magento_oms.orchestration import courier_wiring, wiring
from magento_oms.ports import OutsideError
from magento_oms.workflows import order_pull, push, turns
from magento_oms.workflows.couriers.plans import target
from magento_oms.workflows.routing.route_orders import route_due

POLL = 5.0
"""Seconds between two looks at a store, as in Airflow."""
LINGER = turns.Linger(idle=20.0, at_most=30.0)

log = structlog.get_logger(__name__)


def pulls() -> list[Callable[[], None]]:
    """Live pulls of all stores, and routing."""
    configs = wiring.valid_instances()

    def pull(code: str) -> Callable[[], None]:
        store = wiring.magento_for(configs[code])

        def once() -> None:
            order_pull.pull_live(wiring.oms_url(), store, configs[code], holder="bench")
            time.sleep(POLL)

        return once

    def route() -> None:
        route_due(wiring.oms_url(), configs, holder="bench", linger=LINGER)

    return [*map(pull, configs), route]


def towards_magento() -> list[Callable[[], None]]:
    """What is due at the stores."""

    def push_to(code: str) -> Callable[[], None]:
        config = wiring.instance(code)
        store, kinds = wiring.magento_for(config), wiring.magento_kinds(config)

        def once() -> None:
            push.push(
                wiring.oms_url(), f"magento:{code}", store, kinds, holder="bench",
                settle_delay=wiring.settle_delay(config), linger=LINGER,
            )  # fmt: skip

        return once

    return [push_to(code) for code in wiring.valid_instances()]


def towards_couriers() -> list[Callable[[], None]]:
    """What is due at the courier accounts."""

    def push_to(code: str) -> Callable[[], None]:
        account = courier_wiring.account(code)
        aggregator = courier_wiring.aggregator_for(account, wiring.oms_url())
        kinds = courier_wiring.courier_kinds(account)

        def once() -> None:
            push.push(
                wiring.oms_url(), target(code), aggregator, kinds, holder="bench",
                settle_delay=courier_wiring.SETTLE_DELAY, linger=LINGER, at_once=courier_wiring.at_once(account),
            )  # fmt: skip

        return once

    accounts = {ref.account for config in wiring.valid_instances().values() for store in config.stores
                for ref in store.aggregators}  # fmt: skip
    return [push_to(code) for code in sorted(accounts)]


def forever(work: Callable[[], None]) -> None:
    """Do it again and again. What Airflow would alert of is told, and tried again as Airflow does."""
    while True:
        try:
            work()
        except (OutsideError, turns.AnotherRunHasTheTurn) as trouble:
            log.warning("tried again", trouble=str(trouble))
            time.sleep(5)


def main() -> None:
    """Run one kind until the process is ended."""
    kinds = {"pull": pulls, "magento": towards_magento, "courier": towards_couriers}
    for work in kinds[sys.argv[1]]():
        threading.Thread(target=forever, args=(work,), daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
