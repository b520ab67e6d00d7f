"""`make demo`: stores, couriers, warehouses, the OMS and Airflow on this machine, with orders flowing.

Starts afresh, shows what it waits for, prints what happened, and stays up until Ctrl-C.
"""

from __future__ import annotations

import json
import os
import random
import shlex
import signal
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from commerce_sandbox.client import ADMIN_USER, SandboxClient, SandboxError
from commerce_sandbox.couriers.client import CourierClient
from magento_oms.config.accounts import courier_accounts
from magento_oms.config.load import load_instances
from magento_oms.config.models import InstanceConfig
from magento_oms.local import demo_ledger, demo_reconcile, demo_table
from magento_oms.local.airflow_env import straight_to_this_machine
from magento_oms.local.demo_report import InstanceReport, compare
from magento_oms.local.demo_returns import JOURNEYS, DemoReturns
from magento_oms.local.demo_shop_server import SECRET, ShopServer
from magento_oms.local.demo_stock import check_stock
from magento_oms.local.demo_stores import skus_on_magento
from magento_oms.local.demo_warehouse import DemoWarehouse
from magento_oms.local.processes import ProcessTrouble
from magento_oms.local.supervisor import (
    REPOSITORY,
    SANDBOX_PASSWORD,
    WEBHOOK_SECRET,
    LocalStack,
    Plan,
    webhook_path,
)
from magento_oms.local.trouble import LocalTrouble

STATE = REPOSITORY / ".run" / "demo"
RESULT = REPOSITORY / "build" / "demo.json"
INSTANCES = REPOSITORY / "instances" / "demo"

SEED = 20261123
STILL_SECONDS = 90.0
"""When nothing has moved for so long, orders that are not where they should be will not come there."""
SECONDS_A_STEP = 3
"""Between two scans of a parcel: a courier's days."""
POORER = "heritage_ship"
"""The account whose wallet runs empty once it has shipped `RICH_FOR` parcels."""
RICH_FOR = 5
CHANGES_MIND = 6
"""Of so many orders one is cancelled by its customer some seconds later, wherever it has come to by then."""

console = Console()


def main(
    once: Annotated[
        bool, typer.Option("--once", help="End when every order is where it should be; exit 0 then.")
    ] = False,
    orders: Annotated[int, typer.Option(help="How many orders to place while you watch.", min=1, max=5000)] = 40,
    seconds: Annotated[float, typer.Option(help="Over how many seconds they are placed.", min=1)] = 60.0,
    faults: Annotated[bool, typer.Option(help="Stores and couriers answer badly now and then.")] = True,
) -> None:
    """Show the whole thing on this machine: stores and couriers (stand-ins), warehouses, the OMS and the Airflow UI."""
    signal.signal(signal.SIGTERM, _interrupt)
    os.environ.update(straight_to_this_machine(os.environ))
    started = time.monotonic()
    try:
        sys.exit(_run(started, orders=orders, seconds=seconds, once=once, faults=faults))
    except KeyboardInterrupt:
        console.print("\nStopped. Every process that was started has ended.")
        sys.exit(130 if once else 0)
    except LocalTrouble as trouble:
        console.print(str(trouble), style="red", markup=False, highlight=False)
        sys.exit(1)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _run(started: float, *, orders: int, seconds: float, once: bool, faults: bool) -> int:
    loaded = load_instances(INSTANCES)
    if loaded.problems:
        raise ProcessTrouble("\n".join(map(str, loaded.problems)))
    with ShopServer(fail_every=7 if faults else 0).running() as shop:
        plan = _plan(loaded.good, shop)
        with Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console) as shown:
            step = shown.add_task("Starting")
            stack = LocalStack(plan, lambda text: shown.update(step, description=f"Starting: {text}"))
            with stack.running():
                shown.update(step, description="Everything runs")
                shown.stop()
                up = time.monotonic() - started
                console.print(f"Airflow UI: [bold]{stack.airflow_url}[/bold] (no login)   up after {up:.0f} s")
                demo = _Demo(stack, list(loaded.good), shop)
                demo.feed(orders=orders, seconds=seconds, faults=faults)
                reports = demo.settle()
                good = demo.tell(reports, up, started)
                if not once:
                    demo.stay_up()
                return 0 if good else 1


def _plan(configs: tuple[InstanceConfig, ...], shop: ShopServer) -> Plan:
    couriers = tuple(
        (account.aggregator, account.code, account.connection_id) for account in courier_accounts(configs).values()
    )
    signing = json.dumps({"conn_type": "generic", "password": SECRET})
    settings = {"SHOP_EVENTS_URL": shop.url}
    settings |= {f"AIRFLOW_CONN_NOTIFY_{config.code.upper()}": signing for config in configs}
    codes = tuple(config.code for config in configs)
    return Plan(STATE, INSTANCES, codes, couriers=couriers, gateway=True, settings=settings)


class _Demo:
    """The world around the running stack: places orders, works in warehouses, sends things back, and compares."""

    def __init__(self, stack: LocalStack, configs: list[InstanceConfig], shop: ShopServer) -> None:
        self._stack = stack
        self._configs = configs
        self._shop = shop
        self._sandbox = SandboxClient(stack.sandbox_url)
        accounts = courier_accounts(configs).values()
        self._accounts = {account.code: CourierClient(stack.sandbox_url, account.code) for account in accounts}
        self._aggregators = {account.aggregator for account in accounts}
        self._warehouse = DemoWarehouse(stack.gateway_url, stack.oms_url)
        self._returns = DemoReturns(stack.gateway_url, stack.oms_url)
        self._placed: dict[str, dict[int, datetime]] = {config.code: {} for config in configs}
        self._poor = False
        self._regretted: list[tuple[float, str, int]] = []
        self._cancelled = 0

    def feed(self, *, orders: int, seconds: float, faults: bool) -> None:
        """Place orders at random times, while everything is looked after."""
        dice = random.Random(SEED)  # noqa: S311  (not for secrets)
        history = self._sandbox.at("heritage").load_recorded_history()
        _read_history(self._stack)
        console.print(f"heritage begins with {history['orders']} orders recorded from a real Magento 2.4.7.")
        self._join_couriers()
        self._tell_stock()
        if faults:
            self._add_faults()
        moments = sorted(dice.uniform(0, seconds) for _ in range(orders))
        begun = time.monotonic()
        with demo_table.bar(console, "Placing orders", orders) as step:
            for moment in moments:
                while (wait := begun + moment - time.monotonic()) > 0:
                    self._look_after()
                    time.sleep(min(wait, 0.5))
                self._place(dice)
                step(1)
        self._tell_stock(all_of_them=True)

    def settle(self) -> list[InstanceReport]:
        """Wait until every order is where it should be, and what comes back is there, or nothing moves any more."""
        done, moved_at, waited_for = 0, time.monotonic(), [""]
        with demo_table.bar(console, "Orders where they should be", 1) as step:
            while True:
                self._look_after()
                try:
                    reports = [self._report(config) for config in self._configs]
                except (URLError, ConnectionError):  # a fault struck our own reading
                    time.sleep(1)
                    continue
                total = sum(report.live for report in reports)
                fine = total - sum(len(report.unfinished) for report in reports)
                step(fine - done, total)
                done = fine
                open_ones = [failure for report in reports for failure in report.failures]
                open_ones += [f"fulfilment {number} is not returned yet" for number in self._returns.waiting]
                if open_ones != waited_for:
                    moved_at, waited_for = time.monotonic(), open_ones
                if not open_ones or time.monotonic() > moved_at + STILL_SECONDS:
                    return reports
                time.sleep(1)

    def tell(self, reports: list[InstanceReport], up: float, started: float) -> bool:
        """Print and write what happened; whether all is well."""
        stack, problems = self._stack, [failure for report in reports for failure in report.failures]
        problems += demo_ledger.check_invoice_numbers(stack.oms_url)
        problems += demo_ledger.check_couriers(self._accounts.values(), stack.oms_url)
        problems += demo_ledger.check_came_back(self._accounts.values(), stack.oms_url)
        problems += self._what_never_happened(reports)
        delivered = {name for report in reports for name, count in report.delivered.items() if count}
        problems += [f"{name} delivered nothing" for name in sorted(self._aggregators - delivered)]
        problems += [
            f"{what}, {times} times" for what, times in (self._warehouse.troubles + self._returns.troubles).items()
        ]
        if self._shop.forged:
            problems.append(f"{self._shop.forged} events came to the stores' own server with a wrong signature")
        stock = [
            check_stock(
                config,
                f"{stack.sandbox_url}/{config.code}",
                ADMIN_USER,
                SANDBOX_PASSWORD,
                stack.oms_url,
                self._look_after,
            )
            for config in self._configs
        ]
        problems += [difference for each in stock for difference in each.differing]
        last = max((at for placed in self._placed.values() for at in placed.values()), default=datetime.now(UTC))
        with console.status("Reconciling the day: orders three ways, returns, stock"):
            reconciled = demo_reconcile.reconcile(self._configs, stack.settings, last)
        problems += reconciled.problems
        facts: dict[str, Any] = {
            "SKUs whose stock Magento was told, and how often": (
                f"{sum(each.skus for each in stock)}, {sum(each.told for each in stock)} times"
            ),
            "seconds until everything ran": round(up, 1),
            "seconds": round(time.monotonic() - started, 1),
            "manifests": self._warehouse.manifests,
            "orders that customers cancelled": self._cancelled,
            "units that came back": f"{self._returns.passed} passed their check, {self._returns.failed} did not",
            "bad answers of stores and couriers": self._struck(),
            "events sent again": self._shop.repeats,
            "processes started again": sum(stack.restarts().values()),
            **reconciled.proofs,
        }
        demo_table.show(console, reports, facts, problems)
        demo_table.write(RESULT, reports, facts, problems)
        self._point_at_more()
        return not problems

    @staticmethod
    def _what_never_happened(reports: list[InstanceReport]) -> list[str]:
        """What every demo has to show, and this one did not."""
        seen = {
            "was cancelled": sum(report.by_state["cancelled"] for report in reports),
            "was returned by its customer": sum(report.came_back["customer_return"] for report in reports),
            "was brought back by its courier (RTO)": sum(report.came_back["return_to_origin"] for report in reports),
        }
        return [f"no order {what}" for what, count in seen.items() if not count]

    def stay_up(self) -> None:
        """Until Ctrl-C."""
        console.print("Everything stays up until Ctrl-C.")
        while True:
            self._look_after()
            time.sleep(0.5)

    # ------------------------------------------------------------------------------------------------------------------

    def _look_after(self) -> None:
        for happened in self._stack.look_after():
            console.print(f"[yellow]{happened}")
        self._warehouse.work()
        self._returns.work()
        self._change_minds()
        if not self._poor and self._accounts[POORER].shipped() >= RICH_FOR:
            # From here on this account cannot pay: parcels go on to the store's next one.
            self._accounts[POORER].switch(wallet="empty_350")
            self._poor = True

    def _place(self, dice: random.Random) -> None:
        config = dice.choice(self._configs)
        now = datetime.now(UTC)
        store_id = dice.choice([store.store_id for store in config.stores])
        for order in self._sandbox.at(config.code).place_orders(1, store_id=store_id):
            self._placed[config.code][order.entity_id] = now
            if order.entity_id % CHANGES_MIND == 0:
                self._regretted.append((time.monotonic() + dice.uniform(1, 15), config.code, order.entity_id))

    def _change_minds(self) -> None:
        """Customers cancel: Magento lets them until something is invoiced or shipped, and so do we until handover."""
        due = [each for each in self._regretted if each[0] <= time.monotonic()]
        self._regretted = [each for each in self._regretted if each not in due]
        for _, code, entity_id in due:
            with suppress(SandboxError):  # Magento refuses: it is invoiced already
                self._sandbox.at(code).change_order(entity_id, "cancel")
                self._cancelled += 1

    def _join_couriers(self) -> None:
        """Let the couriers' stand-ins move parcels by themselves and tell the gateway: repeated, and out of order."""
        for code, account in self._accounts.items():
            url = f"{self._stack.gateway_url}/webhooks/{webhook_path(code)}"
            account.set_up(
                webhook={"url": url, "secret": WEBHOOK_SECRET},
                emitter={"repeats": 1, "shuffle_seconds": 3},
                seconds_a_step=SECONDS_A_STEP,
                journeys=JOURNEYS,
            )

    def _tell_stock(self, *, all_of_them: bool = False) -> None:
        """What the counted warehouses have, told as their own systems would."""
        woken = 0
        for config in self._configs:
            locations = [location for store in config.stores for location in store.locations]
            counted = {location.code for location in locations if location.stock == "counted"}
            if counted:
                skus = skus_on_magento(f"{self._stack.sandbox_url}/{config.code}", SANDBOX_PASSWORD)
                for code in sorted(counted):
                    woken += self._warehouse.tell_stock(code, skus, all_of_them=all_of_them)
        if all_of_them:
            console.print(f"Goods came in at the warehouses: {woken} orders had waited for them.")

    def _add_faults(self) -> None:
        """Each kind of trouble, a few times."""
        for config in self._configs:
            store = self._sandbox.at(config.code)
            store.add_fault("error_before", method="GET", path="/orders", times=2, skip=6)
            store.add_fault("error_after", method="POST", path="/comments", times=2, skip=3)
            store.add_fault("reset_after", method="POST", path="/invoice", times=1, skip=2)
            store.add_fault("error_after", method="POST", path="/ship$", times=1, skip=2)
            store.add_fault("too_many_requests", path="/orders", times=2, skip=12, retry_after=2)
            store.add_fault("maintenance", path="/order/", times=1, skip=9)
        for account in self._accounts.values():
            account.add_fault("error_after", method="POST", times=1, skip=4)
            account.add_fault("too_many_requests", times=1, skip=9, retry_after=2)

    def _struck(self) -> int:
        return sum(int(rule["fired"]) for rule in self._sandbox.faults())

    def _report(self, config: InstanceConfig) -> InstanceReport:
        stack, code = self._stack, config.code
        report = compare(config, f"{stack.sandbox_url}/{code}", SANDBOX_PASSWORD, stack.oms_url, self._placed[code])
        demo_ledger.check_store(report, self._sandbox.at(code), stack.oms_url)
        report.told = self._shop.events(code)
        return report

    def _point_at_more(self) -> None:
        command = _command_of(self._stack)
        shown = os.path.relpath(command)
        order = demo_ledger.an_order_with_papers(self._stack.oms_url)
        console.print(f"Airflow UI: [bold]{self._stack.airflow_url}[/bold]   logs: {STATE / 'logs'}")
        if order is not None:
            console.print(
                f"The papers of an order: [bold]{shown} orders show {' '.join(order)} --documents[/bold]",
                soft_wrap=True,
            )


def _command_of(stack: LocalStack) -> Path:
    """`magento-oms` for this demo's databases, as a command of its own."""
    path = STATE / "magento-oms"
    lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(stack.settings.items())]
    program = shlex.quote(str(Path(sys.executable).with_name("magento-oms")))
    path.touch(mode=0o700)
    path.write_text("\n".join(["#!/bin/sh", "# Made by the demo: it knows where this demo's databases are.", *lines,
                               f'exec {program} "$@"\n']))  # fmt: skip
    return path


def _read_history(stack: LocalStack) -> None:
    """What a person would do with the form: one run of the windowed DAG over the recorded day."""
    with urlopen(f"{stack.airflow_url}/auth/token", timeout=30) as answer:  # noqa: S310  (our own Airflow)
        token = json.load(answer)["access_token"]
    body = {"logical_date": None, "conf": {"from": "2026-11-23T13:00:00Z", "to": "2026-11-23T14:30:00Z"}}
    request = Request(  # noqa: S310
        f"{stack.airflow_url}/api/v2/dags/order_pull__heritage/dagRuns",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    end = time.monotonic() + 60
    while True:
        try:
            urlopen(request, timeout=30).close()  # noqa: S310
        except HTTPError as error:
            if error.code != 404 or time.monotonic() > end:
                raise ProcessTrouble(f"Airflow refused a run of order_pull__heritage: HTTP {error.code}") from None
            time.sleep(1)  # the DAG files are still being read
        else:
            return


if __name__ == "__main__":
    typer.run(main)
