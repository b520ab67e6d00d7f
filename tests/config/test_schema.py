"""Editors' JSON schema: it lets in what the product lets in, and is current."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from magento_oms.config.load import load_instance
from magento_oms.config.models import InstanceConfig
from magento_oms.config.schema import instance_schema, write_schema

INSTANCES = Path(__file__).parents[2] / "instances"
VALIDATOR = jsonschema.Draft202012Validator(instance_schema())
FILES = [INSTANCES / "example.yaml.sample", *sorted((INSTANCES / "demo").glob("*.yaml"))]


class TextTimes(yaml.SafeLoader):
    """Reads times as text, as editors do."""


TextTimes.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

# Right and wrong values for any place: what pydantic would rather kindly take for another type is among them.
ODD = st.sampled_from(
    [None, True, 0, 1, -1, 2.5, "1", "", "x", "true", "2026-11-01", "20261101", [], ["x"], {}, {"a": "b"}]
)
CODES = st.from_regex(r"[a-z][a-z0-9_]{1,8}", fullmatch=True)
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=20)
GROUPS = st.dictionaries(st.sampled_from(["new", "packed_by_hand", "7", "no"]), NAMES, max_size=2)


def sometimes_odd(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly a good value."""
    return st.one_of(good, good, good, good, good, good, ODD)


def fields(wanted: dict[str, st.SearchStrategy[Any]], more: dict[str, st.SearchStrategy[Any]]) -> Any:
    """A mapping, mostly good, with any of the fields that may be left out."""
    return sometimes_odd(
        st.fixed_dictionaries(
            {name: sometimes_odd(value) for name, value in wanted.items()},
            optional={name: sometimes_odd(value) for name, value in more.items()},
        )
    )


NUMBERS = st.one_of(st.integers(0, 50), st.floats(0, 50), st.sampled_from(["1.5", "2"]))
SIZE = fields(dict.fromkeys(("length_cm", "breadth_cm", "height_cm", "weight_g"), NUMBERS), {})
ADDRESS = fields(
    {
        "lines": st.lists(NAMES, min_size=1, max_size=4),
        "city": NAMES,
        "state": st.sampled_from(["Maharashtra", "Kerala"]),
        "pincode": st.just("411001"),
    },
    {"country": st.just("IN")},
)
LOCATION = fields(
    {"code": CODES, "name": NAMES, "address": ADDRESS},
    {"gstin": st.just("27AAPFU0939F1ZV"), "msi_source": NAMES, "priority": st.integers(0, 5)},
)
ACCOUNT = fields(
    {"aggregator": st.sampled_from(["shiprocket", "eshipz"]), "account": CODES, "connection_id": CODES},
    {"default_dimensions": SIZE},
)
STORE = fields(
    {
        "store_id": st.integers(0, 3),
        "code": CODES,
        "name": NAMES,
        "live_from": st.sampled_from(["2026-11-01T00:00:00+05:30", "2026-11-01 10:00:00Z", "2026-11-01T00:00:00"]),
    },
    {
        "mode": st.sampled_from(["live", "shadow"]),
        "timezone": st.sampled_from(["Asia/Kolkata", "UTC"]),
        "statuses": fields({}, {"ignore": GROUPS}),
        "payment": fields({}, {"cod": st.lists(CODES, max_size=2), "prepaid": st.just(["*"])}),
        "invoice": fields({}, {"prefix": st.just("LM"), "logo": st.just("loom.png")}),
        "locations": st.lists(LOCATION, max_size=2),
        "stock": fields({}, {"buffer": NUMBERS, "buffers": st.dictionaries(NAMES, NUMBERS, max_size=2)}),
        "aggregators": st.lists(ACCOUNT, max_size=2),
        "notification_url": st.just("https://loom.example/events"),
        "comments": fields({}, {"notify": st.booleans(), "visible_on_front": st.booleans()}),
        "sla_days": st.integers(0, 10),
    },
)
INSTANCE = st.fixed_dictionaries(
    {
        "code": CODES,
        "name": sometimes_odd(NAMES),
        "url": st.just("https://loom.example"),
        "stores": st.lists(STORE, min_size=1, max_size=2),
    },
    optional={
        "connection_id": sometimes_odd(CODES),
        "live_poll_seconds": sometimes_odd(NUMBERS),
        "page_size": sometimes_odd(st.integers(1, 300)),
        "settle_delay_seconds": sometimes_odd(NUMBERS),
        "request_budget": fields({}, {"per_second": NUMBERS, "burst": NUMBERS}),
        "acknowledgement": fields({}, {"strategy": st.sampled_from(["auto", "entity"]), "comment": NAMES}),
        "frequency": fields({}, {"order_pull": st.just("*/5 * * * *")}),
    },
)


@settings(max_examples=200, deadline=None)
@given(INSTANCE)
def test_what_the_product_lets_in_the_schema_lets_in(content: dict[str, Any]) -> None:
    try:
        config = InstanceConfig.model_validate(content)
    except ValidationError:
        return
    VALIDATOR.validate(content)
    VALIDATOR.validate(config.model_dump(mode="json", exclude_none=True))


@settings(max_examples=100, deadline=None)
@given(INSTANCE)
def test_a_file_says_what_was_written_into_it(content: dict[str, Any]) -> None:
    try:
        config = InstanceConfig.model_validate(content)
    except ValidationError:
        config = None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "loom.yaml"
        path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
        read, problems = load_instance(path)
        assert read == config
        assert (read is None) == bool(problems)
        if config is None:
            assert all(problem.line and problem.message and problem.way_out for problem in problems)
            return
        path.write_text(yaml.safe_dump(config.model_dump(mode="json"), allow_unicode=True), encoding="utf-8")
        again, problems = load_instance(path)
    assert not problems
    assert again is not None
    assert again.digest == config.digest


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_files_that_we_ship_are_valid_for_both_and_name_the_schema(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = text.splitlines()[0].partition("$schema=")[2]
    assert (path.parent / named).resolve() == INSTANCES / "schema.json"
    VALIDATOR.validate(yaml.load(text, Loader=TextTimes))  # noqa: S506  (a safe loader)
    config, problems = load_instance(path)
    assert config is not None, problems


@pytest.mark.parametrize(
    "change",
    [
        {"naem": "x"},
        {"page_size": 301},
        {"page_size": "100"},
        {"url": "loom.example"},
        {"stores": []},
        {"code": "Loom 1"},
        {"connection_id": ""},
    ],
)
def test_editors_see_what_is_wrong(change: dict[str, Any]) -> None:
    store = {"store_id": 1, "code": "default", "name": "Loom", "live_from": "2026-11-01T00:00:00Z"}
    good: dict[str, Any] = {"code": "loom", "name": "Loom", "url": "https://loom.example", "stores": [store]}
    assert VALIDATOR.is_valid(good)
    assert not VALIDATOR.is_valid(good | change)
    assert not VALIDATOR.is_valid(good | {"stores": [store | {"live_from": "20261101"}]})


def test_the_schema_that_editors_read_is_current(tmp_path: Path) -> None:
    write_schema(tmp_path / "schema.json")
    written = (INSTANCES / "schema.json").read_text(encoding="utf-8")
    assert json.loads(written) == instance_schema(), "run `python -m magento_oms.config.schema`"
    assert written == (tmp_path / "schema.json").read_text(encoding="utf-8")
