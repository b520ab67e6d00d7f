"""What a kind of effect is: one class a kind, with `send`, `find` and `settle`. Each kind has a file of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, runtime_checkable

from sqlalchemy import Connection

from magento_oms.ports import OutsideError
from magento_oms.storage.effects import ClaimedEffect


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an effect.

    Attributes:
        outcome: one line for the time line.
        facts: what `settle` writes down (ids that the other side gave).
        exchange: request and response, masked.
    """

    outcome: str
    facts: dict[str, Any] = field(default_factory=dict)
    exchange: dict[str, Any] = field(default_factory=dict)


class NotNow(Exception):
    """The effect cannot be sent as things are on the other side, and nothing was sent; try again later.

    Args:
        reason: in plain words.
        way_out: what ends it.
        retry_in: seconds.
    """

    def __init__(self, reason: str, way_out: str, *, retry_in: float = 60.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.way_out = way_out
        self.retry_in = retry_in


class NotWanted(Exception):
    """The effect is not wanted any more, and nothing was sent. It is cancelled, with all that waits for it."""


World = TypeVar("World", contravariant=True)
Subject = TypeVar("Subject")


class EffectKind(Protocol[World, Subject]):
    """One kind of effect towards a `World` (a hook), about a `Subject` (what the OMS knows of it)."""

    @property
    def name(self) -> str:
        """The effect's `kind`."""
        ...

    def read(self, connection: Connection, effect: ClaimedEffect) -> Subject:
        """What `send` and `find` need to know, from the OMS."""
        ...

    def send(self, world: World, subject: Subject) -> Result:
        """Do it. Every write carries the effect's reference, so that `find` is sure.

        Raises:
            OutsideError: what it means is said by its class.
            NotNow: nothing was sent.
        """
        ...

    def find(self, world: World, subject: Subject) -> Result | None:
        """Look whether it happened; None where nothing is found. Changes nothing on the other side."""
        ...

    def settle(self, connection: Connection, subject: Subject, result: Result) -> None:
        """Write down that it happened, in the transaction that makes the effect done."""
        ...


@runtime_checkable
class HasAnotherWay(Protocol):
    """A kind that can go on elsewhere where it is refused for good."""

    def another_way(self, connection: Connection, subject: Any, refusal: OutsideError) -> str:
        """Plan another way, in the transaction that notes the refusal; what was planned, in words. Empty: none."""
        ...
