"""Reading the instances' files: good ones, and every problem of bad ones with file, line, field and way out."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from magento_oms.config.account_models import OTHER_DIMENSIONS
from magento_oms.config.load import ConfigProblem, load_instance, load_instances
from magento_oms.config.models import InstanceConfig, Mode, StatusMeaning, StatusRules

REPOSITORY = Path(__file__).parents[2]
SAMPLE = REPOSITORY / "instances" / "example.yaml.sample"

GOOD = """\
code: loom
name: Loom
url: https://loom.example
stores:
  - store_id: 1
    code: default
    name: Loom
    live_from: 2026-11-01T00:00:00+05:30
"""
LOCATION = """\
    locations:
      - code: depot
        name: Depot
        address: {lines: [Road 1], city: Pune, state: Maharashtra, pincode: "411001"}
"""


def problems_of(folder: Path, text: str) -> list[ConfigProblem]:
    """What is wrong with a file of that text."""
    path = folder / "loom.yaml"
    path.write_text(text, encoding="utf-8")
    config, problems = load_instance(path)
    assert (config is None) == bool(problems)
    return problems


def in_store(line: str) -> str:
    """A good file with one more line in its store."""
    return f"{GOOD}    {line}\n"


@pytest.mark.parametrize(
    ("text", "line", "field", "words"),
    [
        (GOOD.replace("name: Loom\n", "naem: Loom\n", 1), 2, "naem", "Did you mean 'name'"),
        (GOOD.replace("code: loom", "code: Loom 1"), 1, "code", "small letters"),
        (GOOD.replace("name: Loom\n", "name: 7\n", 1), 2, "name", "quotes"),
        (GOOD.replace("name: Loom\n", "name: ''\n", 1), 2, "name", "empty"),
        (GOOD.replace("https://loom.example", "loom.example"), 3, "url", "https://www.mybrand.example"),
        (GOOD.replace("https://loom.example", "ftp://loom.example"), 3, "url", "https://"),
        (GOOD.replace("https://", "https://asha:hunter2@"), 3, "url", "Airflow connection"),
        (GOOD.replace("loom.example", "loom.example/?token=hunter2"), 3, "url", "Airflow connection"),
        (GOOD.replace("loom.example", "loom.example/?store=1"), 3, "url", "/rest/V1"),
        (GOOD + "connection_id: my connection\n", 9, "connection_id", "magento_mybrand"),
        (GOOD + "connection_id:\n", 9, "connection_id", "text"),
        (GOOD + "password: hunter2\n", 9, "password", "Airflow connection"),
        (GOOD + "consumer_key: hunter2\n", 9, "consumer_key", "Airflow connection"),
        (GOOD + "credentials: hunter2\n", 9, "credentials", "Airflow connection"),
        (GOOD + "live_poll_seconds: 1\n", 9, "live_poll_seconds", "2 or more"),
        (GOOD + "live_poll_seconds: '5'\n", 9, "live_poll_seconds", "without quotes"),
        (GOOD + "page_size: 301\n", 9, "page_size", "300 or less"),
        (GOOD + "page_size: 2.5\n", 9, "page_size", "whole number"),
        (GOOD + "settle_delay_seconds: .inf\n", 9, "settle_delay_seconds", "3600 or less"),
        (GOOD + "request_budget: {per_second: 0}\n", 9, "request_budget.per_second", "more than 0"),
        (GOOD + "request_budget: 5\n", 9, "request_budget", "field: value"),
        (GOOD + "frequency: {order_pull: hourly}\n", 9, "frequency.order_pull", "0 * * * *"),
        (GOOD + "frequency: {order_pull: 61 * * * *}\n", 9, "frequency.order_pull", "'61' is no minute"),
        (GOOD + "frequency: {order_pull: 0 0 31 2 *}\n", 9, "frequency.order_pull", "never run"),
        (GOOD + "acknowledgement: {strategy: guess}\n", 9, "acknowledgement.strategy", "'auto'"),
        (GOOD + "acknowledgement: {comment: ''}\n", 9, "acknowledgement.comment", "empty"),
        (GOOD + "name: Other\n", 9, "name", "first in line 2"),
        (GOOD[: GOOD.index("stores:")] + "stores: []\n", 4, "stores", "Add one"),
        (GOOD[: GOOD.index("stores:")] + "stores: 1\n", 4, "stores", "list"),
        (GOOD + GOOD[GOOD.index("  - store_id") :], 1, "", "A store view is listed once"),
        (GOOD.replace("store_id: 1", "store_id: true"), 5, "stores.0.store_id", "whole number"),
        (GOOD.replace("store_id: 1", "store_id: -1"), 5, "stores.0.store_id", "0 or more"),
        (GOOD.replace("    live_from: 2026-11-01T00:00:00+05:30\n", ""), 5, "stores.0.live_from", "T00:00:00+05:30"),
        (GOOD.replace("+05:30", ""), 8, "stores.0.live_from", "time zone"),
        (GOOD.replace("2026-11-01T00:00:00+05:30", "2026-11-01"), 8, "stores.0.live_from", "in full"),
        (GOOD.replace("2026-11-01T00:00:00+05:30", "20261101"), 8, "stores.0.live_from", "in full"),
        (GOOD.replace("2026-11-01T00:00:00+05:30", "'20261101'"), 8, "stores.0.live_from", "in full"),
        (GOOD.replace("2026-11-01T", "2026-13-01T"), 8, "stores.0.live_from", "in full"),
        (in_store("timezone: Asia/Calcuta"), 9, "stores.0.timezone", "Asia/Kolkata"),
        (in_store("timezone: ../etc/passwd"), 9, "stores.0.timezone", "Asia/Kolkata"),
        (in_store("mode: dry"), 9, "stores.0.mode", "'live' or 'shadow'"),
        (in_store("sla_days: 61"), 9, "stores.0.sla_days", "60 or less"),
        (in_store("statuses: {pull: {a: x}, hold: {a: y}}"), 9, "stores.0.statuses", "pull and hold"),
        (in_store("statuses: {pull: {holded: x}}"), 9, "stores.0.statuses", "left out"),
        (in_store("statuses: {pull: [pending]}"), 9, "stores.0.statuses.pull", "name: value"),
        (in_store("statuses: {pull: {pending: 1}}"), 9, "stores.0.statuses.pull.pending", "text"),
        (in_store("payment: {cod: cashondelivery}"), 9, "stores.0.payment.cod", "[one, another]"),
        (in_store("invoice: {prefix: TOOLONG}"), 9, "stores.0.invoice.prefix", "six at the most"),
        (in_store("stock: {mode: some}"), 9, "stores.0.stock.mode", "'reservations' or 'none'"),
        (in_store("stock: {buffer: -1}"), 9, "stores.0.stock.buffer", "0 or more"),
        (in_store("stock: {buffer: true}"), 9, "stores.0.stock.buffer", "number"),
        (in_store("stock: {buffers: {A: -1}}"), 9, "stores.0.stock.buffers.A", "0 or more"),
        (in_store("comments: {notify: 'yes'}"), 9, "stores.0.comments.notify", "true or false"),
        (in_store("notification_url: http://loom.example/x"), 9, "stores.0.notification_url", "https"),
        (in_store("return_ack_url: https://a:b@loom.example"), 9, "stores.0.return_ack_url", "Airflow connection"),
        (
            in_store("aggregators: [{aggregator: shiprockt, account: a1, connection_id: a1}]"),
            9,
            "stores.0.aggregators.0.aggregator",
            "must be one of shiprocket",
        ),
        (
            in_store("aggregators: [{aggregator: shipway, account: a1}]"),
            9,
            "stores.0.aggregators.0.connection_id",
            "Add it",
        ),
        (GOOD + LOCATION + "        gstin: 27AAPFU0939F1ZX\n", 13, "stores.0.locations.0.gstin", "check digit"),
        (
            GOOD + LOCATION.replace("Maharashtra", "Kerala") + "        gstin: 27AAPFU0939F1ZV\n",
            10,
            "stores.0.locations.0",
            "of Maharashtra, the address in Kerala",
        ),
        (GOOD + LOCATION.replace("411001", "4110"), 12, "stores.0.locations.0.address.pincode", "six digits"),
        (GOOD + LOCATION.replace('"411001"', "411001"), 12, "stores.0.locations.0.address.pincode", "quotes"),
        (GOOD + LOCATION.replace("[Road 1]", "[]"), 12, "stores.0.locations.0.address.lines", "Add one"),
        (GOOD + LOCATION + LOCATION.replace("    locations:\n", ""), 5, "stores.0", "two locations"),
        (GOOD + "? [a]\n: b\n", 9, "", "name: value"),
        (GOOD + "no: x\n", 9, "no", "not known"),
        (GOOD + "x: &a {b: *a}\n", 9, "", "refers to itself"),
        (GOOD + "x: !!python/object:os.system {}\n", 9, "", "not known here"),
        (GOOD + "---\ncode: two\n", 9, "", "another document"),
        ("code: [loom", 2, "", "YAML"),
        ("code: \x00", 0, "", "YAML"),
        ("[" * 200_000, 0, "", "too large"),
        ("- a\n- b\n", 1, "", "Begin with"),
        ("", 1, "", "Begin with"),
    ],
)
def test_a_problem_names_file_line_field_and_what_to_do(
    tmp_path: Path, text: str, line: int, field: str, words: str
) -> None:
    found = problems_of(tmp_path, text)
    matching = [problem for problem in found if problem.field == field and words in str(problem)]
    assert matching, [str(problem) for problem in found]
    assert (matching[0].file, matching[0].line) == ("loom.yaml", line)
    assert all(problem.way_out for problem in found)
    assert "hunter2" not in " ".join(map(str, found))


def test_all_problems_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("store_id: 1", "store_id: one") + "    sla_days: -1\napi_key: x\nfoo: 1\n"
    assert {problem.field for problem in problems_of(tmp_path, text)} == {
        "stores.0.store_id",
        "stores.0.sla_days",
        "api_key",
        "foo",
    }


def test_one_bad_file_never_hides_the_good_ones(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("code: [")
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "same_code.yaml").write_text(f"# a comment\n{GOOD}")
    (tmp_path / "latin.yaml").write_bytes("name: café".encode("latin-1"))
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    loaded = load_instances(tmp_path)
    assert [config.code for config in loaded.good] == ["loom"]
    assert [(problem.file, problem.line) for problem in loaded.problems] == [
        ("bad.yaml", 2), ("folder.yaml", 0), ("gone.yaml", 0), ("latin.yaml", 0), ("same_code.yaml", 2)
    ]  # fmt: skip


def test_aliases_that_multiply_what_a_file_holds_are_refused_at_once(tmp_path: Path) -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 9))
    (problem,) = problems_of(tmp_path, f"l0: &l0 [x]\n{levels}")
    assert "multiply" in problem.message


def test_a_store_may_borrow_from_another_by_alias(tmp_path: Path) -> None:
    path = tmp_path / "loom.yaml"
    second = "  - {store_id: 2, code: second, name: Second, live_from: 2026-11-01T00:00:00Z, comments: *quiet}\n"
    path.write_text(in_store("comments: &quiet {notify: true}") + second)
    config, problems = load_instance(path)
    assert not problems
    assert config is not None
    assert all(store.comments.notify for store in config.stores)


def test_a_brand_may_name_a_status_or_sku_as_it_likes(tmp_path: Path) -> None:
    path = tmp_path / "loom.yaml"
    path.write_text(in_store("stock: {buffers: {TOKEN-RING: 2}}") + "    statuses: {ignore: {no: none, 7: seven}}\n")
    config, problems = load_instance(path)
    assert not problems
    assert config is not None
    assert config.stores[0].stock.buffers == {"TOKEN-RING": Decimal(2)}
    assert config.ignored_statuses == ("7", "no")


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    (problem,) = load_instances(tmp_path / "none").problems
    assert "MAGENTO_OMS_INSTANCES_DIR" in str(problem)


def test_only_urls_take_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "loom.yaml"
    path.write_text(GOOD.replace("https://loom.example", "${LOOM_URL:-https://there.example}").replace("Loom", "${X}"))
    config, _ = load_instance(path)
    assert config is not None
    assert (str(config.url), config.name) == ("https://there.example/", "${X}")
    monkeypatch.setenv("LOOM_URL", "https://elsewhere.example")
    config, _ = load_instance(path)
    assert config is not None
    assert str(config.url) == "https://elsewhere.example/"
    path.write_text(GOOD.replace("https://loom.example", "${NOT_SET}"))
    _, (problem,) = load_instance(path)
    assert (problem.line, problem.field) == (3, "url")
    assert "NOT_SET" in str(problem)
    path.write_text(in_store("notification_url: ${EVENTS_URL:-https://there.example/events}"))
    config, _ = load_instance(path)
    assert config is not None
    assert str(config.stores[0].notification_url) == "https://there.example/events"
    path.write_text(in_store("notification_url: ${NOT_SET}"))
    _, (problem,) = load_instance(path)
    assert (problem.line, problem.field) == (9, "stores.0.notification_url")
    assert "NOT_SET" in str(problem)


def sample() -> InstanceConfig:
    """The file that a brand copies."""
    config, problems = load_instance(SAMPLE)
    assert config is not None, problems
    return config


def test_what_a_brand_copies_is_tried_in_the_shadow_first() -> None:
    assert sample().stores[0].mode is Mode.SHADOW


@given(st.permutations(["code", "name", "url", "stores", "page_size"]))
def test_the_digest_does_not_depend_on_the_order_of_the_keys(keys: list[str]) -> None:
    content = yaml.safe_load(GOOD) | {"page_size": 50}
    shuffled = InstanceConfig.model_validate({key: content[key] for key in keys})
    assert shuffled.digest == InstanceConfig.model_validate(content).digest
    assert shuffled.digest != InstanceConfig.model_validate(content | {"page_size": 51}).digest


def test_what_a_status_and_a_payment_method_mean() -> None:
    (store,) = sample().stores
    assert store.statuses.meaning("pending") is StatusMeaning.PULL
    assert store.statuses.meaning("holded") is StatusMeaning.HOLD
    assert store.statuses.meaning("canceled") is StatusMeaning.CANCELLED
    assert store.statuses.meaning("closed") is StatusMeaning.FINISHED
    assert store.statuses.meaning("packed_by_hand") is None
    assert StatusRules(ignore={"test": "x"}).meaning("test") is StatusMeaning.IGNORE
    assert store.payment.payment_kind("cashondelivery") == "cod"
    assert store.payment.payment_kind("razorpay") == "prepaid"
    assert store.payment.payment_kind("") is None
    placed = datetime(2026, 11, 23, 13, 34, tzinfo=UTC)
    assert store.required_by(placed) == placed + timedelta(days=2)


def test_shiprocket_has_its_own_default_dimensions() -> None:
    account = sample().stores[0].aggregators[0]
    assert (account.dimensions.length_cm, account.dimensions.weight_g) == (Decimal(1), Decimal(500))
    other = account.model_copy(update={"aggregator": "shipway"})
    assert other.dimensions == OTHER_DIMENSIONS
    seed = (other.dimensions.length_cm, other.dimensions.breadth_cm, other.dimensions.height_cm)
    assert seed == (Decimal(18), Decimal(12), Decimal(10))


def test_reading_the_files_loads_nothing_heavy() -> None:
    script = (
        "import sys; from pathlib import Path; from magento_oms.config.load import load_instances;"
        " load_instances(Path('instances/demo'));"
        " print(sorted({'airflow', 'sqlalchemy', 'pandas', 'requests'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, env=dict(os.environ), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
