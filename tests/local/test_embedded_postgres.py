"""Embedded Postgres: what is committed survives, nobody enters another's database, and it starts whatever was left."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from tests.conftest import NOT_DURABLE
from tests.local.conftest import alive

from magento_oms.local.folder_lock import FolderBusy
from magento_oms.local.postgres import PORTS, PostgresServer, PostgresTrouble, Role, free_port
from magento_oms.local.service_user import OPEN_PLACE, SERVICE_USER

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root has a service user")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server that the tests of roles and URLs share. Its folder is pytest's: closed to others, and not in the way."""
    folder = tmp_path_factory.mktemp("shared") / "pg"
    with PostgresServer(folder, options=NOT_DURABLE) as running:
        yield running
    PostgresServer.remove(folder)


def plain(server: PostgresServer, database: str, role: Role | None = None) -> str:
    return server.url(database, role, driver="postgresql")


def write_rows(server: PostgresServer, count: int) -> None:
    with psycopg.connect(plain(server, "postgres")) as connection:
        connection.execute("create table kept (number integer)")
        connection.execute("insert into kept select generate_series(1, %s)", (count,))


def rows(server: PostgresServer) -> int:
    with psycopg.connect(plain(server, "postgres")) as connection:
        found = connection.execute("select count(*) from kept").fetchone()
    assert found is not None
    return int(found[0])


def test_rows_survive_a_stop_and_a_kill(open_folder: Path) -> None:
    server = PostgresServer(open_folder / "pg")  # durable, as in the demo
    with server:
        write_rows(server, 1000)
    assert not (open_folder / "pg" / "data" / "postmaster.pid").exists(), "it was not stopped in good order"
    with server:
        assert rows(server) == 1000
        os.kill(server.pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while server.ended() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert server.ended() == -signal.SIGKILL
        server.restart()
        assert rows(server) == 1000
        assert server.ended() is None


def test_a_pid_file_whose_number_is_another_process_of_the_same_user_does_not_stop_a_start(open_folder: Path) -> None:
    server = PostgresServer(open_folder / "pg", options=NOT_DURABLE)
    with server:
        write_rows(server, 1)
        pid_file = open_folder / "pg" / "data" / "postmaster.pid"
        left = pid_file.read_text().splitlines()
        owner = psutil.Process(server.pid).uids().real
    # What a power cut leaves: the file, with a number that some other process of this user has by now.
    other = subprocess.Popen(["sleep", "60"], user=owner, cwd="/")
    try:
        pid_file.write_text("\n".join([str(other.pid), *left[1:]]) + "\n")
        os.chown(pid_file, owner, -1)
        with server:
            assert rows(server) == 1
    finally:
        other.kill()
        other.wait()


def test_a_role_enters_its_own_database_only(server: PostgresServer) -> None:
    airflow, oms = server.make_role("airflow"), server.make_role("oms")
    psycopg.connect(plain(server, "oms", oms)).close()
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(plain(server, "oms", airflow))
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(plain(server, "airflow", oms))
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(plain(server, "oms", Role("oms", "wrong")))


def test_a_role_that_exists_gets_a_new_password_and_keeps_its_database(server: PostgresServer) -> None:
    with psycopg.connect(plain(server, "repeated", server.make_role("repeated"))) as connection:
        connection.execute("create table kept (number integer)")
    with psycopg.connect(plain(server, "repeated", server.make_role("repeated"))) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (0,)


def test_a_database_is_copied_from_a_template_and_dropped_whoever_is_connected(server: PostgresServer) -> None:
    server.create_database("pattern")
    with psycopg.connect(plain(server, "pattern")) as connection:
        connection.execute("create table shape (number integer)")
    server.create_database("copied", template="pattern")
    guest = psycopg.connect(plain(server, "copied"))
    assert guest.execute("select count(*) from shape").fetchone() == (0,)
    server.drop_database("copied")
    with pytest.raises(psycopg.OperationalError):
        guest.execute("select 1")
    guest.close()
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(plain(server, "copied"))


def test_it_listens_on_this_machine_only_and_makes_no_socket_file(server: PostgresServer) -> None:
    listening = [
        connection.laddr
        for connection in psutil.Process(server.pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert [tuple(address) for address in listening] == [("127.0.0.1", server.port)]
    assert not [connection for connection in psutil.Process(server.pid).net_connections("unix") if connection.laddr]


def test_a_second_server_on_the_same_folder_is_refused_and_the_first_lives_on(open_folder: Path) -> None:
    with PostgresServer(open_folder / "pg", options=NOT_DURABLE) as first:
        write_rows(first, 3)
        with pytest.raises(FolderBusy, match=rf"Process {os.getpid()} works in .*pg\. Stop it first"):
            PostgresServer(open_folder / "pg").start()
        with pytest.raises(FolderBusy):
            PostgresServer.remove(open_folder / "pg")
        assert rows(first) == 3


def test_a_server_that_cannot_start_says_why_and_lets_go_of_the_folder(open_folder: Path) -> None:
    with pytest.raises(PostgresTrouble, match="no_such_setting"):
        PostgresServer(open_folder / "pg", options={"no_such_setting": "1"}).start()
    with PostgresServer(open_folder / "pg", options=NOT_DURABLE):
        pass


STARTS_ONE = """
import sys, time
from pathlib import Path
from magento_oms.local.postgres import PostgresServer
server = PostgresServer(Path(sys.argv[1])).start()
print(server.pid, flush=True)
time.sleep(60)
"""


def test_it_ends_with_a_killed_parent_and_the_next_start_waits_for_that(open_folder: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", STARTS_ONE, str(open_folder / "pg")], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    with PostgresServer(open_folder / "pg", options=NOT_DURABLE) as server:
        assert server.pid != pid
        assert not alive([pid])


@AS_ROOT
def test_root_runs_it_as_the_service_user(server: PostgresServer) -> None:
    assert psutil.Process(server.pid).username() == SERVICE_USER


@AS_ROOT
def test_a_closed_folder_of_root_stays_closed_and_its_data_lies_elsewhere(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    folder = closed / "pg"
    with PostgresServer(folder, options=NOT_DURABLE) as server:
        write_rows(server, 5)
    place = (folder / "data").readlink()
    assert place.parent.parent == OPEN_PLACE
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    with PostgresServer(folder, options=NOT_DURABLE) as server:
        assert rows(server) == 5
    PostgresServer.remove(folder)
    assert not place.parent.exists()
    assert not folder.exists()


@AS_ROOT
def test_data_of_a_folder_that_was_removed_by_hand_is_removed_too(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with PostgresServer(tmp_path / "first", options=NOT_DURABLE):
        place = (tmp_path / "first" / "data").readlink()
    shutil.rmtree(tmp_path / "first")
    assert place.exists()
    with PostgresServer(tmp_path / "second", options=NOT_DURABLE):
        assert not place.parent.exists()
    PostgresServer.remove(tmp_path / "second")


def test_ports_are_free_and_none_that_outgoing_connections_use() -> None:
    ports = {free_port() for _ in range(50)}
    assert len(ports) > 40
    assert all(port in PORTS for port in ports)
    outgoing = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if outgoing.exists():
        assert max(ports) < int(outgoing.read_text().split()[0])
