"""Leases: never held by two, freed by release, by time, and for a killed holder."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from magento_oms.storage.leases import Lease, holder_of

if TYPE_CHECKING:
    from tests.storage_shared.conftest import AtOnce, Elapse, StartChild, Tell


def test_one_has_it_the_other_does_not_until_it_is_released(oms_database: str) -> None:
    first = Lease(oms_database, "push:heritage", "run a", ttl=60)
    second = Lease(oms_database, "push:heritage", "run a", ttl=60)  # the same words are not the same holder
    assert first.acquire()
    assert not second.acquire()
    assert second.held_by_other()
    assert second.held_by_other("push:heritage")
    assert not first.held_by_other()
    assert not second.held_by_other("push:urban")
    assert (holder_of(oms_database, "push:heritage") or "").startswith("run a [")
    second.release()
    assert not second.acquire(), "who does not have it cannot give it back"
    first.release()
    assert holder_of(oms_database, "push:heritage") is None
    assert second.acquire()
    assert not first.renew()


def test_it_ends_by_itself_and_its_first_holder_learns_that_it_is_lost(oms_database: str, elapse: Elapse) -> None:
    first = Lease(oms_database, "push:heritage", "run a", ttl=60)
    second = Lease(oms_database, "push:heritage", "run b", ttl=60)
    assert first.acquire()
    elapse("lease", 50)
    assert not second.acquire()
    elapse("lease", 10)
    assert not second.held_by_other()
    assert second.acquire()
    assert not first.renew()
    assert not first.renew_if_due()
    first.release()
    assert first.held_by_other(), "the loser must not release the winner's"


def test_a_renewed_one_goes_on(oms_database: str, elapse: Elapse) -> None:
    first = Lease(oms_database, "push:heritage", "run a", ttl=60)
    assert first.acquire()
    elapse("lease", 50)
    assert first.renew()
    elapse("lease", 50)
    assert not Lease(oms_database, "push:heritage", "run b", ttl=60).acquire()
    assert first.acquire(), "asking again for what we have keeps it"


def test_one_that_ran_out_may_be_renewed_while_nobody_took_it(oms_database: str, elapse: Elapse) -> None:
    first = Lease(oms_database, "push:heritage", "run a", ttl=60)
    assert first.acquire()
    elapse("lease", 61)
    assert first.renew()
    assert not Lease(oms_database, "push:heritage", "run b", ttl=60).acquire()


def test_renewing_in_a_loop_writes_only_when_it_is_due(oms_database: str) -> None:
    lease = Lease(oms_database, "push:heritage", "run a", ttl=2)
    other = Lease(oms_database, "push:heritage", "run b", ttl=2)
    assert lease.acquire()
    end = time.monotonic() + 2.3
    while time.monotonic() < end:
        assert lease.renew_if_due()
        assert not other.acquire()
        time.sleep(0.02)


def test_the_block_releases_it(oms_database: str) -> None:
    with Lease(oms_database, "push:heritage", "run a", ttl=60) as mine:
        assert mine
        with Lease(oms_database, "push:heritage", "run b", ttl=60) as also:
            assert not also
        assert holder_of(oms_database, "push:heritage") is not None
    assert holder_of(oms_database, "push:heritage") is None


def test_a_lease_without_time_is_refused(oms_database: str) -> None:
    with pytest.raises(ValueError, match="before it began"):
        Lease(oms_database, "push:heritage", "run a", ttl=0)


def test_never_two_at_once(oms_database: str, at_once: AtOnce) -> None:
    inside = 0
    most = 0
    turns = 0
    guard = threading.Lock()

    def work(number: int) -> None:
        nonlocal inside, most, turns
        for _ in range(30):
            with Lease(oms_database, "push:heritage", f"thread {number}", ttl=60) as mine:
                if mine:
                    with guard:
                        inside += 1
                        most = max(most, inside)
                    time.sleep(0.001)
                    with guard:
                        inside -= 1
                        turns += 1

    at_once(8, work)
    assert most == 1
    assert turns > 8


def test_processes_racing_for_one_lease_get_it_once(oms_database: str, child: StartChild) -> None:
    start = time.monotonic() + 0.5

    def race(tell: Tell) -> None:
        lease = Lease(oms_database, "push:heritage", f"process {os.getpid()}", ttl=60)
        time.sleep(max(0.0, start - time.monotonic()))
        tell("won" if lease.acquire() else "lost")

    racers = [child(race) for _ in range(4)]
    assert sorted(racer.hear() for racer in racers) == ["lost", "lost", "lost", "won"]


def test_a_killed_holder_blocks_no_longer_than_its_time(oms_database: str, child: StartChild) -> None:
    def hold(tell: Tell) -> None:
        tell(str(Lease(oms_database, "push:heritage", "killed", ttl=1).acquire()))
        time.sleep(60)

    holder = child(hold)
    assert holder.hear() == "True"
    holder.kill()
    next_one = Lease(oms_database, "push:heritage", "next", ttl=60)
    began = time.monotonic()
    while not next_one.acquire():
        assert time.monotonic() < began + 5
        time.sleep(0.02)


def test_a_forked_child_does_not_have_its_parents_lease(oms_database: str, child: StartChild) -> None:
    lease = Lease(oms_database, "push:heritage", "parent", ttl=60)
    assert lease.acquire()

    def act(tell: Tell) -> None:
        lease.release()
        tell(f"{lease.renew()} {lease.held_by_other()} {lease.acquire()}")

    assert child(act).hear() == "False True False"
    assert lease.renew()
