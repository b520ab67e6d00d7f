"""What processes have used of a core, the stand-ins counted apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psutil


def core_seconds(pids: Mapping[str, int]) -> dict[str, float]:
    """Core-seconds by process, with what their ended children used. Postgres without the backends of the stand-ins;
    Airflow's scheduler without the `tasks` below it.

    Args:
        pids: name → id; among them `postgres`, and `sandbox`, whose figure is called `stand-ins`.
    """
    used: dict[str, float] = {}
    for name, pid in pids.items():
        process = psutil.Process(pid)
        tree = [process, *process.children(recursive=True)]
        used["stand-ins" if name == "sandbox" else name] = sum(map(_seconds, tree))
        if name == "scheduler":
            alone = process.cpu_times()
            used["tasks"] = used[name] - (alone.user + alone.system)
            used[name] -= used["tasks"]
    theirs = [each for each in psutil.Process(pids["postgres"]).children() if _is_theirs(each)]
    of_theirs = sum(map(_seconds, theirs))
    used["postgres"] -= of_theirs
    used["stand-ins"] += of_theirs
    return used


def _seconds(process: psutil.Process) -> float:
    try:
        times: Any = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _is_theirs(backend: psutil.Process) -> bool:
    try:
        return " sandbox " in " ".join(backend.cmdline())
    except psutil.NoSuchProcess:
        return False
