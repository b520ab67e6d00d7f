"""Replays exchanges recorded from a real Magento against the sandbox, and says where the two differ.

The recorded server was one store whose exchanges were made in the order of their numbers, so a pair means something
only after everything before it. The sandbox's package holds the state at the beginning and the steps between (orders
placed, changes that other exchanges made, marked `inferred` where only their traces were recorded). Every pair of a
directory is played at its number; steps that a pair of the directory makes itself are left out.
"""

from __future__ import annotations

import copy
import json
import re
import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from commerce_sandbox import documents, hand, history, pages
from commerce_sandbox.app import Sandbox
from commerce_sandbox.http_types import Answer, Call
from commerce_sandbox.magento_rules.as_placed import as_placed
from commerce_sandbox.magento_rules.book import Document, OrderBook
from commerce_sandbox.magento_rules.lifecycle import follow_copies
from commerce_sandbox.placing import put_products
from commerce_sandbox.recorded_files import recorded
from commerce_sandbox.replay_compare import IdPairs, differences
from commerce_sandbox.replay_world import STORE_VIEWS, USERS, Credentials, fault_for, settings_for, unmask
from commerce_sandbox.store import Store

NOT_REPLAYABLE = "not_replayable.json"
"""A file beside the recordings: file name -> why it cannot be replayed."""

Verdict = Literal["alike", "different", "not applicable"]

_FIRST_ORDERS = 61
_SELLING_PIECES = Decimal(1000)
_OTHER_PIECES = Decimal(100)
_ODD_PIECES = Decimal(10)
_ODD_SKUS = {"A/B 1", "50%-OFF", "Ünï-ç", "a+b", "q?x#1"}
_LATER_SKUS = {"VIRT-1", "TEE-Blue", "TEE-Red", "TEE", "BUN"}
_SHORTENED_URL = re.compile(r"\.\.\.\((\d+) chars\)\Z")
_URL_LIMIT = 8192
_STEP_HEADERS = {"Authorization": "Bearer <token>", "Content-Type": "application/json"}


class BadRecording(ValueError):
    """A directory or file that holds no recordings; the text names it."""


@dataclass(frozen=True, slots=True)
class FileVerdict:
    """What came of one file: alike, different (with the places), or not applicable (with the reason)."""

    file: str
    verdict: Verdict
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line, the first three places of a difference included."""
        more = f" (+{len(self.details) - 3} more)" if len(self.details) > 3 else ""
        return f"{self.verdict:<14} {self.file}" + (f": {'; '.join(self.details[:3])}{more}" if self.details else "")


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What came of a directory.

    Attributes:
        verdicts: one for each file, in the order of the numbers.
    """

    verdicts: tuple[FileVerdict, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many files are alike, different, and not applicable."""
        found = Counter(each.verdict for each in self.verdicts)
        return {verdict: found[verdict] for verdict in ("alike", "different", "not applicable")}

    @property
    def ok(self) -> bool:
        """Whether no file is different."""
        return not self.counts["different"]

    def render(self, *, everything: bool = False) -> str:
        """The report as plain text: what is not alike (or everything), then the counts."""
        lines = [str(each) for each in self.verdicts if everything or each.verdict != "alike"]
        counts = self.counts
        lines.append(", ".join(f"{counts[verdict]} {verdict}" for verdict in counts))
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Pair:
    """One recorded exchange."""

    number: int
    file: str
    name: str
    request: Mapping[str, Any]
    response: Mapping[str, Any]

    @property
    def target(self) -> tuple[str, str]:
        """Method and path with query, as they were sent."""
        parts = urlsplit(str(self.request["url"]))
        return str(self.request["method"]), parts.path + (f"?{parts.query}" if parts.query else "")


def replay_directory(path: Path | str, database_url: str) -> ReplayReport:
    """Replay every recording of a directory.

    Args:
        path: holds files `NNN_name.json`; a file `not_replayable.json` may name some that are not to be replayed.
        database_url: a Postgres database that the replay may use; it makes an instance of its own there and clears it.

    Raises:
        BadRecording: no such directory, nothing recorded in it, or a file that is no JSON.
    """
    directory = Path(path)
    if not directory.is_dir():
        raise BadRecording(f"{directory} is no directory")
    files = sorted(each for each in directory.glob("*.json") if re.match(r"\d{3}_", each.name))
    if not files:
        raise BadRecording(f"{directory} holds no recordings (files named NNN_name.json)")
    listed = directory / NOT_REPLAYABLE
    reasons: Mapping[str, str] = _load(listed) if listed.is_file() else {}
    pairs: list[Pair] = []
    verdicts: dict[str, FileVerdict] = {}
    for file in files:
        content = _load(file)
        if not (isinstance(content, dict) and "request" in content and "response" in content):
            verdicts[file.name] = FileVerdict(file.name, "not applicable", ("a log, not a pair",))
            continue
        name = file.stem.partition("_")[2]
        pairs.append(Pair(int(file.name[:3]), file.name, name, content["request"], content["response"]))
    sandbox = Sandbox(database_url, threads=1)
    try:
        found = _Replay(sandbox, pairs, reasons).run()
    finally:
        sandbox.close()
    verdicts |= {each.file: each for each in found}
    return ReplayReport(tuple(verdicts[file.name] for file in files))


def _load(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise BadRecording(f"{file} is no JSON: {error}") from None


@dataclass(slots=True)
class _Replay:
    """One replay over a sandbox."""

    sandbox: Sandbox
    pairs: Sequence[Pair]
    reasons: Mapping[str, str]
    ids: IdPairs = field(default_factory=IdPairs)
    uuids: dict[str, str] = field(default_factory=dict)
    code: str = field(default_factory=lambda: f"replay-{secrets.token_hex(4)}")
    credentials: Credentials | None = None
    books: dict[int, Document] = field(default_factory=dict)
    copies: tuple[int, int] = (0, 0)

    def run(self) -> list[FileVerdict]:
        """Play pairs and steps in the order of their numbers."""
        store = self._begin()
        self.credentials = Credentials(store)
        verdicts = []
        steps = [step for step in recorded("steps") if not self._made_by_a_pair(step)]
        last = max(pair.number for pair in self.pairs)
        moments = [(float(step["at"]), 0, step) for step in steps if step["at"] <= last]
        played: list[tuple[float, int, Any]] = [*moments, *((float(pair.number), 1, pair) for pair in self.pairs)]
        for _, _, each in sorted(played, key=lambda moment: moment[:2]):
            if isinstance(each, Pair):
                verdicts.append(self._play(each))
            else:
                self._step(each)
        self.sandbox.stores.reset(self.code)
        return verdicts

    # The state --------------------------------------------------------------------------------------------------------

    def _begin(self) -> Store:
        """The recorded server before the first recording."""
        store = self.sandbox.stores.put(
            self.code,
            {
                "users": USERS,
                "store_views": STORE_VIEWS,
                "store_configs": [
                    {key: value for key, value in config.items() if not key.endswith("url")}
                    for config in recorded("set_up")["store_configs"]
                ],
                "consumer_running": False,
                "index_on_save": False,
            },
        )
        self.books = {int(order["entity_id"]): order for order in history.recorded_orders()}
        products = [each for each in history.recorded_products() if each["sku"] not in _LATER_SKUS]
        for pieces, chosen in (
            (_SELLING_PIECES, [each for each in products if str(each["sku"]).startswith("SKU-")]),
            (_OTHER_PIECES, [each for each in products if str(each["sku"]).startswith("BULK-")]),
            (_ODD_PIECES, [each for each in products if each["sku"] in _ODD_SKUS]),
        ):
            self._put_products(store, chosen, pieces)
        self._place([self._placed(number) for number in range(1, _FIRST_ORDERS + 1)])
        return store

    def _put_products(self, store: Store, products: Sequence[Document], pieces: Decimal) -> None:
        with self.sandbox.database.transaction() as connection:
            put_products(connection, self.sandbox.stores.context(store, connection), products, pieces)

    @property
    def _store(self) -> Store:
        found = self.sandbox.stores.find(self.code)
        assert found is not None  # noqa: S101  (made by `_begin`)
        return found

    def _placed(self, number: int, state: str = "new", status: str = "pending") -> Document:
        order = self.books[number]
        placed = as_placed(order, state=state, status=status)
        if number <= _FIRST_ORDERS:
            placed["updated_at"] = order["updated_at"]
        return placed

    def _place(self, orders: Sequence[Document]) -> None:
        books = [OrderBook(order) for order in orders]
        hand.place_documents(self.sandbox.database, self.sandbox.stores, self._store, books)

    def _made_by_a_pair(self, step: Mapping[str, Any]) -> bool:
        """Whether a pair of the directory is this step: the same number, or close by with the same request."""
        if "path" not in step:
            return False
        for pair in self.pairs:
            if pair.number == step["at"]:
                return True
            same = pair.target == (step["method"], step["path"]) and pair.request.get("body") == step["body"]
            if step.get("inferred") and same and abs(pair.number - step["at"]) <= 3:
                return True
        return False

    def _step(self, step: Mapping[str, Any]) -> None:
        """Play a step between recordings."""
        if "path" in step:
            name = step.get("name", "step")
            answer = self._exchange(name, step["method"], step["path"], unmask(step["body"], name), _STEP_HEADERS)
            self._remember_uuid(step.get("uuid"), answer)
        elif "place" in step:
            self._place([self._placed(step["place"], step.get("state", "new"), step.get("status", "pending"))])
        elif "products" in step:
            chosen = [each for each in history.recorded_products() if each["sku"] in step["products"]]
            self._put_products(self._store, chosen, _OTHER_PIECES)
        elif "customers" in step:
            with self.sandbox.database.transaction() as connection:
                documents.save(connection, self.code, "customer", step["customers"])
        elif "copies" in step:
            self._copy(step["copies"]["of"], step["copies"]["first_id"], step["copies"]["count"])
        elif step.get("remove_copies"):
            self._remove_copies()
        elif step.get("do") == "consume":
            self.sandbox.consume(self.code)
        elif step.get("do") == "index":
            with self.sandbox.database.transaction() as connection:
                self._store.stock(connection).index()

    def _copy(self, number: int, first_id: int, count: int) -> None:
        """Orders that were there for a while and of which nothing but their number was recorded."""
        copies = []
        for order_id in range(first_id, first_id + count):
            order = copy.deepcopy(self.books[number])
            order |= {"entity_id": order_id, "increment_id": f"{order_id:09d}", "items": []}
            follow_copies(order)
            copies.append(OrderBook(order))
        with self.sandbox.database.transaction() as connection:
            documents.save_books(connection, self.code, copies)
        self.copies = first_id, first_id + count

    def _remove_copies(self) -> None:
        with self.sandbox.database.transaction() as connection:
            connection.execute(
                "delete from sandbox_document where instance = %s and kind = 'order' and id >= %s and id < %s",
                (self.code, *self.copies),
            )

    # The pairs --------------------------------------------------------------------------------------------------------

    def _play(self, pair: Pair) -> FileVerdict:
        """Send a recorded request and compare the answer."""
        url = str(pair.request["url"])
        shortened = _SHORTENED_URL.search(url)
        reason = self.reasons.get(pair.file)
        if reason is None and shortened and int(shortened[1]) <= _URL_LIMIT:
            reason = "the recording shortens the URL"
        if reason is not None:
            return FileVerdict(pair.file, "not applicable", (reason,))
        method, path = pair.target
        if shortened:
            path += "9" * (int(shortened[1]) - len(url))
        self.sandbox.stores.put(self.code, settings_for(pair.name))
        try:
            body = unmask(pair.request.get("body"), pair.name)
            answer = self._exchange(pair.name, method, path, body, pair.request.get("headers") or {}, url)
        finally:
            self.sandbox.stores.put(self.code, settings_for(""))
        recorded_body = pair.response.get("body")
        if isinstance(recorded_body, dict):
            self._remember_uuid(recorded_body.get("bulk_uuid"), answer)
        found = self._differences(pair, answer)
        return FileVerdict(pair.file, "different" if found else "alike", tuple(found))

    def _differences(self, pair: Pair, answer: Answer) -> list[str]:
        recorded = pair.response
        if answer.status != recorded["status"]:
            return [f"status {answer.status}, recorded {recorded['status']}: {answer.text[:150]}"]
        if recorded.get("body") is None and recorded.get("raw") is not None:
            raw = "" if pair.target[0] == "HEAD" else answer.text
            return [] if raw == recorded["raw"] else [f"text {raw[:80]!r}, recorded {str(recorded['raw'])[:80]!r}"]
        try:
            ours = json.loads(answer.text)
        except ValueError:
            return [f"no JSON: {answer.text[:80]!r}"]
        return differences(recorded.get("body"), ours, self.ids)

    def _exchange(
        self, name: str, method: str, path: str, body: Any, headers: Mapping[str, str], url: str | None = None
    ) -> Answer:
        """One call to the replay's store; the answer."""
        for there, here in self.uuids.items():
            path = path.replace(there, here)
        sent = {key.lower(): value for key, value in headers.items()} | {"host": "magento.test"}
        assert self.credentials is not None  # noqa: S101  (set by `run`)
        if "authorization" in sent:
            sent["authorization"] = self.credentials.header(name, method, url or f"http://magento.test{path}")
        data = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        raw_path, _, query = path.partition("?")
        call = Call(self._store, self.sandbox.stores, method, raw_path, query, sent, data, time.time())
        down = {"database_down": pages.DATABASE_DOWN, "php_down": pages.PHP_DOWN}.get(fault_for(name) or "")
        return down or self.sandbox.dispatcher.early(call) or self.sandbox.dispatcher.answer(call)[0]

    def _remember_uuid(self, there: str | None, answer: Answer) -> None:
        if there is not None and answer.status == 202:
            self.uuids[there] = str(json.loads(answer.text)["bulk_uuid"])
