"""What the demo prints at its end, and writes to `build/demo.json`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from magento_oms.local.demo_report import InstanceReport, p95

STATES = {
    "history": "older than live_from: stored, never acted on",
    "open": "waiting for stock",
    "held": "on hold",
    "allocated": "shadow mode: planned, nothing sent",
    "acknowledged": "acknowledged",
    "packed": "packed",
    "shipped": "handed over to the courier",
    "returned": "returned",
    "cancelled": "cancelled",
}
"""States of orders, in the order of their life, and what they mean here."""

Row = tuple[str, Callable[[InstanceReport], str]]


def show(console: Console, reports: Sequence[InstanceReport], facts: dict[str, Any], problems: Sequence[str]) -> None:
    """Print the outcome.

    Args:
        facts: what concerns all instances, by its name.
        problems: what is wrong with it.
    """
    table = Table(title="What became of the orders", title_justify="left", show_edge=False, pad_edge=False)
    table.add_column("", no_wrap=True)
    for report in reports:
        table.add_column(report.name, justify="right", no_wrap=True)
    for title, rows in _sections(reports):
        table.add_section()
        table.add_row(f"[bold]{title}")
        for name, cell in rows:
            table.add_row(f"  {name}", *map(cell, reports))
    console.print()
    console.print(table)
    console.print()
    for name, value in facts.items():
        console.print(f"{name}: {value}", highlight=False)
    for report in reports:
        for reason in report.quarantine:
            console.print(f"for a person, {report.code}: {reason}", style="dim", markup=False, soft_wrap=True)
    lost, doubled = sum(report.lost for report in reports), sum(report.doubled for report in reports)
    console.print(f"[bold]lost {lost}, doubled {doubled}")
    for problem in problems[:20]:
        console.print(problem, style="red", markup=False, highlight=False, soft_wrap=True)
    if len(problems) > 20:
        console.print(f"... and {len(problems) - 20} more, in build/demo.json", style="red")


def _sections(reports: Sequence[InstanceReport]) -> list[tuple[str, list[Row]]]:
    states = {state for report in reports for state in report.by_state}
    aggregators = sorted({name for report in reports for name in report.delivered})
    events = [name for name in ("packed", "dispatched", "delivered") if any(report.told[name] for report in reports)]
    returned = [
        name for name in ("return_processed", "return_acknowledged") if any(report.told[name] for report in reports)
    ]
    return [
        (
            "orders",
            [
                ("on Magento", lambda report: _count(report.on_magento)),
                ("in the OMS", lambda report: _count(report.in_oms)),
                *((text, _of("by_state", state)) for state, text in STATES.items() if state in states),
                *((state, _of("by_state", state)) for state in sorted(states - STATES.keys())),
                ("of these split over two warehouses", lambda report: _count(report.split)),
            ],
        ),
        (
            "parcels",
            [
                ("invoices issued", lambda report: _count(report.invoices)),
                ("handed over", _of("fulfilments", "handed_over")),
                ("gone on to the next courier account", lambda report: _count(report.fell_over)),
                *((f"delivered by {name.title()}", _of("delivered", name)) for name in aggregators),
                *((f"told to the store's server: {name}", _of("told", name)) for name in events),
                ("in quarantine", lambda report: _count(len(report.quarantine))),
            ],
        ),
        (
            "what came back",
            [
                ("returns of customers, received and checked", _of("came_back", "customer_return")),
                ("parcels brought back after three tries (RTO)", _of("came_back", "return_to_origin")),
                ("credit memos on Magento", lambda report: _count(report.refunds)),
                *((f"told to the store's server: {name}", _of("told", name)) for name in returned),
            ],
        ),
        (
            "seconds from placed (median, p95)",
            [
                ("until in the OMS", lambda report: _seconds(report.stored_after)),
                ("until acknowledged on Magento", lambda report: _seconds(report.acknowledged_after)),
                ("until handed over", lambda report: _seconds(report.handed_over_after)),
            ],
        ),
    ]


def _of(counter: str, name: str) -> Callable[[InstanceReport], str]:
    return lambda report: _count(getattr(report, counter)[name])


def _count(number: int) -> str:
    return str(number) if number else "–"


def _seconds(values: list[float]) -> str:
    if not values:
        return "–"
    return f"{sorted(values)[len(values) // 2]:.1f}   {p95(values):.1f}"


def write(path: Path, reports: Sequence[InstanceReport], facts: dict[str, Any], problems: Sequence[str]) -> None:
    """Write the outcome as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    body = {
        "ok": not problems,
        **facts,
        "instances": {report.code: report.as_dict() for report in reports},
        "problems": list(problems),
    }
    path.write_text(json.dumps(body, indent=1) + "\n")


class bar:  # noqa: N801  (a context manager, used like a function)
    """A progress bar; gives a function that moves it (and may set its total)."""

    def __init__(self, console: Console, text: str, total: int) -> None:
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
