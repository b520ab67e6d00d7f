"""What credit notes take back of an invoice adds up to it, however it is cut."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magento_oms.domain.invoicing.content import DocumentType, InvoiceContent, InvoiceLine, Party
from magento_oms.domain.invoicing.credit import TooMuchCredited, credited

D = Decimal
ZERO = D(0)
SOMEBODY = Party("Somebody", ("1 Road",), "Pune", "Maharashtra", "27", "411001")
PAISE = st.integers(0, 500_000).map(lambda paise: D(paise) / 100)
FIGURES = ("discount", "taxable", "cgst", "sgst", "igst", "total")


def line(item_id: int | None, units: int, taxable: Decimal, tax: Decimal, *, inter: bool) -> InvoiceLine:
    cgst, igst = (D(0), tax) if inter else (tax, D(0))
    total = taxable + 2 * cgst + igst
    return InvoiceLine(
        item_id, "SKU", "Kurta", "6109", D(units), total / units, D("0.07"), taxable, D(5), cgst, cgst, igst, total
    )


def invoice(goods: tuple[InvoiceLine, ...], shipping: Decimal = ZERO, rounding: Decimal = ZERO) -> InvoiceContent:
    charges = (line(None, 1, shipping, D("0.01"), inter=True),) if shipping else ()
    total = sum((each.total for each in goods + charges), D(0)) + rounding
    return InvoiceContent(
        DocumentType.TAX_INVOICE, "LM2627-000001", date(2026, 11, 24), "000000001", date(2026, 11, 23), SOMEBODY,
        SOMEBODY, SOMEBODY, "Maharashtra", "27", goods, charges, rounding, total, D(0), total, total, "Prepaid",
    )  # fmt: skip


@given(
    units=st.integers(1, 7), taxable=PAISE, tax=PAISE, inter=st.booleans(), cuts=st.lists(st.integers(1, 3), max_size=7)
)
def test_parts_add_up_to_the_invoice(units: int, taxable: Decimal, tax: Decimal, inter: bool, cuts: list[int]) -> None:
    whole = invoice((line(10, units, taxable, tax, inter=inter),), shipping=D("49.50"), rounding=D("0.02"))
    before, parts = D(0), []
    for cut in cuts:
        if before + cut < units:
            parts.append(credited(whole, {10: D(cut)}, {10: before}))
            before += cut
    parts.append(credited(whole, before={10: before}))

    assert sum((part.total for part in parts), D(0)) == whole.total
    for name in FIGURES:
        assert sum((getattr(each, name) for part in parts for each in part.goods), D(0)) == whole.goods[
            0
        ].__getattribute__(name)
    for part in parts:
        for each in part.goods:
            assert each.total == each.taxable + each.cgst + each.sgst + each.igst
            assert each.cgst == each.sgst


def test_units_are_credited_without_charges_and_the_rest_once_with_them() -> None:
    whole = invoice((line(10, 2, D(100), D(5), inter=True), line(11, 1, D(50), D(1), inter=True)), shipping=D(40))
    assert credited(whole, {11: D(1)}).charges == ()
    rest = credited(whole, before={11: D(1)})
    assert [each.item_id for each in rest.goods] == [10]
    assert rest.charges == whole.charges
    assert credited(whole, before={11: D(1)}, charges_too=False).charges == ()


@pytest.mark.parametrize(
    ("units", "before"),
    [({10: D(3)}, {}), ({10: D(1)}, {10: D(2)}), ({99: D(1)}, {}), ({10: D(-1)}, {}), ({}, {}), (None, {10: D(2)})],
)
def test_more_than_there_is_is_refused(units: dict[int, Decimal] | None, before: dict[int, Decimal]) -> None:
    whole = invoice((line(10, 2, D(100), D(5), inter=True),))
    with pytest.raises(TooMuchCredited, match="invoice LM2627-000001"):
        credited(whole, units, before)
