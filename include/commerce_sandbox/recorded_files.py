"""What the package brings along of the recorded server, as JSON files in `recorded_state/`."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any


def recorded(name: str) -> Any:
    """The content of a file: `orders`, `documents`, `products`, `source_items`, `set_up`, `steps` or `modules`."""
    return json.loads(resources.files("commerce_sandbox").joinpath("recorded_state", f"{name}.json").read_text("utf-8"))
