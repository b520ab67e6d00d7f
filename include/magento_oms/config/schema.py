"""The JSON schema of an instance's file, for editors. Written by `python -m magento_oms.config.schema`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from magento_oms.config.load import STORE_URLS
from magento_oms.config.models import InstanceConfig

URL = r"^(https?://|\$\{)"


def instance_schema() -> dict[str, Any]:
    """The schema. `${NAME:-default}` in URLs is resolved before the file is checked, so here they are any such text."""
    schema = InstanceConfig.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["properties"]["url"] = {
        "type": "string",
        "description": schema["properties"]["url"].get("description", ""),
        "pattern": URL,
    }
    for name in STORE_URLS:
        schema["$defs"]["StoreConfig"]["properties"][name]["anyOf"][0] = {"type": "string", "pattern": URL}
    return schema


def write_schema(path: Path) -> None:
    """Write the schema to a file."""
    path.write_text(json.dumps(instance_schema(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_schema(Path("instances/schema.json"))
