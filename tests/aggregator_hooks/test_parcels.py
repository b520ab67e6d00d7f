"""What every courier wants of a parcel."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator_hooks import parcels
from magento_oms.ports import BadParcel, ParcelItem, PostalAddress

D = Decimal


def address(*lines: str) -> PostalAddress:
    return PostalAddress("Asha Rao", lines, "Nashik", "Maharashtra", "422001", "9800000001")


@pytest.mark.parametrize(
    "written",
    ["9800000001", "+91 98000 00001", "0091-9800000001", "098000 00001", "(+91) 9800-000-001", "919800000001"],
)
def test_a_phone_is_ten_digits_however_it_is_written(written: str) -> None:
    assert parcels.mobile(written) == "9800000001"


@pytest.mark.parametrize(
    "written", ["", "980000000", "98000000012", "5800000001", "+1 415 555 2671", "abc", "022 2345 6789"]
)
def test_what_is_no_indian_mobile_is_refused_without_showing_it(written: str) -> None:
    with pytest.raises(ValueError, match=r"is no|is not|has \d+ digits") as refusal:
        parcels.mobile(written)

    assert not written or written not in str(refusal.value)


words = st.text(
    st.characters(codec="utf-8", exclude_categories=["Z", "C"], exclude_characters=","), min_size=1, max_size=90
)


@given(st.lists(words, min_size=1, max_size=12), st.integers(20, 60), st.integers(20, 60))
def test_an_address_is_split_over_lines_and_never_cut(parts: list[str], first: int, second: int) -> None:
    whole = "".join(parts)
    lines: list[str] = []
    with contextlib.suppress(BadParcel):
        lines = parcels.address_lines(address(*parts), first, second)
    if not lines:
        assert len(whole) + 2 * len(parts) > second
        return

    assert [len(line) <= limit for line, limit in zip(lines, (first, second), strict=True)] == [True, True]
    assert "".join(lines).replace(" ", "").replace(",", "") == whole


items = st.builds(
    ParcelItem,
    sku=st.sampled_from(["A", "B", "C"]),
    name=st.just("Thing"),
    quantity=st.integers(1, 9),
    unit_price=st.decimals(0, 9999, places=2),
    discount=st.decimals(0, 99, places=2),
)


@given(st.lists(items, min_size=1, max_size=8))
def test_merging_by_sku_keeps_units_and_money(given_items: list[ParcelItem]) -> None:
    merged = parcels.merged_by_sku(given_items)

    def total(of: list[ParcelItem]) -> tuple[int, Decimal, Decimal]:
        money = sum((item.unit_price * item.quantity for item in of), D(0))
        return sum(item.quantity for item in of), money.quantize(D("0.000001")), sum((i.discount for i in of), D(0))

    assert len({item.sku for item in merged}) == len(merged)
    assert total(merged) == total(given_items)


@pytest.mark.parametrize(
    ("told", "moment"),
    [
        ("2026-11-23 10:00:00", datetime(2026, 11, 23, 4, 30, tzinfo=UTC)),
        ("23 11 2026 10:00:00", datetime(2026, 11, 23, 4, 30, tzinfo=UTC)),
        ("2026-11-23T10:00:00+00:00", datetime(2026, 11, 23, 10, 0, tzinfo=UTC)),
        ("1970-01-01 05:30:00", None),
        ("0000-00-00 00:00:00", None),
        ("", None),
        ("soon", None),
    ],
)
def test_times_are_indian_unless_they_say_otherwise(told: str, moment: datetime | None) -> None:
    assert parcels.from_indian(told, "%d %m %Y %H:%M:%S") == moment


def test_units() -> None:
    assert parcels.kilograms(D(350)) == D("0.350")
    assert parcels.whole(D("10.4")) == 11
    assert parcels.whole(D("0.2"), at_least=1) == 1
    assert parcels.rupees(D("10.005")) == D("10.01")
    assert parcels.names(address("x")) == ("Asha", "Rao")
