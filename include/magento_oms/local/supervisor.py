"""Everything on one machine: embedded Postgres, the sandbox and Airflow, started in order and looked after.

The state lives in one folder, which is emptied at the start unless it is to be kept.
"""

from __future__ import annotations

import json
import secrets
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from cryptography.fernet import Fernet

from magento_oms.local.airflow_env import (
    MIGRATIONS,
    AirflowPorts,
    AirflowSecrets,
    airflow_settings,
    component_commands,
    gateway_command,
    process_environment,
)
from magento_oms.local.folder_lock import FolderLock
from magento_oms.local.guard import Guard
from magento_oms.local.postgres import PostgresServer, free_port
from magento_oms.local.processes import Child, ProcessTrouble

REPOSITORY = Path(__file__).resolve().parents[3]
SANDBOX_PASSWORD = "Sandbox-admin-1"  # noqa: S105  (the stand-in's own, known to everyone)

Progress = Callable[[str], None]


COURIER_LOGINS = {
    "shiprocket": ("api@sandbox.example", "Sandbox-shiprocket-1"),
    "clickpost": ("sandbox", "sandbox-clickpost-key"),
    "shipway": ("sandbox@shipway.example", "sandbox-shipway-key"),
    "eshipz": ("", "sandbox-eshipz-token"),
}
"""What the sandbox's courier accounts are logged in to with."""
WEBHOOK_SECRET = "sandbox-webhook-secret"  # noqa: S105  (between two processes of this machine)


def webhook_path(code: str) -> str:
    """The secret end of the URL that the sandbox's account posts to; no real account has such a one."""
    return f"sandbox-webhook-of-account-{code.replace('_', '-')}"


def answers(url: str, *, timeout: float = 2.0) -> bool:
    """Whether `url` is answered with 2xx."""
    try:
        with urlopen(url, timeout=timeout) as answer:  # noqa: S310  (URLs are our own)
            return bool(200 <= answer.status < 300)
    except (URLError, OSError):
        return False


@dataclass(slots=True)
class Plan:
    """What to run.

    Attributes:
        state: the folder that holds everything; emptied at the start.
        instances_dir: configuration of the instances.
        sandbox_instances: codes of the stores that the sandbox plays.
        airflow: whether Airflow is run too.
        dags: whether Airflow has our DAGs (a benchmark measures it without).
        couriers: accounts of the sandbox's courier aggregators: aggregator, code, connection id.
        gateway: whether the gateway is run too.
        sandbox_arguments: more arguments of the sandbox.
        settings: more settings, over all others.
    """

    state: Path
    instances_dir: Path
    sandbox_instances: tuple[str, ...]
    airflow: bool = True
    dags: bool = True
    couriers: tuple[tuple[str, str, str], ...] = ()
    gateway: bool = False
    sandbox_arguments: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)


class LocalStack:
    """The running whole. Use as `with LocalStack(plan).running(): ...`, from the main thread."""

    def __init__(self, plan: Plan, progress: Progress = lambda text: None) -> None:
        self._plan = plan
        self._progress = progress
        self._children: list[Child] = []
        self._guard = Guard()
        self._lock = FolderLock(plan.state.with_name(f"{plan.state.name}.lock"), plan.state)
        self.postgres = PostgresServer(plan.state / "postgres")
        self.ports = AirflowPorts(free_port(), free_port(), free_port())
        self.sandbox_port = free_port()
        self.gateway_port = free_port()
        self.settings: dict[str, str] = {}
        self.environment: dict[str, str] = {}
        self.oms_url = ""

    @property
    def sandbox_url(self) -> str:
        """Where the sandbox listens."""
        return f"http://127.0.0.1:{self.sandbox_port}"

    @property
    def gateway_url(self) -> str:
        """Where the gateway listens."""
        return f"http://127.0.0.1:{self.gateway_port}"

    @property
    def airflow_url(self) -> str:
        """The Airflow UI."""
        return f"http://127.0.0.1:{self.ports.api}"

    @contextmanager
    def running(self) -> Iterator[LocalStack]:
        """Start everything; stop everything at the end, whatever happens.

        Raises:
            LocalTrouble: something does not start, or another process works in the state folder.
        """
        try:
            self._start()
            yield self
        finally:
            self.stop()

    def look_after(self) -> list[str]:
        """Start again what ended; what happened, in words. Call it every half second."""
        happened = []
        code = self.postgres.ended()
        if code is not None:
            self.postgres.restart()
            happened.append(f"Postgres ended with code {code} and was started again")
        return happened + _look_after(self._children)

    def pids(self) -> dict[str, int]:
        """Process ids by name."""
        found = {child.name: child.process.pid for child in self._children if child.process is not None}
        return found | {"postgres": self.postgres.pid}

    def restarts(self) -> dict[str, int]:
        """How often each was started again."""
        return {child.name: child.restarts for child in self._children}

    def stop(self) -> None:
        """End every process that was started, the last one first, Postgres at the very end. Not to be interrupted.

        What talks to the API server ends together, and before it: a task that ends tells it so.
        """
        with _undisturbed():
            for child in self._children:
                if child.name not in ("sandbox", "api-server"):
                    child.ask_to_end()
            for child in reversed(self._children):
                child.stop()
            self._children.clear()
            self._guard.stop()
            self.postgres.stop()
            self._lock.release()

    def _start(self) -> None:
        plan = self._plan
        self._lock.take()
        _empty(plan.state)
        self._progress("Postgres")
        self.postgres.start()
        roles = {name: self.postgres.make_role(name) for name in ("airflow", "oms", "sandbox")}
        self.oms_url = self.postgres.url("oms", roles["oms"])
        self.settings = self._settings(self.postgres.url("airflow", roles["airflow"]))
        self.environment = process_environment(REPOSITORY, self.settings)
        self._progress("OMS database")
        oms, airflow = MIGRATIONS
        self._run_once("oms-migrate", oms)
        if plan.sandbox_instances:
            self._progress("sandbox")
            self._start_child(self._sandbox(self.postgres.url("sandbox", roles["sandbox"], driver="postgresql")))
        if plan.gateway:
            self._progress("gateway")
            self._start_child(self._gateway())
        if plan.airflow:
            self._progress("Airflow's database")
            self._run_once("airflow-migrate", airflow)
            self._start_airflow()

    def _settings(self, airflow_database: str) -> dict[str, str]:
        plan = self._plan
        keys = AirflowSecrets(Fernet.generate_key().decode(), secrets.token_urlsafe(64))
        settings = airflow_settings(
            REPOSITORY, plan.state / "airflow", database_url=airflow_database, ports=self.ports, secrets=keys
        )
        if not plan.dags:
            no_dags = plan.state / "no-dags"
            no_dags.mkdir()
            settings["AIRFLOW__CORE__DAGS_FOLDER"] = str(no_dags)
        settings |= {
            "MAGENTO_OMS_DATABASE_URL": self.oms_url,
            "MAGENTO_OMS_INSTANCES_DIR": str(plan.instances_dir),
            "MAGENTO_OMS_REPORTS_DIR": str(plan.state / "reports"),
            "MAGENTO_OMS_FERNET_KEY": keys.fernet_key,
        }
        for code in plan.sandbox_instances:
            url = f"{self.sandbox_url}/{code}"
            settings[f"{code.upper()}_URL"] = url
            settings[f"AIRFLOW_CONN_MAGENTO_{code.upper()}"] = json.dumps(
                {"conn_type": "magento", "host": url, "login": "admin", "password": SANDBOX_PASSWORD}
            )
        for aggregator, code, connection_id in plan.couriers:
            login, password = COURIER_LOGINS[aggregator]
            settings[f"AIRFLOW_CONN_{connection_id.upper()}"] = json.dumps(
                {
                    "conn_type": aggregator,
                    "host": f"{self.sandbox_url}/couriers/{code}",
                    "login": login,
                    "password": password,
                    "extra": {"webhook_path": webhook_path(code), "webhook_secret": WEBHOOK_SECRET},
                }
            )
        return settings | plan.settings

    def _gateway(self) -> Child:
        return Child(
            "gateway",
            [sys.executable, *gateway_command(self.gateway_port)],
            self.environment,
            self._plan.state / "logs" / "gateway.log",
            lambda: answers(f"{self.gateway_url}/health"),
            self._guard,
            keep_open=(self._lock.descriptor,),
        )

    def _sandbox(self, database: str) -> Child:
        named = [part for code in self._plan.sandbox_instances for part in ("--instance", code)]
        named += [part for by, code, _ in self._plan.couriers for part in ("--courier", f"{by}:{code}")]
        return Child(
            "sandbox",
            [
                *(sys.executable, "-m", "commerce_sandbox", "--host", "127.0.0.1", "--port", str(self.sandbox_port)),
                *("--database-url", database, *named, *self._plan.sandbox_arguments),
            ],
            self.environment,
            self._plan.state / "logs" / "sandbox.log",
            lambda: answers(f"{self.sandbox_url}/_sandbox/health"),
            self._guard,
            keep_open=(self._lock.descriptor,),
        )

    def _start_airflow(self) -> None:
        api = self.airflow_url
        ready: dict[str, Callable[[], bool]] = {
            # The first request to the execution API builds it, which takes seconds: a task would wait for that.
            "api-server": lambda: answers(f"{api}/execution/health", timeout=30.0),
        }
        for name, command in component_commands(self.ports.api).items():
            self._progress(f"Airflow {name}")
            child = Child(
                name,
                _program(["airflow", *command]),
                self.environment,
                self._plan.state / "logs" / f"{name}.log",
                ready.get(name, lambda: True),
                self._guard,
                keep_open=(self._lock.descriptor,),
            )
            self._start_child(child)
        self._progress("Airflow's components")
        self._wait_until_healthy()

    def _wait_until_healthy(self) -> None:
        """Until every component reports a heartbeat."""
        end = time.monotonic() + 120
        while True:
            self.look_after()
            health = self._health()
            if all(part.get("status") == "healthy" for part in health.values()) and len(health) >= 4:
                return
            if time.monotonic() > end:
                raise ProcessTrouble(f"Airflow is not healthy after 120 s: {health}. Logs: {self._plan.state / 'logs'}")
            time.sleep(0.5)

    def _health(self) -> dict[str, dict[str, object]]:
        try:
            with urlopen(f"{self.airflow_url}/api/v2/monitor/health", timeout=5) as answer:  # noqa: S310
                found: dict[str, dict[str, object]] = json.load(answer)
                return found
        except (URLError, OSError, ValueError):
            return {}

    def _start_child(self, child: Child) -> None:
        before = list(self._children)
        self._children.append(child)
        child.start()
        child.wait_until_ready(lambda: _look_after(before))

    def _run_once(self, name: str, command: Sequence[str]) -> None:
        """Run a program to its end."""
        child = Child(
            name,
            _program(command),
            self.environment,
            self._plan.state / "logs" / f"{name}.log",
            lambda: True,
            self._guard,
            keep_open=(self._lock.descriptor,),
        )
        try:
            child.start()
            code = child.process.wait() if child.process else 0
        finally:
            child.stop()
        if code:
            raise ProcessTrouble(f"{name} failed with code {code}. {child.last_words()}")


def _look_after(children: Sequence[Child]) -> list[str]:
    return [text for text in (child.look_after() for child in children) if text]


def _program(command: Sequence[str]) -> list[str]:
    """A command as it stands in `docker-compose.yaml`, run by this environment's own Python whatever is on the PATH."""
    name, *arguments = command
    return [sys.executable, *arguments] if name == "python" else [sys.executable, "-m", name, *arguments]


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Nobody's impatience at the keyboard leaves processes behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _empty(state: Path) -> None:
    """The state begins afresh.

    Raises:
        FolderBusy: another process works in this folder.
        ProcessTrouble: what is there belongs to another user.
    """
    try:
        PostgresServer.remove(state / "postgres")
        if state.exists():
            shutil.rmtree(state)
        state.mkdir(parents=True)
        state.chmod(0o755)
    except PermissionError as error:
        raise ProcessTrouble(
            f"{error.filename or state} belongs to another user, who ran this before. Remove {state} as that user."
        ) from None
