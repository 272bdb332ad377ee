"""Reproduction of the paper: counting, judging, the measured field, polynomial distances, resuming, pages, refusals."""

import json
from pathlib import Path

import numpy as np
import pytest

from numerics.errors import NumericsError
from theory import MomentTensor
from verify.errors import UsageError
from verify.progress import Silent
from verify.reproduce import reproduce
from verify.reproduce.counting import closeness, count, in_words
from verify.reproduce.figures.figure2 import images
from verify.reproduce.figures.figure5 import distance
from verify.reproduce.figures.figure6 import FIGURE_6, predicted_lines, stable_lines
from verify.reproduce.figures.smaller import _gradient
from verify.reproduce.finding import interval, majority, markdown
from verify.reproduce.setting import line, with_bias
from verify.reproduce.workspace import Workspace
from verify.verdict import Verdict


def workspace(tmp_path, progress=None):
    return Workspace.open(tmp_path, seed=0, seeds=4, quick=True, progress=progress or Silent())


def test_lines_join_opposite_orientations_and_chance_is_that_of_random_vectors():
    rng = np.random.default_rng(0)
    e = np.eye(6)
    w = np.concatenate([np.tile(e[0], (20, 1)), np.tile(-e[0], (10, 1)), np.tile(e[1], (20, 1))])
    w = w[None] + 1e-3 * rng.standard_normal((2, 50, 6))
    counts = count(w, np.ones((2, 50)), seed=0)
    orientations, lines, heavy = counts.at()
    assert orientations.tolist() == [3, 3]
    assert lines.tolist() == [2, 2]
    assert heavy.tolist() == [3, 3]
    random = count(rng.standard_normal((40, 50, 6)), np.ones((40, 50)), seed=1)
    means = random.orientations.mean(axis=1)
    # Forty draws each: the two means agree within three standard errors of their difference.
    error = 3 * np.sqrt(2 * random.orientations.var(axis=1) / 40) + 1e-12
    assert np.all(np.abs(means - random.chance[:, 0]) <= error + 0.1)


def test_closeness_knows_the_area_of_a_cap():
    near = closeness(np.eye(3)[None], np.eye(3), seed=0)
    assert (near.median, near.share) == (1.0, 1.0)
    # Three caps of cosine 0.9 on the sphere: a share (1 - 0.9)/2 each.
    assert near.chance_share == pytest.approx(0.15, abs=3 * np.sqrt(0.15 * 0.85 / 20_000))
    assert in_words(np.array([2, 2])) == "2"
    assert in_words(np.array([5, 8, 7])) == "5-8 (median 7)"


def test_a_majority_needs_enough_seeds():
    assert majority(np.ones(4, bool)) is Verdict.INCONCLUSIVE
    assert majority(np.ones(8, bool)) is Verdict.CONFIRMED
    assert majority(np.zeros(16, bool)) is Verdict.REFUTED
    assert majority(np.arange(16) % 2 == 0) is Verdict.INCONCLUSIVE
    low, high = interval(np.ones(16, bool))
    assert high == pytest.approx(1)
    assert low == pytest.approx(16 / (16 + 2.5758**2), rel=1e-4)


def test_distance_to_polynomials():
    x = np.linspace(-1, 1.5, 40)
    f = 3 * x**2 - x + 0.5
    assert distance(f, x, 2) < 1e-14
    fit = np.polynomial.Polynomial.fit(x, f, 1)
    assert distance(f, x, 1) == pytest.approx(np.linalg.norm(f - fit(x)) / np.linalg.norm(f), rel=1e-12)
    assert distance(np.stack([f, x]), x, 1)[1] < 1e-14


@pytest.mark.parametrize("setting", FIGURE_6, ids=lambda s: s.case)
def test_the_measured_field_comes_to_rest_on_the_predicted_lines(setting):
    rng = np.random.default_rng(3)
    for residual in (line().y, line().y + 0.3 * rng.standard_normal(40)):
        wanted, found = predicted_lines(setting, residual), stable_lines(setting, residual)
        assert len(wanted) == len(found)
        gap = np.abs(wanted[:, None] - found[None])
        assert np.minimum(gap, np.pi - gap).min(axis=1).max() < 1e-6
        # A wrong signal moves the lines by far more than they agree.
        shifted = stable_lines(setting, residual + 0.05 * line().x[:, 0])
        assert len(shifted) != len(wanted) or np.abs(shifted - wanted).max() > 1e-3


def test_a_wrong_power_gives_other_lines():
    setting = FIGURE_6[1]
    found = stable_lines(setting, line().y)
    wrong = MomentTensor.from_data(with_bias(line().x), line().y, 3)
    across = np.column_stack([-np.sin(found), np.cos(found)])
    force = wrong.gradient(np.column_stack([np.cos(found), np.sin(found)]))
    assert np.abs(np.sum(force * across, axis=1)).max() > 1e-3


def test_splitting_a_neuron_keeps_risk_and_gradient():
    rng = np.random.default_rng(5)
    a, w, alpha = rng.standard_normal(3), rng.standard_normal((3, 2)), np.array([0.3, -1.0, 2.0])
    x, y = rng.standard_normal((7, 2)), rng.standard_normal(7)
    risk, slope_a, slope_w = _gradient(a, w, x, y)
    again, wide_a, wide_w = _gradient(np.r_[alpha * a, (1 - alpha) * a], np.r_[w, w], x, y)
    assert again == pytest.approx(risk, rel=1e-13)
    np.testing.assert_allclose(wide_a, np.r_[slope_a, slope_a], rtol=1e-12)
    np.testing.assert_allclose(
        wide_w, np.r_[alpha[:, None] * slope_w, (1 - alpha)[:, None] * slope_w], rtol=1e-12
    )
    uneven, *_ = _gradient(np.r_[alpha * a, (1.1 - alpha) * a], np.r_[w, w], x, y)
    assert abs(uneven - risk) > 1e-3 * risk


class Counting:
    def __init__(self):
        self.stages = []

    def stage(self, label):
        self.stages.append(label)


def test_finished_pieces_are_taken_up_again_and_damaged_ones_made_anew(tmp_path):
    progress = Counting()
    work = workspace(tmp_path, progress)
    make = {"calls": 0}

    def compute():
        make["calls"] += 1
        return {"v": np.arange(3)}

    for _ in range(2):
        assert work.piece("one", {"k": 1}, compute)["v"].tolist() == [0, 1, 2]
    assert make["calls"] == 1
    work.piece("one", {"k": 2}, compute)
    assert make["calls"] == 2
    for path in (tmp_path / "reproduce" / "pieces").glob("one-*.npz"):
        path.write_bytes(b"cut off")
    work.piece("one", {"k": 1}, compute)
    assert make["calls"] == 3
    assert progress.stages == ["figure one"] * 3


def test_figures_5_and_6_and_the_page(tmp_path):
    result = reproduce(["5", "6"], out=tmp_path, seeds=8, quick=True)
    own = {(f.figure, f.case, f.dynamics): f.theory for f in result.findings}
    assert own[("5", "xtanh", "gradient flow, fixed rescaled time")] is Verdict.CONFIRMED
    assert all(v is Verdict.CONFIRMED for (figure, *_), v in own.items() if figure == "6")
    page = markdown(result)
    assert "condense reproduce 6" in page
    assert all(f.observed in page for f in result.findings)
    folder = Path(result.run_dir)
    document = json.loads((folder / "reproduction.json").read_text())
    assert len(document["findings"]) == len(result.findings)
    assert all((folder / image).is_file() for image in document["images"])


def test_bad_input_is_refused_in_one_line(tmp_path):
    with pytest.raises(UsageError, match="unknown figure '7'"):
        reproduce(["7"], out=tmp_path)
    with pytest.raises(UsageError, match="seeds is 0"):
        reproduce(["6"], out=tmp_path, seeds=0)
    with pytest.raises(NumericsError, match="no such file"):
        images(str(tmp_path / "none.npz"))
    np.savez(tmp_path / "half.npz", x=np.ones((3, 4)), y=np.array([0.5, 1, 2]))
    with pytest.raises(NumericsError, match="other labels than whole numbers"):
        images(str(tmp_path / "half.npz"))
    np.savez(tmp_path / "short.npz", x=np.ones((3, 4)), y=np.arange(2))
    with pytest.raises(NumericsError, match="one label for each image"):
        images(str(tmp_path / "short.npz"))
    with pytest.raises(UsageError, match="--data is read by the figures 2 and preprint-mnist alone"):
        reproduce(["6"], out=tmp_path, data=str(tmp_path / "short.npz"))
    assert not (tmp_path / "reproduce").exists()


def test_images_of_every_layout(tmp_path):
    rng = np.random.default_rng(0)
    pixels, labels = rng.integers(0, 256, (5, 3, 4, 4)), np.array([0, 2, 1, 1, 0])
    layouts = {
        "first": pixels,
        "last": pixels.transpose(0, 2, 3, 1),
        "flat": pixels.reshape(5, -1),
    }
    loaded = []
    for name, x in layouts.items():
        np.savez(tmp_path / f"{name}.npz", x=x, y=labels)
        loaded.append(images(str(tmp_path / f"{name}.npz")))
    assert all(each.shape == (3, 4, 4) and each.y.shape == (5, 3) for each in loaded)
    np.testing.assert_array_equal(loaded[0].x, loaded[1].x)
    np.testing.assert_array_equal(loaded[0].x, loaded[2].x)


@pytest.mark.slow
def test_every_figure_runs_quickly_and_figure_3_says_what_is_known(tmp_path):
    result = reproduce(out=tmp_path, quick=True)
    assert max(result.seconds.values()) < 120
    rows = {(f.figure, f.case, f.dynamics): f for f in result.findings}
    tanh = rows[("3", "tanh", "Adam")]
    at_09 = np.array(tanh.numbers["counts"]["orientations"])[tanh.numbers["counts"]["thresholds"].index(0.9)]
    assert np.all(at_09 == 2)
    assert np.mean(rows[("3", "xtanh", "Adam")].numbers["above_2p"]) > 0.5
