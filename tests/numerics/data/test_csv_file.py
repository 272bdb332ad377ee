"""Tables as people have them: every dialect is read exactly, and where two readings fit the file is refused."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerics.data import Dataset, load
from numerics.data.csv_file import parse_csv
from numerics.errors import NumericsError

CASES = Path(__file__).parents[2] / "cases"
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")

# Every number has a fractional part of one digit, so that a decimal comma is no separator of thousands.
_numbers = st.integers(-(10**6), 10**6).map(lambda k: (10 * k + 5) / 10)
_tables = st.integers(2, 4).flatmap(
    lambda columns: st.lists(st.lists(_numbers, min_size=columns, max_size=columns), min_size=2, max_size=6)
)


@given(
    _tables,
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from([".", ","]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(ENCODINGS),
    st.integers(0, 2),
    st.integers(0, 2),
    st.booleans(),
)
def test_property_every_dialect_is_read_exactly(
    tmp_path_factory, table, delimiter, mark, end, encoding, blank, bare, spaced
):
    path = tmp_path_factory.getbasetemp() / "dialect.csv"
    header = ["größe", *(f"x{k}" for k in range(len(table[0]) - 1))]
    quote = '"' if mark == delimiter else ""
    pad = " " if spaced and not quote else ""
    rows = [[f"{pad}{quote}{str(v).replace('.', mark)}{quote}{pad}" for v in row] for row in table]
    lines = [delimiter.join(row) for row in [header, *rows]]
    lines += [delimiter * (len(header) - 1)] * bare + [""] * blank
    path.write_bytes(end.join(lines).encode(encoding))
    data = load(path)
    np.testing.assert_array_equal(np.column_stack([data.x, data.y]), np.array(table))
    assert (*data.input_names, data.target_name) == tuple(header)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x;y\n1,234;5\n2,345;6\n", "'1,234' may be 1.234 or 1234"),
        ("x;y\n1.234,5;5\n2.345,5;6\n", "separators of thousands"),
        ("x;y\n1,234,567;5\n2;6\n", "separators of thousands"),
        ("x;y\n1,5;5\n2.5;6\n", "both a comma and a point for decimals"),
        ("x,y\n1,5,2,5\n3,5,4,5\n", "line 2 has 4 fields where the header has 2: commas for decimals?"),
        ("x,y\n1,2,3\n2,3,4\n", "row names without a name? write the file with row.names=FALSE"),
        ("1,5;2,5\n3,5;4,5\n", "first line holds numbers"),
        ('x,y\n1,"2\n3,4\n', "is not a readable .csv"),
        ("x,y\n1,\n2,3\n", "column 'y', line 2: is empty"),
        (",\n,\n", "column 1 has no name"),
        ("x,\n1,2\n3,7.5\n", "column 2 has no name; give it one"),
        ("1;2\n3;4\n", "first line holds numbers"),
    ],
)
def test_what_is_no_table_or_two_is_refused_in_one_line(text, says):
    with pytest.raises(NumericsError) as error:
        parse_csv(text, "t.csv")
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_the_delimiter_by_which_the_file_is_a_table_is_taken():
    text = '"a;b",c\n"1",2\n3,4\n'
    assert parse_csv(text, "t.csv").inputs == ("a;b",)
    assert parse_csv("a,b;c\n1,2;3\n4,5;6\n", "t.csv").inputs == ("a,b",)
    text = "sep=;\na;b\n1;2\n3;4\n"
    assert parse_csv(text, "t.csv").target == "b"
    with pytest.raises(NumericsError, match="line 3: 'z' is not a number"):
        parse_csv("sep=;\na;b\n1;z\n3;4\n", "t.csv")


@pytest.mark.parametrize("start", [0, 1, 7])
@pytest.mark.parametrize("title", ["", "Unnamed: 0", '""'])
@pytest.mark.parametrize("place", [0, 1])
def test_a_nameless_column_that_counts_the_rows_is_refused(start, title, place):
    rows = [[f"{0.5 * k * k}", f"{k % 3}.5"] for k in range(6)]
    for k, row in enumerate(rows):
        row.insert(place, str(start + k))
    header = ["x", "y"]
    header.insert(place, title)
    text = "\n".join(",".join(row) for row in [header, *rows])
    with pytest.raises(NumericsError, match="and counts the rows; write the file with index=False") as error:
        parse_csv(text, "t.csv")
    assert f"column {place + 1}" in str(error.value) or title in str(error.value)
    shuffled = "\n".join(",".join(row) for row in [header, *rows[::-1]])
    with pytest.raises(NumericsError, match="whole number of its own in every row"):
        parse_csv(shuffled, "t.csv")
    left = parse_csv(text, "t.csv", drop=[title.strip('"')])
    assert left.inputs == ("x",)
    # A name makes it data: counting the rows is then what the user means.
    header[place] = "time"
    assert "time" in parse_csv("\n".join(",".join(row) for row in [header, *rows]), "t.csv").inputs


def test_shared_case_index_column():
    with pytest.raises(NumericsError, match="column 1 has no name and counts the rows"):
        load(CASES / "index-column.csv")


def test_target_and_columns_to_drop_by_name(tmp_path):
    path = tmp_path / "houses.csv"
    path.write_text("price, age ,town,income\n1.5,2,Ulm,3\n4.5,5,Bonn,6\n")
    with pytest.raises(NumericsError, match="column 'town', line 2: 'Ulm' is not a number"):
        load(path)
    data = load(path, target="price", drop=["town"])
    np.testing.assert_array_equal(data.y, [1.5, 4.5])
    np.testing.assert_array_equal(data.x, [[2, 3], [5, 6]])
    assert (data.input_names, data.target_name) == (("age", "income"), "price")
    assert data.to_json() == {
        "name": str(path), "target": "price", "inputs": ["age", "income"], "samples": 2, "outputs": 1,
    }  # fmt: skip
    for options, says in (
        ({"target": "cost"}, "target 'cost' is no column .left.; there are price, age, town, income"),
        ({"target": "price", "drop": ["price"]}, "target 'price' is no column"),
        ({"drop": ["age", "town", "income"]}, "no input is left beside the target 'price'"),
    ):
        with pytest.raises(NumericsError, match=says):
            load(path, **options)
    with pytest.raises(NumericsError, match="target 'a' names 2 columns"):
        parse_csv("a,a,b\n1,2,3\n4,5,6\n", "t.csv", target="a")
    np.savez(tmp_path / "own.npz", x=np.ones((3, 2)), y=np.arange(3.0))
    for spec in ("line", tmp_path / "own.npz"):
        with pytest.raises(NumericsError, match="target is about a .csv with a header"):
            load(spec, target="y")


def test_names_follow_the_data():
    data = Dataset("d", np.array([[1.0, 5.0], [2.0, 7.0]]), np.array([1.0, 2.0]), ("u", "v"), "t")
    assert data.standardized().input_names == ("u", "v")
    assert Dataset("d", data.x, data.y).input_names == ("x1", "x2")
    with pytest.raises(NumericsError, match="1 names for 2 inputs"):
        Dataset("d", data.x, data.y, ("u",))


def test_a_delimiter_at_the_end_of_every_line_is_no_column():
    table = parse_csv("x,y,\n1,2,\n3,4,\n", "t.csv")
    assert (table.inputs, table.target) == (("x",), "y")
