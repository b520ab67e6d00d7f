"""Cron expressions and GSTINs: what is let in and what is not."""

from __future__ import annotations

import pytest
from airflow.sdk import timezone
from airflow.timetables.base import TimeRestriction
from airflow.timetables.interval import CronDataIntervalTimetable
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import luhn

from magento_oms.config import cron
from magento_oms.domain import gstin


def field(low: int, high: int) -> st.SearchStrategy[str]:
    """One field of a cron expression, often just outside of what it may be."""
    number = st.integers(low - 1, high + 2).map(str)
    steps = st.sampled_from(["", "", "/2", "/15", "/0"])
    spans = st.one_of(st.just("*"), number, st.tuples(number, number).map("-".join))
    part = st.tuples(spans, steps).map("".join)
    return st.lists(part, min_size=1, max_size=2).map(",".join)


EXPRESSIONS = st.tuples(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7)).map(" ".join)


@settings(deadline=None)
@given(EXPRESSIONS)
def test_a_cron_expression_that_is_let_in_has_a_next_time_in_airflow(expression: str) -> None:
    if cron.what_is_wrong(expression) is None:
        timetable = CronDataIntervalTimetable(expression, timezone="UTC")
        timetable.validate()
        start = timezone.parse("2026-11-23T00:00:00Z")
        restriction = TimeRestriction(earliest=start, latest=None, catchup=True)
        run = timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
        assert run is not None
        assert run.data_interval is not None
        assert run.data_interval.start >= start


@pytest.mark.parametrize(
    "expression",
    ["0 * * * *", "*/5 * * * *", "15,45 8-20/2 * * mon-fri", "0 0 29 2 *", "0 0 1 jan,jul 0", "5/10 * * * *"],
)
def test_what_people_write_is_let_in(expression: str) -> None:
    assert cron.what_is_wrong(expression) is None


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("@hourly", "five fields, not 1"),
        ("* * * * * *", "five fields, not 6"),
        ("60 * * * *", "'60' is no minute (0 to 59)"),
        ("0 24 * * *", "'24' is no hour"),
        ("0 0 0 * *", "day of the month"),
        ("0 0 * foo *", "month"),
        ("0 0 * * 8", "day of the week"),
        ("0 20-8 * * *", "'20-8' is no hour"),
        ("*/0 * * * *", "minute"),
        ("0 0 30 2 *", "never run"),
        ("0 0 31 4,6 *", "never run"),
    ],
)
def test_a_cron_expression_that_would_not_run_is_refused_in_words(expression: str, words: str) -> None:
    assert words in (cron.what_is_wrong(expression) or "")


def registered(state: str) -> str:
    """A GSTIN of that state code, with its check digit."""
    bare = f"{state}AAPFU0939F1Z"
    return bare + luhn.calc_check_digit(bare, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")


@pytest.mark.parametrize("number", range(1, 39))
def test_every_state_has_gstins_that_are_let_in(number: int) -> None:
    whole = registered(f"{number:02}")
    assert gstin.compact(f" {whole[:2]} {whole[2:].lower()} ") == whole
    assert gstin.is_registered_in(whole, gstin.state_of(whole))


@pytest.mark.parametrize(
    "number", ["", "27", "27AAPFU0939F1ZX", "00AAPFU0939F1ZV", "38AAPFU0939F1Z!", "38aapfu0939f0z1"]
)
def test_what_is_no_gstin_is_refused(number: str) -> None:
    assert gstin.compact(number) is None
    wrong_digit = registered("38")[:-1]
    right = registered("38")[-1]
    assert gstin.compact(wrong_digit + ("A" if right != "A" else "B")) is None


@pytest.mark.parametrize(
    ("state", "spelling"),
    [
        ("27", "MAHARASHTRA"),
        ("21", "Orissa"),
        ("01", "Jammu & Kashmir"),
        ("07", "NCT of Delhi"),
        ("26", "Dadra & Nagar Haveli and Daman & Diu"),
        ("34", "Pondicherry"),
        ("33", "TamilNadu"),
        ("35", "Andaman and Nicobar Islands"),
    ],
)
def test_states_are_known_however_they_are_spelt(state: str, spelling: str) -> None:
    assert gstin.is_registered_in(registered(state), spelling)
    assert not gstin.is_registered_in(registered("29"), spelling)
