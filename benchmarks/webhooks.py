"""Webhooks a second that the gateway stores and answers, and how long an answer takes.

Sides, in turn: the gateway (each webhook committed to Postgres before it is answered), and an ASGI application that
only answers 200. Both under uvicorn, asked by the same open loop at a fixed rate. In the gateway's last round it is
killed in the middle and started again: every webhook that was answered with 200 must be in the table.

`python -m benchmarks.webhooks [--rate 330] [--seconds 15] [--rounds 3]`
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import aiohttp
from sqlalchemy import text

from benchmarks.harness import Goal, Report, percentile
from benchmarks.stack import postgres
from magento_oms.local.postgres import free_port
from magento_oms.storage.database import engine
from magento_oms.storage.migrate import upgrade

PATH = "a-path-of-the-benchmark-0123456789"
AT_LEAST = 300.0
"""Webhooks a second."""
P99 = 0.1
"""Seconds."""

INSTANCE = """\
code: loom
name: Loom
url: https://loom.example.in
stores:
  - store_id: 1
    code: default
    name: Loom
    live_from: 2026-11-01T00:00:00Z
    aggregators: [{aggregator: eshipz, account: ez, connection_id: ez_main}]
"""


async def bare_app(scope: dict[str, object], receive: object, send: object) -> None:
    """Reads the body and answers 200."""
    if scope["type"] != "http":
        return
    more = True
    while more:
        more = bool((await receive()).get("more_body"))  # type: ignore[operator]
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    await send(start)  # type: ignore[operator]
    await send({"type": "http.response.body", "body": b"ok"})  # type: ignore[operator]


@dataclass
class Load:
    """What an open loop saw."""

    answered: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    wall: float = 0.0

    @property
    def rate(self) -> float:
        """Answers with 200 a second."""
        return len(self.answered) / self.wall


async def load(url: str, *, rate: float, seconds: float, first: int) -> Load:
    """Send webhooks at a fixed rate, whatever the answers do; an answer's time counts from when it should be sent."""
    seen = Load()
    connector = aiohttp.TCPConnector(limit=100)
    timeout = aiohttp.ClientTimeout(total=15)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as client:

        async def one(number: int, due: float) -> None:
            body = {"order_id": f"R{number}", "tracking_number": str(number), "tracking_status": "InTransit",
                    "tracking_checkpoint_datetime": "2026-11-23 10:00:00", "tracking_msg": "x" * 400}  # fmt: skip
            try:
                async with client.post(url, json=body, headers={"X-Webhook-Token": "s3cret"}) as answer:
                    await answer.read()
            except (aiohttp.ClientError, TimeoutError):
                seen.failed += 1
                return
            if answer.status == 200:
                seen.answered.append(number)
                seen.seconds.append(time.perf_counter() - due)
            else:
                seen.failed += 1

        started = time.perf_counter()
        tasks = []
        for number in range(int(rate * seconds)):
            due = started + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.append(asyncio.create_task(one(first + number, due)))
        await asyncio.gather(*tasks)
        seen.wall = time.perf_counter() - started
    return seen


def serve(command: list[str], port: int, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a server and wait until it answers."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close()
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
        else:
            return process
    process.kill()
    raise RuntimeError(f"{command} does not answer")


def main() -> int:
    """Run and report; the exit code tells whether the goals were reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=330.0)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    report = Report("webhooks", figures=vars(given))
    with postgres() as server, tempfile.TemporaryDirectory() as folder:
        database = server.create_database("oms")
        upgrade(database)
        (Path(folder) / "loom.yaml").write_text(INSTANCE)
        connection = {
            "conn_type": "eshipz",
            "password": "t",
            "extra": {"webhook_path": PATH, "webhook_secret": "s3cret"},
        }
        environment = {
            **os.environ, "MAGENTO_OMS_DATABASE_URL": database, "MAGENTO_OMS_INSTANCES_DIR": folder,
            "AIRFLOW_CONN_EZ_MAIN": json.dumps(connection), "AIRFLOW_CONN_MAGENTO_LOOM": '{"conn_type": "magento"}',
            "AIRFLOW_HOME": f"{folder}/airflow",
        }  # fmt: skip
        ports = free_port(), free_port()
        ours = [sys.executable, "-m", "magento_oms.gateway", "--port", str(ports[0])]
        bare = [sys.executable, "-m", "uvicorn", "benchmarks.webhooks:bare_app", "--port", str(ports[1]),
                "--log-level", "error", "--no-access-log", "--lifespan", "off"]  # fmt: skip
        gateway, other = serve(ours, ports[0], environment), serve(bare, ports[1], environment)
        found: dict[str, list[Load]] = {"gateway": [], "bare": []}
        try:
            for number in range(given.rounds):
                for side, port in (("gateway", ports[0]), ("bare", ports[1])):
                    url = f"http://127.0.0.1:{port}/webhooks/{PATH}"
                    seen = asyncio.run(load(url, rate=given.rate, seconds=given.seconds, first=number * 1_000_000))
                    found[side].append(seen)
                    told = (
                        f"{seen.rate:.0f}/s, p99 {percentile(seen.seconds, 0.99) * 1000:.0f} ms, failed {seen.failed}"
                    )
                    print(f"  round {number + 1} {side}: {told}", flush=True)
            killed = asyncio.run(_killed(gateway, ours, environment, ports[0], given.rate))
            gateway = killed[1]
        finally:
            gateway.kill()
            other.kill()
        answered = [number for seen in [*found["gateway"], killed[0]] for number in seen.answered]
        with engine(database).connect() as connected:
            rows = connected.execute(text("select body from webhook")).all()
        kept = {int(json.loads(bytes(row.body))["tracking_number"]) for row in rows}
    lost = sum(number not in kept for number in answered)
    p99 = sorted(percentile(seen.seconds, 0.99) for seen in found["gateway"])[given.rounds // 2]
    rate = sorted(seen.rate for seen in found["gateway"])[given.rounds // 2]
    bare_p99 = sorted(percentile(seen.seconds, 0.99) for seen in found["bare"])[given.rounds // 2]
    report.figures |= {
        "answered a second, median": round(rate, 1), "p99 ms, median": round(p99 * 1000, 1),
        "p99 ms of the bare side, median": round(bare_p99 * 1000, 1), "answered with 200": len(answered),
        "answered and killed round": len(killed[0].answered), "lost of those": lost,
    }  # fmt: skip
    report.goals = [
        Goal("webhooks", rate / AT_LEAST if not lost else 0.0, 1.0),
        Goal("webhooks_p99", p99 / P99, 1.0, at_least=False),
    ]
    return report.finish()


async def _killed(
    gateway: subprocess.Popen[bytes], command: list[str], environment: dict[str, str], port: int, rate: float
) -> tuple[Load, subprocess.Popen[bytes]]:
    """A round in whose middle the gateway is killed and started again."""
    url = f"http://127.0.0.1:{port}/webhooks/{PATH}"
    work = asyncio.create_task(load(url, rate=rate, seconds=8.0, first=900_000_000))
    await asyncio.sleep(3.0)
    gateway.kill()
    gateway.wait()
    again = await asyncio.to_thread(serve, command, port, environment)
    return await work, again


if __name__ == "__main__":
    sys.exit(main())
