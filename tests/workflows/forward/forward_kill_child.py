"""A process that forks workers, each of which lives one order's forward life and may be told to kill itself at a point.

What is outside (the store, the courier accounts, the store's own server) are the fakes; they outlive a worker in a
file, which is written before an answer is given.
"""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from tests.workflows.couriers.fake_aggregator import FakeAggregator
from tests.workflows.fakes import NOW, FakeMagento
from tests.workflows.forward.conftest import FakeStoreUrl, Forward, forward_config
from tests.workflows.kill_child import Points, serve, watch_database
from tests.workflows.oms import Oms

LATER = NOW + timedelta(seconds=5)
OPEN = ["due", "sending", "unknown"]
NOT_KEPT = ("_lock", "before_call")
CONFIG = forward_config(
    notification_url="https://loom.example/oms/events",
    notifications={"magento_comment": ["dispatched"], "store_url": ["packed", "dispatched"]},
)


@dataclass(frozen=True)
class Life:
    """What a worker does.

    Attributes:
        world: the file that what is outside is kept in.
        point: kill the process before this point; never, if empty.
        points_file: where the points that were passed are written.
    """

    oms_url: str
    world: str
    steps: Sequence[str]
    point: str = ""
    points_file: str = ""

    def line(self) -> str:
        return json.dumps(asdict(self)) + "\n"


class World:
    """All that is outside, and the file that keeps it."""

    life: type[Forward] = Forward
    config = CONFIG

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.RLock()
        self.fakes: dict[str, Any] = {
            "store": FakeMagento(), "main": FakeAggregator("main"), "spare": FakeAggregator("spare"),
            "url": FakeStoreUrl(),
        }  # fmt: skip
        if file.exists():
            for name, state in pickle.loads(file.read_bytes()).items():  # noqa: S301  (written below)
                vars(self.fakes[name]).update(state)

    def save(self) -> None:
        """Keep it as it is now."""
        states = {
            name: {key: value for key, value in vars(fake).items() if key not in NOT_KEPT}
            for name, fake in self.fakes.items()
        }
        beside = self._file.with_suffix(".new")
        beside.write_bytes(pickle.dumps(states))
        beside.replace(self._file)

    def forward(self, oms_url: str, points: Points | None = None) -> Any:
        """A forward life in this world; with a point at every call of it."""
        seen: dict[str, Any] = {
            name: fake if points is None else _Watched(name, fake, self, points) for name, fake in self.fakes.items()
        }
        accounts = {name: seen[name] for name in ("main", "spare")}
        # One effect at a time, so that every life passes the same points.
        return self.life(Oms(oms_url), seen["store"], self.config, accounts, seen["url"], pushes=1, at_once=1)

    def call(self, method: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """What a method answers, once what it did is kept."""
        with self._lock:
            try:
                return method(*args, **more)
            finally:
                self.save()


class _Watched:
    """One of those outside, with a point at every call."""

    def __init__(self, name: str, fake: Any, world: World, points: Points) -> None:
        self._name = name
        self._fake = fake
        self._world = world
        self._points = points

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._fake, name)
        if not callable(found):
            return found

        def call(*args: Any, **more: Any) -> Any:
            with self._points.at(f"{self._name}.{name}"):
                return self._world.call(found, *args, **more)

        return call


# The steps of a life, each of which may be done again ---------------------------------------------------------------


def pack(forward: Forward) -> None:
    """The warehouse packs what it sees, and tells again what it packed."""
    for row in forward.fulfilments():
        if row["state"] != "cancelled":
            forward.pack(row["id"])


def push_to_rest(forward: Forward) -> None:
    """Push where something is due, as the watcher does, until nothing is left. Time passes for what waits."""
    pushes: dict[str, Callable[[], object]] = {
        "magento:loom": forward.push_magento,
        "courier:main": forward.push_couriers,
        "notify:loom": forward.push_notices,
    }
    for _ in range(20):
        left = forward.oms.rows(
            "select target, due_at > now() as later from effect where state = any(:open)", open=OPEN
        )
        if not left:
            return
        if any(row["later"] for row in left):
            forward.oms.let_effects_fall_due()
        for target in sorted({row["target"] for row in left}):
            pushes[target]()
    raise AssertionError(f"It does not come to rest: {forward.oms.effects()}")


def hand_over(forward: Forward) -> None:
    """The courier takes everything."""
    for row in forward.fulfilments():
        forward.hand_over(row["id"])


def refund(forward: Forward) -> None:
    """The customer is refunded, as the store does it once, and the OMS reads it."""
    for entity_id, order in forward.store.orders.items():
        if order["state"] != "closed":
            forward.store.pass_time((LATER - forward.store.now).total_seconds())
            forward.store.refund_in_admin(entity_id)
        forward.oms.take_in(forward.store, forward.config, [entity_id])


STEPS: dict[str, Callable[[Forward], object]] = {
    "route": Forward.route,
    "pack": pack,
    "book": push_to_rest,
    "hand over": hand_over,
    "tell": push_to_rest,
    "refund": refund,
    "undo": push_to_rest,
}
SHIPPED: tuple[str, ...] = ("route", "pack", "book", "hand over", "tell")
CANCELLED: tuple[str, ...] = ("route", "pack", "book", "refund", "undo")


def live(life: Life, world: type[World] = World, known_steps: Mapping[str, Callable[[Any], object]] = STEPS) -> None:
    """Live it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    points = Points(life.point)
    watch_database(points)
    forward = world(Path(life.world)).forward(life.oms_url, points)
    for step in life.steps:
        points.step = step
        known_steps[step](forward)
    if life.points_file:
        Path(life.points_file).write_text("\n".join(points.names) + "\n")


if __name__ == "__main__":
    serve(lambda life: live(Life(**life)))
