"""Reading the instances' files: good ones, and every problem of bad ones with file, line, field and way out."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from magento_oms.config.check import check_instances, check_live
from magento_oms.config.load import ConfigProblem, load_instance, load_instances
from magento_oms.config.models import OTHER_DIMENSIONS, InstanceConfig, Mode, StatusMeaning, StatusRules
from magento_oms.config.schema import instance_schema
from magento_oms.local.supervisor import REPOSITORY
from magento_oms.ports import StoreFacts

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


@pytest.mark.parametrize(
    ("text", "line", "field", "words"),
    [
        (GOOD.replace("name: Loom\n", "naem: Loom\n", 1), 2, "naem", "Did you mean 'name'"),
        (GOOD.replace("code: loom", "code: Loom 1"), 1, "code", "pattern"),
        (GOOD.replace("https://loom.example", "loom.example"), 3, "url", "URL"),
        (GOOD.replace("    live_from: 2026-11-01T00:00:00+05:30\n", ""), 5, "stores.0.live_from", "missing"),
        (GOOD.replace("+05:30", ""), 8, "stores.0.live_from", "timezone"),
        (GOOD + "    timezone: Asia/Calcuta\n", 9, "stores.0.timezone", "Asia/Kolkata"),
        (GOOD + "    mode: dry\n", 9, "stores.0.mode", "'live' or 'shadow'"),
        (GOOD + "    statuses: {pull: {a: x}, hold: {a: y}}\n", 9, "stores.0.statuses", "two groups"),
        (GOOD + "    notification_url: http://loom.example/x\n", 9, "stores.0.notification_url", "https"),
        (GOOD + LOCATION + "        gstin: 27AAPFU0939F1ZX\n", 13, "stores.0.locations.0.gstin", "check digit"),
        (GOOD + LOCATION.replace("411001", "4110"), 12, "stores.0.locations.0.address.pincode", "pattern"),
        (GOOD + "password: hunter2\n", 9, "password", "Airflow connection"),
        (GOOD + "live_poll_seconds: 1\n", 9, "live_poll_seconds", "greater than or equal to 2"),
        (GOOD + "frequency: {order_pull: hourly}\n", 9, "frequency.order_pull", "0 * * * *"),
        ("code: [loom", 2, "", "YAML"),
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
    assert matching[0].file == "loom.yaml"
    assert matching[0].line == line


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
    (tmp_path / "same_code.yaml").write_text(GOOD)
    (tmp_path / "latin.yaml").write_bytes("name: café".encode("latin-1"))
    loaded = load_instances(tmp_path)
    assert [config.code for config in loaded.good] == ["loom"]
    assert sorted(problem.file for problem in loaded.problems) == ["bad.yaml", "latin.yaml", "same_code.yaml"]


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    (problem,) = load_instances(tmp_path / "none").problems
    assert "MAGENTO_OMS_INSTANCES_DIR" in str(problem)


def test_only_the_url_takes_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def sample() -> InstanceConfig:
    """The file that a brand copies."""
    text = (REPOSITORY / "instances" / "example.yaml.sample").read_text(encoding="utf-8")
    return InstanceConfig.model_validate(yaml.safe_load(text))


def test_what_a_brand_copies_is_valid_and_says_so_by_the_schema_too() -> None:
    config = sample()
    assert config.stores[0].mode is Mode.SHADOW
    files = [REPOSITORY / "instances" / "example.yaml.sample", *(REPOSITORY / "instances" / "demo").glob("*.yaml")]
    for path in files:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        jsonschema.validate({"url": content["url"]}, {"properties": instance_schema()["properties"]})
    dumped = config.model_dump(mode="json", exclude_none=True)
    jsonschema.validate(dumped, instance_schema())


def test_the_schema_that_editors_read_is_current() -> None:
    import json

    written = json.loads((REPOSITORY / "instances" / "schema.json").read_text(encoding="utf-8"))
    assert written == instance_schema(), "run `python -m magento_oms.config.schema`"


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


def test_what_is_unwise_is_told(tmp_path: Path) -> None:
    now = datetime(2026, 12, 2, tzinfo=UTC)
    config = sample()
    assert check_instances([config], folder=tmp_path, now=now, connection_exists=lambda name: True) == []
    (store,) = config.stores
    unwise = config.model_copy(
        update={
            "stores": (
                store.model_copy(
                    update={
                        "live_from": now - timedelta(days=900),
                        "locations": (),
                        "statuses": StatusRules(hold={}),
                        "invoice": store.invoice.model_copy(update={"logo": "none.png"}),
                        "payment": store.payment.model_copy(update={"cod": ()}),
                    }
                ),
            )
        }
    )
    found = check_instances([unwise], folder=tmp_path, now=now, connection_exists=lambda name: False)
    names = ("live_from", "locations", "statuses.hold", "invoice.logo", "payment.cod")
    assert {finding.field for finding in found} == {*(f"stores.0.{name}" for name in names), "connection_id"}
    assert all(finding.way_out for finding in found)
    twin = config.model_copy(update={"code": "twin"})
    shared = check_instances([config, twin], folder=tmp_path, now=now)
    assert {finding.field for finding in shared} == {"url", "invoice.prefix"}


def test_where_the_store_disagrees_is_told() -> None:
    facts = StoreFacts(
        version="2.4.7",
        store_views={0: "admin", 2: "hindi"},
        statuses=frozenset({"pending", "packed_by_hand"}),
        server_time=datetime(2026, 12, 2, tzinfo=UTC),
        missing_permissions=("Magento_Sales::comment",),
        clock_ahead=90.0,
    )
    found = check_live(sample(), facts)
    text = " ".join(f"{finding.message} {finding.way_out}" for finding in found)
    for words in (
        "Magento_Sales::comment",
        "no store view 1",
        "2 (hindi) is not configured",
        "packed_by_hand",
        "+90 s",
    ):
        assert words in text


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
