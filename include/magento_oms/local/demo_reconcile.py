"""The demo's day is reconciled by the product's own commands: orders three ways, returns, stock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from magento_oms.config.models import InstanceConfig

PATIENCE = 300.0
"""Seconds that a comparison may take; it waits up to two minutes for orders that were placed just now."""


@dataclass(slots=True)
class Reconciled:
    """What the reconciliations came to.

    Attributes:
        proofs: what was compared → the line on its report.
        problems: what is not as it should be, in words.
    """

    proofs: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def reconcile(configs: Sequence[InstanceConfig], settings: Mapping[str, str], placed_until: datetime) -> Reconciled:
    """Compare everything of the demo's instances.

    Args:
        settings: the environment of the demo's processes.
        placed_until: when the last order was placed.
    """
    found = Reconciled()
    until, now = (
        f"{(moment + timedelta(seconds=1)).astimezone(UTC):%Y-%m-%dT%H:%M:%S+00:00}"
        for moment in (placed_until, datetime.now(UTC))
    )
    for config in configs:
        since = f"{config.live_from.astimezone(UTC):%Y-%m-%dT%H:%M:%S+00:00}"
        for kind, window in (
            ("orders", ["--from", since, "--to", until, "--full"]),
            ("returns", ["--from", since, "--to", now]),
            ("inventory", []),
        ):
            told = _command(settings, "reconcile", kind, config.code, *window, "--json")
            if isinstance(told, str):
                found.problems.append(f"{config.code}: {kind} could not be compared: {told}")
                continue
            for store in told.get("stores") or ():
                name = f"{store.get('store') or store.get('stores')}, {kind}"
                found.proofs[name] = store["proof"]
                if store.get("lost") or store.get("doubled") or store.get("drifting"):
                    found.problems.append(f"{config.code}, {name}: {store['proof']}")
    return found


def _command(settings: Mapping[str, str], *words: str) -> dict[str, Any] | str:
    """What `magento-oms` tells as JSON, or why it told nothing."""
    program = str(Path(sys.executable).with_name("magento-oms"))
    done = subprocess.run(
        [program, *words], env=os.environ | settings, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    try:
        told: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return done.stderr.strip()[-300:] or f"it ended with {done.returncode}"
    return told
