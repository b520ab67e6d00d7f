"""`make demo`: stores, the OMS and Airflow on this machine, with orders flowing.

Starts afresh, shows what it waits for, prints what happened, and stays up until Ctrl-C.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import FrameType
from typing import Annotated
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from commerce_sandbox.client import SandboxClient
from commerce_sandbox.couriers.client import CourierClient
from magento_oms.config.accounts import courier_accounts
from magento_oms.config.load import load_instances
from magento_oms.config.models import InstanceConfig
from magento_oms.local.airflow_env import straight_to_this_machine
from magento_oms.local.demo_report import InstanceReport, compare, p95, skus_on_magento
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
SETTLE_SECONDS = 180.0
"""How long the last orders may take, acknowledgements and all."""

console = Console()

Placed = dict[str, dict[int, datetime]]


def main(
    once: Annotated[
        bool, typer.Option("--once", help="End when every order is where it should be; exit 0 then.")
    ] = False,
    orders: Annotated[int, typer.Option(help="How many orders to place while you watch.", min=1, max=5000)] = 40,
    seconds: Annotated[float, typer.Option(help="Over how many seconds they are placed.", min=1)] = 60.0,
    faults: Annotated[bool, typer.Option("--faults", help="Make the stores answer badly now and then.")] = False,
) -> None:
    """Show the whole thing on this machine: Magento stores (a stand-in), the OMS and the Airflow UI."""
    signal.signal(signal.SIGTERM, _interrupt)
    os.environ.update(straight_to_this_machine(os.environ))
    started = time.monotonic()
    try:
        sys.exit(_demo(started, orders=orders, seconds=seconds, once=once, faults=faults))
    except KeyboardInterrupt:
        console.print("\nStopped. Every process that was started has ended.")
        sys.exit(130 if once else 0)
    except LocalTrouble as trouble:
        console.print(str(trouble), style="red", markup=False, highlight=False)
        sys.exit(1)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _demo(started: float, *, orders: int, seconds: float, once: bool, faults: bool) -> int:
    configs = _configurations()
    accounts = courier_accounts(configs).values()
    couriers = tuple((account.aggregator, account.code, account.connection_id) for account in accounts)
    plan = Plan(STATE, INSTANCES, tuple(config.code for config in configs), couriers=couriers, gateway=True)
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=False
    ) as progress:
        current = progress.add_task("Starting")
        stack = LocalStack(plan, lambda text: progress.update(current, description=f"Starting: {text}"))
        with stack.running():
            progress.update(current, description="Everything runs")
            progress.stop()
            up = time.monotonic() - started
            console.print(f"Airflow UI: [bold]{stack.airflow_url}[/bold] (no login)   up after {up:.0f} s")
            _join_couriers(stack, plan)
            warehouse = DemoWarehouse(stack.gateway_url, stack.oms_url)
            placed = _feed(stack, configs, warehouse, orders=orders, seconds=seconds, faults=faults)
            reports = _settle(stack, configs, warehouse, placed)
            _show(stack, reports, time.monotonic() - started)
            good = _write(stack, reports, up, time.monotonic() - started)
            if not once:
                _stay_up(stack)
            return 0 if good else 1


def _join_couriers(stack: LocalStack, plan: Plan) -> None:
    """Let the couriers' stand-ins move parcels by themselves and tell the gateway: repeated, and in another order."""
    for _, code, _ in plan.couriers:
        url = f"{stack.gateway_url}/webhooks/{webhook_path(code)}"
        CourierClient(stack.sandbox_url, code).set_up(
            webhook={"url": url, "secret": WEBHOOK_SECRET},
            emitter={"repeats": 1, "shuffle_seconds": 3},
            seconds_a_step=3,
        )


def _configurations() -> list[InstanceConfig]:
    loaded = load_instances(INSTANCES)
    if loaded.problems:
        raise ProcessTrouble("\n".join(map(str, loaded.problems)))
    return list(loaded.good)


def _feed(
    stack: LocalStack,
    configs: list[InstanceConfig],
    warehouse: DemoWarehouse,
    *,
    orders: int,
    seconds: float,
    faults: bool,
) -> Placed:
    """Place orders at random times, while everything is looked after."""
    dice = random.Random(SEED)  # noqa: S311  (not for secrets)
    sandbox = SandboxClient(stack.sandbox_url)
    history = sandbox.at("heritage").load_recorded_history()
    _read_history(stack)
    console.print(f"heritage begins with {history['orders']} orders recorded from a real Magento 2.4.7.")
    if faults:
        for config in configs:
            _add_faults(sandbox.at(config.code))
    _tell_stock(stack, configs, warehouse)
    moments = sorted(dice.uniform(0, seconds) for _ in range(orders))
    placed: Placed = {config.code: {} for config in configs}
    begun = time.monotonic()
    with _bar("Placing orders", orders) as step:
        for number, moment in enumerate(moments):
            if number == orders // 2:
                # From here on the first account cannot pay: parcels go on to the store's next one.
                CourierClient(stack.sandbox_url, "heritage_ship").switch(wallet="empty_350")
            while (wait := begun + moment - time.monotonic()) > 0:
                _look_after(stack)
                warehouse.work()
                time.sleep(min(wait, 0.5))
            config = dice.choice(configs)
            now = datetime.now(UTC)
            for order in sandbox.at(config.code).place_orders(1, store_id=dice.choice(config.store_ids)):
                placed[config.code][order.entity_id] = now
            step(1)
    return placed


def _tell_stock(stack: LocalStack, configs: list[InstanceConfig], warehouse: DemoWarehouse) -> None:
    """What the counted warehouses have, told as their own systems would."""
    for config in configs:
        counted = {
            location.code for store in config.stores for location in store.locations if location.stock == "counted"
        }
        if counted:
            skus = skus_on_magento(f"{stack.sandbox_url}/{config.code}", SANDBOX_PASSWORD)
            for code in sorted(counted):
                warehouse.tell_stock(code, skus)


def _add_faults(store: SandboxClient) -> None:
    """Each kind of trouble, a few times, at the calls of orders."""
    store.add_fault("error_before", match=r"GET .*/orders", times=2, skip=6)
    store.add_fault("error_after", match=r"POST .*/(orders|comments)", times=2, skip=3)
    store.add_fault("reset_after", match=r"POST .*/comments", times=1, skip=5)
    store.add_fault("too_many_requests", match=r".*/orders", times=2, skip=12, retry_after=2)
    store.add_fault("maintenance", match=r".*", times=2, skip=40)


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


def _settle(
    stack: LocalStack, configs: list[InstanceConfig], warehouse: DemoWarehouse, placed: Placed
) -> list[InstanceReport]:
    """Wait until every order is where it should be, or the time is up."""
    end = time.monotonic() + SETTLE_SECONDS
    with _bar("Orders shipped and delivered", 1) as step:
        done = 0
        while True:
            _look_after(stack)
            warehouse.work()
            reports = [
                compare(
                    config,
                    f"{stack.sandbox_url}/{config.code}",
                    SANDBOX_PASSWORD,
                    stack.oms_url,
                    placed[config.code],
                )
                for config in configs
            ]
            total = sum(report.on_magento for report in reports)
            fine = total - sum(len(report.failures) for report in reports)
            step(fine - done, total)
            done = fine
            if all(report.settled for report in reports) or time.monotonic() > end:
                return reports
            time.sleep(1)


def _look_after(stack: LocalStack) -> None:
    for happened in stack.look_after():
        console.print(f"[yellow]{happened}")


def _show(stack: LocalStack, reports: list[InstanceReport], seconds: float) -> None:
    table = Table(title=f"What happened in {seconds:.0f} s", title_justify="left")
    table.add_column("")
    for report in reports:
        table.add_column(report.name, justify="right")
    states = sorted({state for report in reports for state in report.by_state})
    rows: list[tuple[str, Callable[[InstanceReport], str]]] = [
        ("orders on Magento", lambda report: str(report.on_magento)),
        ("orders in the OMS", lambda report: str(report.in_oms)),
        *((f"  {state}", lambda report, state=state: str(report.by_state[state])) for state in states),
        ("in quarantine", lambda report: str(report.quarantined)),
        ("placed → in the OMS, median / p95", lambda report: _seconds(report.stored_after)),
        ("placed → acknowledged, median / p95", lambda report: _seconds(report.acknowledged_after)),
        ("fulfilments handed over", lambda report: str(report.fulfilments["handed_over"])),
        ("placed → handed over, median / p95", lambda report: _seconds(report.handed_over_after)),
        *(
            (f"delivered by {name}", lambda report, name=name: str(report.delivered[name]))
            for name in sorted({name for report in reports for name in report.delivered})
        ),
    ]
    for name, cell in rows:
        table.add_row(name, *map(cell, reports))
    console.print(table)
    lost, doubled = sum(report.lost for report in reports), sum(report.doubled for report in reports)
    console.print(f"lost {lost}, doubled {doubled}")
    for report in reports:
        for failure in report.failures[:10]:
            console.print(f"[red]{failure}")
    console.print(f"Airflow UI: [bold]{stack.airflow_url}[/bold]   logs: {STATE / 'logs'}")


def _seconds(values: list[float]) -> str:
    if not values:
        return "–"
    ranked = sorted(values)
    return f"{ranked[len(ranked) // 2]:.1f} s / {p95(values):.1f} s"


def _write(stack: LocalStack, reports: list[InstanceReport], up: float, seconds: float) -> bool:
    good = all(report.settled for report in reports)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    body = {
        "ok": good,
        "seconds_until_up": round(up, 1),
        "seconds": round(seconds, 1),
        "restarts": stack.restarts(),
        "instances": {report.code: report.as_dict() for report in reports},
        "failures": [failure for report in reports for failure in report.failures],
    }
    RESULT.write_text(json.dumps(body, indent=1) + "\n")
    return good


def _stay_up(stack: LocalStack) -> None:
    console.print("Everything stays up until Ctrl-C.")
    while True:
        _look_after(stack)
        time.sleep(0.5)


class _bar:  # noqa: N801  (a context manager, used like a function)
    """A progress bar; gives a function that moves it (and may set its total)."""

    def __init__(self, text: str, total: int) -> None:
        self._progress = Progress(
            SpinnerColumn(), TextColumn(text), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
        )
        self._task = self._progress.add_task(text, total=total)

    def __enter__(self) -> Callable[..., None]:
        self._progress.start()
        return self._move

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _move(self, steps: int, total: int | None = None) -> None:
        self._progress.update(self._task, advance=steps, total=total)


if __name__ == "__main__":
    typer.run(main)
