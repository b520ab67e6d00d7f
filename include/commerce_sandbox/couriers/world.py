"""All courier accounts of a sandbox: answering calls, moving parcels, sending webhooks. Blocking; run in threads."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from psycopg.types.json import Jsonb

from commerce_sandbox.couriers import pdf
from commerce_sandbox.couriers.accounts import Accounts, StandIn
from commerce_sandbox.couriers.desk import Account, CourierCall, Desk, Parcel, Reply, ended
from commerce_sandbox.couriers.journeys import JOURNEYS, STEPS
from commerce_sandbox.database import Database
from commerce_sandbox.settings import BadSettings

RETRIES = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds until a webhook that was not answered with 200 is sent again."""
FOREIGN = "https://files.elsewhere.invalid"
_BODY_LIMIT = 20_000


class Couriers:
    """The accounts, over the sandbox's database."""

    def __init__(self, database: Database, vendors: Iterable[StandIn]) -> None:
        self.database = database
        self.accounts = Accounts(database, {vendor.name: vendor for vendor in vendors})
        self._recent: defaultdict[str, deque[float]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._client = httpx.Client(timeout=10, trust_env=False)

    def close(self) -> None:
        """Close the connections to webhooks' receivers."""
        self._client.close()

    # Calls ------------------------------------------------------------------------------------------------------------

    def answer(self, account: Account, call: CourierCall, *, fault: str | None = None) -> Reply:
        """What the vendor's server answers; committed when this returns."""
        if call.path.startswith("/files/"):  # from a storage of its own, without the API's limit
            return self._file(account, call)
        if self._is_too_fast(account):
            reply = Reply(429, {"message": "Too Many Requests"})
            self.note(account, call, reply, fault)
            return reply
        with self.desk(account) as desk:
            reply = self.accounts.vendors[account.vendor].answer(call, desk)
        self.note(account, call, reply, fault)
        return reply

    def note(self, account: Account, call: CourierCall, reply: Reply, fault: str | None) -> None:
        """Write a call into the ledger; the body of a login is left out."""
        body = "" if "login" in call.path else call.body.decode("utf-8", "replace")[:_BODY_LIMIT].replace("\x00", "")
        with self.database.transaction() as connection:
            connection.execute(
                "insert into courier_call (account, method, path, query, body, status, fault)"
                " values (%s, %s, %s, %s, %s, %s, %s)",
                (account.code, call.method, call.path, call.query_string, body, reply.status, fault),
            )

    @contextmanager
    def desk(self, account: Account) -> Iterator[Desk]:
        """The account's desk in a transaction of its own; webhooks of its scans are queued with it."""
        with self.database.transaction() as connection:
            connection.execute("select pg_advisory_xact_lock(hashtext(%s))", (f"courier:{account.code}",))
            desk = Desk(connection, account)
            yield desk
            for parcel, scan in desk.scanned:
                for headers, body in self.accounts.vendors[account.vendor].webhook(parcel, scan, desk):
                    self._queue(desk, headers, body, scan.number)

    def _is_too_fast(self, account: Account) -> bool:
        limit = account.settings["rate_limit"]
        if not limit:
            return False
        now = time.monotonic()
        with self._lock:
            recent = self._recent[account.code]
            while recent and recent[0] <= now - float(limit["seconds"]):
                recent.popleft()
            if len(recent) >= int(limit["requests"]):
                return True
            recent.append(now)
            return False

    @staticmethod
    def _file(account: Account, call: CourierCall) -> Reply:
        match account.settings["files"]:
            case "html":
                return Reply(200, "<html><body>Sign in to see this document</body></html>", "text/html")
            case "gone":
                return Reply(404, "<Error><Code>NoSuchKey</Code></Error>", "application/xml")
            case _:
                name = call.path.removeprefix("/files/").removesuffix(".pdf")
                return Reply(200, pdf.page(account.vendor, name), "application/pdf")

    # Parcels ----------------------------------------------------------------------------------------------------------

    def advance(self, account: Account, *, steps: int = 1, **wanted: str) -> int:
        """Let parcels travel some steps of their journeys (those with these columns; else all); how many scans."""
        scans = 0
        with self.desk(account) as desk:
            for parcel in desk.parcels(**wanted):
                for _ in range(steps):
                    scans += self._step(desk, parcel)
        return scans

    def travel(self) -> int:
        """Move all parcels whose time has come; how many scans."""
        with self.database.transaction() as connection:
            rows = connection.execute(
                "select distinct account from courier_parcel where next_at <= now() order by account"
            ).fetchall()
        scans = 0
        for (code,) in rows:
            account = self.accounts.find(code)
            if account is None:
                continue
            with self.desk(account) as desk:
                due = desk.connection.execute(
                    "select id from courier_parcel where account = %s and next_at <= now() order by next_at limit 200",
                    (code,),
                ).fetchall()
                for (parcel_id,) in due:
                    parcel = next(each for each in desk.parcels(id=parcel_id))
                    scans += self._step(desk, parcel)
                    seconds = account.settings["seconds_a_step"]
                    desk.connection.execute(
                        "update courier_parcel set next_at = now() + %s * interval '1 second' where id = %s",
                        (None if ended(parcel) else seconds, parcel_id),
                    )
        return scans

    def set_journey(self, account: Account, reference: str, journey: str) -> None:
        """Let a parcel go another way from its beginning. Raises BadSettings where there is no such way or parcel."""
        with self.desk(account) as desk:
            parcel = desk.parcel(reference=reference)
            if parcel is None:
                raise BadSettings(f"account {account.code} has no parcel {reference!r}")
            if journey not in JOURNEYS[parcel.direction]:
                raise BadSettings(f"journey {journey!r} is none of {', '.join(JOURNEYS[parcel.direction])}")
            parcel.journey, parcel.step = journey, 0
            desk.save(parcel)

    def scan(self, account: Account, awb: str, step: str, *, hours_ago: float = 0, remark: str = "") -> None:
        """One scan by hand, also a late one. Raises BadSettings where there is no such step or parcel."""
        if step not in STEPS:
            raise BadSettings(f"step {step!r} is none of {', '.join(STEPS)}")
        with self.desk(account) as desk:
            parcel = desk.parcel(awb=awb)
            if parcel is None:
                raise BadSettings(f"account {account.code} has no AWB {awb!r}")
            at = desk.now() - timedelta(hours=hours_ago) if hours_ago else None
            desk.scan(parcel, step, at=at, remark=remark)

    @staticmethod
    def _step(desk: Desk, parcel: Parcel) -> int:
        way = JOURNEYS[parcel.direction][parcel.journey]
        if not parcel.awb or parcel.state == "cancelled" or parcel.step >= len(way):
            return 0
        parcel.step += 1
        desk.scan(parcel, way[parcel.step - 1])
        desk.save(parcel)
        return 1

    # Webhooks ---------------------------------------------------------------------------------------------------------

    @staticmethod
    def _queue(desk: Desk, headers: Mapping[str, str], body: Any, number: int) -> None:
        target, emitter = desk.account.settings["webhook"], desk.account.settings["emitter"]
        if not target["url"]:
            return
        chance = random.Random(f"{desk.account.code}:{number}")  # noqa: S311  (the same for the same scan)
        if chance.random() < emitter["lost_share"]:
            return
        for _ in range(1 + int(emitter["repeats"])):
            wait = chance.random() * emitter["shuffle_seconds"]
            if chance.random() < emitter["late_share"]:
                wait += emitter["late_seconds"]
            desk.connection.execute(
                "insert into courier_delivery (account, url, headers, body, due_at)"
                " values (%s, %s, %s, %s, clock_timestamp() + %s * interval '1 second')",
                (desk.account.code, target["url"], Jsonb(dict(headers)), json.dumps(body), wait),
            )

    def deliver(self, limit: int = 100) -> int:
        """Send the webhooks that are due; how many were answered with 200."""
        with self.database.transaction() as connection:
            rows = connection.execute(
                "select id, url, headers, body, tries from courier_delivery"
                " where done_at is null and due_at <= now() order by due_at, id limit %s for update skip locked",
                (limit,),
            ).fetchall()
            good = 0
            for number, url, headers, body, tries in rows:
                status = self._post(url, headers, body)
                again = status != 200 and tries < len(RETRIES)
                good += status == 200
                connection.execute(
                    "update courier_delivery set tries = tries + 1, status = %s, done_at = %s, due_at = %s"
                    " where id = %s",
                    (
                        status,
                        None if again else datetime.now(UTC),
                        datetime.now(UTC) + timedelta(seconds=RETRIES[min(tries, len(RETRIES) - 1)]),
                        number,
                    ),
                )
        return good

    def _post(self, url: str, headers: Mapping[str, str], body: str) -> int:
        sent = {"content-type": "application/json", **headers}
        try:
            return self._client.post(url, content=body.encode(), headers=sent).status_code
        except httpx.HTTPError:
            return 0


def file_url(call_root: str, account: Account, name: str) -> str:
    """Where a document of a stand-in is."""
    root = FOREIGN if account.settings["files"] == "foreign" else call_root
    return f"{root}/files/{name}.pdf"
