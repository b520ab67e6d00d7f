"""What all benchmarks share: rounds that interleave the sides, medians, core time, the last line and the file."""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

RESULTS = Path("build/bench")


@dataclass(slots=True)
class Cost:
    """Wall and core time of one piece of work, in seconds."""

    wall: float
    core: float


@contextmanager
def measured(*pids: int) -> Iterator[Cost]:
    """Measure a block: wall time, and core time of this process, its children, and the processes named."""
    cost = Cost(0.0, 0.0)
    core = _core(pids)
    started = time.perf_counter()
    try:
        yield cost
    finally:
        cost.wall = time.perf_counter() - started
        cost.core = _core(pids) - core


def _core(pids: Sequence[int]) -> float:
    used = sum(
        resource.getrusage(who).ru_utime + resource.getrusage(who).ru_stime
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    for pid in pids:
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.NoSuchProcess:
            continue
        used += times.user + times.system
    return used


@dataclass(slots=True)
class Goal:
    """A ratio with the goal it is held to. `at_least` False: the ratio must not be above the goal."""

    name: str
    ratio: float
    goal: float
    at_least: bool = True

    @property
    def reached(self) -> bool:
        """Whether the goal is reached."""
        return self.ratio >= self.goal if self.at_least else self.ratio <= self.goal

    def line(self) -> str:
        """`NAME ratio=… goal=… pass|fail`."""
        sign = ">=" if self.at_least else "<="
        verdict = "pass" if self.reached else "fail"
        return f"{self.name} ratio={self.ratio:.3g} goal={sign}{self.goal:g} {verdict}"


@dataclass(slots=True)
class Report:
    """The outcome of a benchmark: printed, and written beside under `build/bench/`."""

    name: str
    goals: list[Goal] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def finish(self) -> int:
        """Print the figures, then the goals, the one that was missed or nearly missed last; returns the exit code."""
        RESULTS.mkdir(parents=True, exist_ok=True)
        machine = {"cores": os.cpu_count(), "python": platform.python_version(), "machine": platform.machine()}
        body = {
            "name": self.name,
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": machine,
            "figures": self.figures,
            "goals": [asdict(goal) | {"reached": goal.reached} for goal in self.goals],
        }
        (RESULTS / f"{self.name}.json").write_text(json.dumps(body, indent=1, default=str) + "\n")
        for name, value in self.figures.items():
            print(f"{name}: {value}")
        for goal in sorted(self.goals, key=_slack, reverse=True):
            print(goal.line())
        return 0 if all(goal.reached for goal in self.goals) else 1


def _slack(goal: Goal) -> float:
    """How far beyond its goal, relatively: below 1 it was missed."""
    return goal.ratio / goal.goal if goal.at_least else goal.goal / max(goal.ratio, 1e-9)


def interleaved(rounds: int, sides: dict[str, Callable[[], Cost]], *, warm_up: bool = True) -> dict[str, list[Cost]]:
    """Run every side once a round, in turn and in changing order, so that a noisy machine disturbs all alike."""
    costs: dict[str, list[Cost]] = {name: [] for name in sides}
    names = list(sides)
    if warm_up:
        for name in names:
            sides[name]()
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            cost = sides[name]()
            costs[name].append(cost)
            print(f"  round {number + 1} {name}: {cost.wall:.2f} s wall, {cost.core:.2f} s core", flush=True)
    return costs


def median_wall(costs: Sequence[Cost]) -> float:
    """Median of the wall times, seconds."""
    return statistics.median(cost.wall for cost in costs)


def median_core(costs: Sequence[Cost]) -> float:
    """Median of the core times, seconds."""
    return statistics.median(cost.core for cost in costs)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0…1) of the values do not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, max(0, round(share * len(ranked) + 0.5) - 1))]
