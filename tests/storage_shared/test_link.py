"""The one connection of a process: shared by threads, left alone by forks, opened again when lost."""

from __future__ import annotations

import gc
import signal
import threading
import time
from types import FrameType
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import Connection, text

from magento_oms.storage.database import engine
from magento_oms.storage.link import Link, link

if TYPE_CHECKING:
    from tests.storage_shared.conftest import AtOnce, StartChild, Tell

ME = "select pg_backend_pid() as me"


def session_of(asked: Link) -> int:
    return int(asked.rows(ME)[0]["me"])


def end_session(url: str, pid: int) -> None:
    with engine(url).begin() as connection:
        connection.execute(text("select pg_terminate_backend(:pid, 5000)"), {"pid": pid})


def test_all_who_ask_for_one_database_share_a_session(oms_database: str) -> None:
    first, second = link(oms_database), link(oms_database)
    assert session_of(first) == session_of(second)
    first.close()


def test_it_opens_again_when_the_server_ended_the_session(oms_database: str) -> None:
    asked = link(oms_database)
    before = session_of(asked)
    end_session(oms_database, before)
    assert session_of(asked) != before


def test_a_refused_statement_keeps_the_session(oms_database: str) -> None:
    asked = link(oms_database)
    before = session_of(asked)
    with pytest.raises(psycopg.errors.UndefinedTable):
        asked.rows("select * from no_such_table")
    asked.rows("set lock_timeout = '50ms'")
    with psycopg.connect(asked._conninfo) as other:
        other.execute("lock table lease")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            asked.rows("select * from lease")
    assert session_of(asked) == before


def test_a_server_that_stays_away_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("magento_oms.storage.link.PATIENCE", 0.3)
    with pytest.raises(psycopg.OperationalError):
        link("postgresql+psycopg://nobody@127.0.0.1:1/nothing").rows(ME)


def test_a_forked_child_gets_a_session_of_its_own(oms_database: str, child: StartChild) -> None:
    asked = link(oms_database)
    parents = session_of(asked)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with asked.lock:
            held.set()
            done.wait(30)

    def ask(tell: Tell) -> None:
        tell(str(session_of(asked)))
        asked.close()

    busy = threading.Thread(target=hold)  # it does not exist in the child, and must not block it
    busy.start()
    held.wait(30)
    started = child(ask)
    done.set()
    busy.join()
    assert int(started.hear()) != parents
    assert started.end() == 0
    assert session_of(asked) == parents


def test_threads_take_turns(oms_database: str, at_once: AtOnce) -> None:
    asked = link(oms_database)

    def count(number: int) -> list[int]:
        return [asked.rows("select %(n)s::int as n", n=number * 100 + i)[0]["n"] for i in range(40)]

    assert at_once(8, count) == [[number * 100 + i for i in range(40)] for number in range(8)]


def test_a_signal_in_the_middle_of_a_statement_does_not_mix_up_answers(oms_database: str) -> None:
    class TimeIsUp(BaseException):
        pass

    def interrupt(number: int, frame: FrameType | None) -> Any:
        raise TimeIsUp

    asked = link(oms_database)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(TimeIsUp):
            asked.rows("select 'late' as word, pg_sleep(5)")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert asked.rows("select 'new' as word") == [{"word": "new"}]


def test_the_session_ends_with_its_last_user(oms_database: str, connection: Connection) -> None:
    asked = link(oms_database)
    pid = session_of(asked)
    del asked
    gc.collect()
    there = text("select count(*) from pg_stat_activity where pid = :pid")
    end = time.monotonic() + 5
    while connection.execute(there, {"pid": pid}).scalar_one() and time.monotonic() < end:
        connection.rollback()
        time.sleep(0.02)
    assert connection.execute(there, {"pid": pid}).scalar_one() == 0
