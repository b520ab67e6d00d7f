"""Health check of a container: whether Airflow's API server sees a live heartbeat of one component.

`airflow jobs check` would answer the same at the price of four seconds of a core each time.
"""

from __future__ import annotations

import json
import os
import sys
from urllib.request import urlopen

DEFAULT_URL = "http://api-server:8080"


def main(component: str) -> int:
    """0 if `component` (scheduler, dag_processor, triggerer) is healthy."""
    url = os.environ.get("AIRFLOW_HEALTH_URL", DEFAULT_URL)
    try:
        with urlopen(f"{url}/api/v2/monitor/health", timeout=5) as answer:  # noqa: S310  (the URL is our own)
            status = json.load(answer).get(component, {}).get("status")
    except (OSError, ValueError) as error:
        sys.stderr.write(f"The API server at {url} gave no answer on the health of {component}: {error}\n")
        return 1
    sys.stdout.write(f"{component}: {status}\n")
    return 0 if status == "healthy" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
