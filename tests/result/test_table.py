import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.result.table import from_csv, length, rows, table, table_of_rows, to_csv, types

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"))


@given(st.lists(st.tuples(st.integers(-(2**62), 2**62), FLOATS, st.booleans(), TEXT)))
def test_csv_gives_back_every_value_and_type(values: list[tuple[int, float, bool, str]]) -> None:
    columns = table(
        {
            "count": np.array([v[0] for v in values], np.int64),
            "energy_pj": np.array([v[1] for v in values], np.float64),
            "is_first": np.array([v[2] for v in values], bool),
            "op": np.array([v[3] for v in values], object),
        }
    )
    again = from_csv(to_csv(columns), types(columns))
    assert rows(again) == rows(columns)
    assert types(again) == types(columns)


def test_missing_number_is_empty_in_csv_and_nan_in_memory() -> None:
    columns = table_of_rows([{"op": "a", "sqnr_db": 1.5}, {"op": "b"}])
    assert to_csv(columns) == "op,sqnr_db\na,1.5\nb,\n"
    assert math.isnan(from_csv(to_csv(columns), types(columns))["sqnr_db"][1])


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        table({"a": [1, 2], "b": [1]})


def test_table_without_rows_keeps_its_columns() -> None:
    columns = table_of_rows([], names=("op", "count"))
    assert list(columns) == ["op", "count"]
    assert length(columns) == 0
    assert list(from_csv(to_csv(columns), types(columns))) == ["op", "count"]
