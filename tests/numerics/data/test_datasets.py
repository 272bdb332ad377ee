"""Data sets: the embedded ones against their definitions, generators, one clear line for every bad file."""

import numpy as np
import pytest
import torch

from numerics.data import EMBEDDED, Dataset, append_bias, load
from numerics.data import generators as targets
from numerics.errors import NumericsError


def test_embedded_sets_are_what_the_interface_says():
    line = load("line")
    assert line.x.shape == (40, 1)
    assert line.x[0] == -1.0
    assert line.x[-1] == 1.5
    np.testing.assert_array_equal(line.y, np.sin(3 * line.x[:, 0]) + np.sin(6 * line.x[:, 0]) / 2)
    sine = load("sine5")
    assert sine.x.shape == (80, 5)
    assert sine.x.min() >= -4
    assert sine.x.max() <= 2
    witness = sum(3.5 * np.sin(5 * sine.x[:, k] + 1) for k in range(5))
    np.testing.assert_allclose(sine.y, witness, rtol=0, atol=5 * 3.5 * 20 * np.finfo(float).eps)
    xor = load("xor")
    assert sorted(zip(xor.x.prod(axis=1), xor.y, strict=True)) == [(-1, -1), (-1, -1), (1, 1), (1, 1)]


def test_digits_are_standardised_images_of_two_classes():
    digits = load("digits")
    assert set(digits.y) == {-1.0, 1.0}
    # a mean of n terms of size at most √n carries n · eps · √n at the very most
    bound = len(digits.y) ** 1.5 * np.finfo(float).eps
    assert np.abs(digits.x.mean(axis=0)).max() <= bound
    np.testing.assert_allclose(digits.x.std(axis=0), 1, atol=bound)


def test_shipped_draw_is_the_generators():
    x, y = targets.sines(5)
    sine = load("sine5")
    np.testing.assert_array_equal(sine.x, x)
    np.testing.assert_allclose(sine.y, y, rtol=0, atol=5 * 3.5 * 20 * np.finfo(float).eps)


def test_user_files_are_read_exactly(tmp_path):
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((7, 2)), rng.standard_normal(7)
    np.savez(tmp_path / "own.npz", x=x, y=y)
    rows = "\n".join(",".join(map(repr, [*row.tolist(), float(t)])) for row, t in zip(x, y, strict=True))
    (tmp_path / "own.csv").write_text("﻿height, weight ,answer\n" + rows + "\n\n", encoding="utf-8")
    for name in ("own.npz", "own.csv"):
        data = load(tmp_path / name)
        np.testing.assert_array_equal(data.x, x)
        np.testing.assert_array_equal(data.y, y)
    scaled = load(tmp_path / "own.csv", standardize=True)
    np.testing.assert_allclose(scaled.x.std(axis=0), 1, rtol=1e-14)
    np.testing.assert_array_equal(scaled.y, y)


BAD_CSV = {
    "x,y\n1,2\n": r"at least 2",
    "x,y\n1,2\n3,nan\n": r"y holds nan at row 2",
    "x,y\n1,2\ninf,3\n": r"x holds inf at row 2, column 1",
    "x,y\n": r"has 0 row\(s\)",
    " \n": r"is empty",
    "x,y\n1,2\nred,3\n": r"column 'x', line 3: 'red' is not a number",
    "1,2\n3,4\n": r"first line holds numbers",
    "y\n1\n2\n": r"one column",
    "x,y\n1,2\n3\n": r"line 3 has 1 fields",
    "": r"is empty",
}


@pytest.mark.parametrize("text", BAD_CSV)
def test_bad_csv_is_refused_with_one_line(tmp_path, text):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(NumericsError, match=BAD_CSV[text]) as error:
        load(path)
    assert "\n" not in str(error.value)


def test_other_bad_files_are_refused_with_one_line(tmp_path):
    np.savez(tmp_path / "lonely.npz", x=np.ones((3, 2)))
    np.savez(tmp_path / "pickled.npz", x=np.array([{}, {}], dtype=object), y=np.ones(2))
    np.savez(tmp_path / "words.npz", x=np.array([["a"], ["b"]]), y=np.arange(2.0))
    np.savez(tmp_path / "long.npz", x=np.ones((3, 2)), y=np.arange(4.0))
    np.savez(tmp_path / "deep.npz", x=np.ones((3, 2, 2)), y=np.arange(3.0))
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 not a zip")
    expected = {
        "lonely.npz": "array 'y' is missing",
        "pickled.npz": "array 'x' holds Python objects, which are pickled and never loaded",
        "words.npz": "dtype <U1",
        "long.npz": "x has 3 rows and y 4",
        "deep.npz": r"x must be \(n, d\)",
        "broken.npz": "is a zip archive that is cut off or damaged",
        "missing.csv": "no such file",
    }
    for name, message in expected.items():
        with pytest.raises(NumericsError, match=message) as error:
            load(tmp_path / name)
        assert "\n" not in str(error.value)
    with pytest.raises(NumericsError, match="line, sine5, xor, digits"):
        load("nonsense")
    with pytest.raises(NumericsError, match=r"x is of type list; accepted: numpy.asarray\(x, dtype=float\)"):
        Dataset("d", [[1.0], [2.0]], np.ones(2))
    with pytest.raises(NumericsError, match="cannot be read"):
        load("n" * 300 + ".csv")
    assert set(EMBEDDED) == {"line", "sine5", "xor", "digits"}


def test_constant_targets_and_one_output_as_a_column_are_data(tmp_path):
    """A constant y has moments like any other; whether they vanish is for theory to say."""
    constant = Dataset("d", np.array([[1.0], [2.0]]), np.zeros(2))
    assert repr(constant) == "Dataset('d': 2 samples, 1 inputs, 1 outputs)"
    np.savez(tmp_path / "column.npz", x=np.arange(3.0), y=np.ones((3, 1)))
    data = load(tmp_path / "column.npz")
    assert (data.x.shape, data.y.shape, data.outputs) == ((3, 1), (3,), 1)


def test_bias_column_and_constant_inputs():
    np.testing.assert_array_equal(append_bias(np.zeros((2, 1))), [[0, 1], [0, 1]])
    with pytest.raises(NumericsError, match="input column 2 never varies"):
        Dataset("d", np.array([[1.0, 5.0], [2.0, 5.0]]), np.array([1.0, 2.0])).standardized()


def test_foreign_formats_are_named_and_no_advice_to_unpickle_is_passed_on(tmp_path):
    import pickle

    (tmp_path / "pickle.npz").write_bytes(pickle.dumps({"x": [1, 2], "y": [1, 2]}))
    np.savez(tmp_path / "objects.npz", x=np.array([{}, {}], dtype=object), y=np.ones(2))
    with open(tmp_path / "npy.npz", "wb") as file:
        np.save(file, np.ones(3))
    (tmp_path / "words.npz").write_text("x, y\n1, 2\n")
    (tmp_path / "noise.npz").write_bytes(bytes(range(256)))
    (tmp_path / "nothing.npz").touch()
    np.savez(tmp_path / "empty_archive.npz")
    np.savez(tmp_path / "flipped.npz", x=np.ones((50, 2)), y=np.arange(50.0))
    stored = bytearray((tmp_path / "flipped.npz").read_bytes())
    stored[300] ^= 0xFF  # within x: the checksum of the archive tells
    (tmp_path / "flipped.npz").write_bytes(stored)
    torch.save({"x": torch.ones(3, 2)}, tmp_path / "torch.npz")
    for folder in ("folder.npz", "folder"):
        (tmp_path / folder).mkdir()
    (tmp_path / "latin.csv").write_bytes("größe,y\n1,2\n3,4\n".encode("latin-1"))
    (tmp_path / "long.csv").write_text("a,y\n" + "9" * 200_000 + ",2\n3,4\n")
    (tmp_path / "grouped.csv").write_text("a,y\n1_000,1\n2,3\n")
    (tmp_path / "spaces.csv").write_text("a y\n1.5 2\n3.5 4\n")
    expected = {
        "pickle.npz": r"is a pickle \(never loaded\), not an .npz archive; save it with numpy.savez",
        "objects.npz": "array 'x' holds Python objects, which are pickled and never loaded",
        "npy.npz": r"is a single NumPy array \(.npy\), not an .npz archive",
        "words.npz": "is plain text, not an .npz archive",
        "noise.npz": "is of no format known here, not an .npz archive",
        "nothing.npz": "is empty",
        "empty_archive.npz": "array 'x' is missing .found: nothing.; needed are x and y",
        "flipped.npz": "is a damaged .npz archive",
        "torch.npz": "is a file saved by torch, not an .npz archive",
        "folder.npz": "is a directory",
        "folder": "is a directory",
        "latin.csv": "not a .csv of UTF-8 text",
        "long.csv": "is not a readable .csv",
        "grouped.csv": "'1_000' is not a number",
        "spaces.csv": "separated by commas, semicolons or tabs",
    }
    for name, message in expected.items():
        with pytest.raises(NumericsError, match=message) as error:
            load(tmp_path / name)
        assert "\n" not in str(error.value)
        assert "allow_pickle" not in str(error.value)


@pytest.mark.parametrize(
    "build",
    [
        lambda: targets.line(0),
        lambda: targets.sines(-1),
        lambda: targets.sines(1.5),
        lambda: targets.sines(1, n=0),
        lambda: targets.sines(1, frequency=float("nan")),
        lambda: targets.sines(1, amplitude="high"),
    ],
)
def test_generators_refuse_what_is_no_number_of_samples_or_no_seed(build):
    with pytest.raises(NumericsError, match="must"):
        build()
