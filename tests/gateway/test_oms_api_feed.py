"""The feed of fulfilments: who goes on from the last cursor misses nothing, whatever is at work."""

from __future__ import annotations

import random
import threading
import time
from typing import Any

from sqlalchemy import text
from tests.gateway.oms_api import Api
from tests.workflows.forward.conftest import goods

from magento_oms.storage import fulfilments
from magento_oms.storage.database import engine

SAY = text("update fulfilment set explanation = jsonb_build_object('why', cast(:why as text)) where id = :id")


def read_on(api: Api, cursor: str, limit: int = 100) -> tuple[list[dict[str, Any]], str]:
    """All that there is from a cursor on."""
    items: list[dict[str, Any]] = []
    while True:
        page = api.call("GET", f"/fulfilments?cursor={cursor}&limit={limit}").json()
        items += page["items"]
        cursor = page["cursor"]
        if not page["more"]:
            return items, cursor


def test_nothing_is_missed_while_many_write(api: Api) -> None:
    """Writers change fulfilments in transactions that are open for a while and end in any order; some are rolled back.
    Two readers follow the feed: each must have seen every fulfilment after its last change.
    """
    api.forward.stock("pune", KURTA=50)
    for _ in range(20):
        api.forward.place(goods("KURTA"))
    api.forward.route()
    ids = [row["id"] for row in api.forward.fulfilments()]
    last: dict[int, str] = {}
    lock = threading.Lock()

    def write(seed: int) -> None:
        chance = random.Random(seed)
        for number in range(12):
            chosen = chance.sample(ids, chance.randint(1, 3))
            with engine(api.forward.oms.url).connect() as connection, connection.begin() as transaction:
                for fulfilment_id in sorted(chosen):
                    fulfilments.derive_state(connection, fulfilment_id)
                    time.sleep(chance.uniform(0, 0.01))
                    connection.execute(SAY, {"why": f"{seed}-{number}", "id": fulfilment_id})
                with lock:  # the rows are locked: nobody else writes them before this transaction has ended
                    if chance.random() < 0.2:
                        transaction.rollback()
                    else:
                        transaction.commit()
                        last.update(dict.fromkeys(chosen, f"{seed}-{number}"))

    seen: list[dict[int, str]] = [{}, {}]
    ended = threading.Event()

    def follow(which: int) -> None:
        cursor = ""
        while True:
            over = ended.is_set()
            items, cursor = read_on(api, cursor, limit=3 + which)
            seen[which].update({item["id"]: item["why_here"] for item in items})
            if over:
                return

    readers = [threading.Thread(target=follow, args=(which,)) for which in (0, 1)]
    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(4)]
    for thread in [*readers, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    ended.set()
    for thread in readers:
        thread.join()
    assert len(last) > 15
    for each in seen:
        assert {number: each[number] for number in last} == last
        assert set(each) == set(ids)


def test_what_changes_again_comes_again_and_what_does_not_does_not(api: Api) -> None:
    api.forward.stock("pune", KURTA=9)
    first, second = api.routed("KURTA"), api.routed("KURTA")
    items, cursor = read_on(api, "", limit=1)
    assert [item["id"] for item in items] == [first["id"], second["id"]]
    assert read_on(api, cursor) == ([], cursor)
    api.call("POST", f"/fulfilments/{first['id']}/reject", {"reason": "damaged"})
    items, cursor = read_on(api, cursor)
    assert [(item["id"], item["state"]) for item in items] == [(first["id"], "cancelled")]
    assert read_on(api, cursor) == ([], cursor)


def test_after_a_restored_backup_a_cursor_of_the_future_is_told(api: Api) -> None:
    api.forward.stock("pune", KURTA=9)
    shown = api.routed("KURTA")
    _, cursor = read_on(api, "")
    future = f"{int(cursor.partition('-')[0]) + 1_000_000}-1"
    answer = api.call("GET", f"/fulfilments?cursor={future}")
    assert answer.status_code == 410
    assert "Begin anew without a cursor" in answer.json()["way_out"]
    # A dump that was restored elsewhere brings rows from transactions that have not been there yet.
    api.forward.oms.run("update fulfilment set changed_xid = changed_xid + 1000000")
    assert read_on(api, "")[0] == []
    with engine(api.forward.oms.url).begin() as connection:
        assert fulfilments.feed_anew(connection) == 1
    assert [item["id"] for item in read_on(api, "")[0]] == [shown["id"]]
