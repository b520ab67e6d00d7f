"""A worker is SIGKILLed at every point of a return's life; running everything again makes it whole.

A customer's return that is booked, received, checked, refunded and acknowledged; one that is called off once its pickup
was booked; a parcel that its courier brings back.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.workflows.fakes import NOW
from tests.workflows.forward import test_forward_kill_points as forward_points
from tests.workflows.forward.test_forward_kill_points import prove, telling
from tests.workflows.returns.return_kill_child import (
    BROUGHT_BACK,
    CALLED_OFF,
    CONFIG,
    RETURNED,
    STEPS,
    ReturnLife,
    ReturnWorld,
)
from tests.workflows.test_kill_points import Workers, said, started

from magento_oms.local.postgres import PostgresServer
from magento_oms.ports import ParcelStatus
from magento_oms.storage.database import close_connections

__all__ = ["said"]

WAYS = pytest.mark.parametrize(
    "steps", [RETURNED, CALLED_OFF, BROUGHT_BACK], ids=["returned", "called off", "brought back"]
)


class Proof(forward_points.Proof):
    """An order of two units that has left the warehouse, and its return."""

    config = CONFIG
    world = ReturnWorld
    known_steps = STEPS

    def begin(self, forward: ReturnLife) -> None:
        """It was delivered, unless its courier is to bring it back."""
        forward.pushes = 8
        entity_id = forward.shipped("KURTA", quantity=2)
        if "turn round" not in self._steps:
            forward.clock = NOW
            forward.scan(forward.parcel_of(entity_id)["booking"], ParcelStatus.PICKED_UP, ParcelStatus.DELIVERED)
            forward.push_all()

    def outcome(self, forward: ReturnLife) -> dict[str, Any]:
        """What an order's life leaves, and a return's."""
        rows = forward.oms.rows
        return super().outcome(forward) | {
            "returns": rows("select return_code, kind, state, reason, awb, courier, parcel_id from return_order"),
            "units": rows(
                "select item_code, item_id, state, qc_reason, cancelled_why, refund from return_item order by item_code"
            ),
            "credit memos": rows("select memo_id, ours, taken, items, grand_total from credit_memo"),
            "credited": rows("select count(*) as lines from credit_note"),
        }


@pytest.fixture(scope="module")
def workers(said: Path) -> Iterator[Workers]:
    """A warm process that forks the workers, so that each begins within milliseconds."""
    with said.open("a") as log, started(["-m", "tests.workflows.returns.return_kill_child"], log) as process:
        yield Workers(process)


@pytest.fixture
def proof_of(
    postgres_server: PostgresServer, _migrated: str, workers: Workers, said: Path, tmp_path: Path
) -> Iterator[Callable[[Sequence[str]], Proof]]:
    """Makes the proof of a return of these steps."""
    first = f"first_{secrets.token_hex(6)}"
    postgres_server.create_database(first, template=_migrated)
    yield lambda steps: Proof(postgres_server, workers, said, first, tmp_path, steps)
    close_connections(postgres_server.url(first))
    postgres_server.drop_database(first)


@WAYS
def test_an_undisturbed_return_does_all_once(proof_of: Callable[..., Proof], steps: Sequence[str]) -> None:
    """What the killed ones are compared with."""
    end = proof_of(steps).expected
    done = {(kind, state) for kind, _, _, state in end["effects"]}
    assert {state for _, state in done} == {"done"}
    kinds = {kind for kind, _ in done}
    [stored] = end["returns"]
    units = [(unit["state"], unit["refund"]) for unit in end["units"]]
    [stock] = [row["quantity"] for row in end["stock"] if row["sku"] == "KURTA"]
    refunds = [what for what, _ in end["store's ledger"].elements() if what == "refund"]
    memo = "".join(str(row["memo_id"]) for row in end["credit memos"])
    told = [event for _, event, _ in end["events"] if event.startswith("return")]
    if steps is RETURNED:
        assert {"create_credit_memo", "acknowledge_return", "book_parcel", "tell_magento_of_return"} <= kinds
        assert (stored["state"], units) == ("processed", [("passed", memo), ("failed", "")])
        assert (stock, refunds) == (49, ["refund"])
        assert sorted(told) == sorted(
            ["return_placed", "return_awb", "return_received", "return_processed", "return_acknowledged"]
        )
        assert [(row["ours"], row["items"]) for row in end["credit memos"]] == [(True, {"10": "1.0"})]
        assert len(end["credit notes"]) == 1
    elif steps is CALLED_OFF:
        assert {"book_parcel", "cancel_booking"} <= kinds
        assert (stored["state"], [state for state, _ in units]) == ("cancelled", ["cancelled", "cancelled"])
        assert (stock, refunds, end["credit notes"]) == (48, [], [])
        assert sorted(told) == ["return_awb", "return_cancelled", "return_placed"]
    else:
        assert (stored["state"], units) == ("processed", [("passed", memo), ("passed", memo)])
        assert (stock, refunds, len(end["credit notes"])) == (50, ["refund"], 1)
        assert sorted(told) == ["return_acknowledged", "return_processed", "return_received"]
    assert (end["quarantine"], end["holds"], end["leases"]) == ({}, 0, [])


@WAYS
@pytest.mark.timeout(300)
def test_killed_in_a_return_s_life_nothing_is_lost_or_doubled(
    proof_of: Callable[..., Proof], steps: Sequence[str]
) -> None:
    proof = proof_of(steps)
    prove(proof, telling(proof.points))


@WAYS
@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_killed_at_every_point_of_a_return_s_life_nothing_is_lost_or_doubled(
    proof_of: Callable[..., Proof], steps: Sequence[str]
) -> None:
    proof = proof_of(steps)
    prove(proof, proof.points)
