"""What an error of the database says."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError

from magento_oms.storage.database import engine


def test_an_error_does_not_carry_the_values(oms_database: str) -> None:
    with engine(oms_database).connect() as connection, pytest.raises(DataError) as error:
        connection.execute(text("select cast(1 as numeric(1,0)) * 100 * cast(:n as int) from inbox where :who = 'x'"
                                " union all select 1 / 0 where :who <> ''"), {"n": 1, "who": "Asha Rao"})  # fmt: skip

    assert "Asha" not in str(error.value)
