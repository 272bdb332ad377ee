"""Training against closed forms and plain loops: times, crossings, independence of the batch, statuses."""

import numpy as np
import pytest
import torch

from numerics.data import append_bias, load
from numerics.nets import Convolution, Network
from numerics.nets.activations import from_callable
from numerics.nets.initial import initialise
from numerics.training import log_spaced, train, train_stepwise
from numerics.training.optimizers import Adam
from numerics.training.stopping import Alignment, LossFraction, RescaledTime, Status, Steps, Time

EPS = np.finfo(float).eps


def _rate(data):
    g = (data.y[:, None] * append_bias(data.x)).mean(axis=0)
    return g, float(np.linalg.norm(g))


def test_first_steps_follow_the_closed_form_of_multiplicity_one():
    # below 1e-6 the leading flow is exact to ε²; gradient descent multiplies a ± w∥ by (1 ± ηγ) each step
    data, network, steps, eta = load("sine5"), Network(5, 50), 60, 0.05
    g, gamma = _rate(data)
    parameters = initialise(network, 1e-9, 3)
    a0, w0 = network.neurons(parameters)
    result = train(network, parameters, data.x, data.y, lr=eta / gamma, stop=Steps(steps))
    a, w = network.neurons(result.parameters)
    along = w0 @ g / gamma
    plus, minus = (a0 + along) * (1 + eta) ** steps / 2, (a0 - along) * (1 - eta) ** steps / 2
    np.testing.assert_allclose(a, plus + minus, atol=1e-12 * np.abs(a).max())
    np.testing.assert_allclose(w @ g / gamma, plus - minus, atol=1e-12 * np.abs(a).max())
    np.testing.assert_allclose(w - np.multiply.outer(plus - minus - along, g / gamma), w0, atol=1e-20)
    np.testing.assert_allclose(result.times, steps * eta / gamma, rtol=1e-14)
    assert result.status == (Status.BUDGET,) * 3


def test_the_loss_fraction_is_met_at_the_predicted_horizon():
    # theory notes, section 5, with the slowness ηγ/log(1 + ηγ) of gradient descent taken out. What the
    # formula leaves out (tanh's cubic term, the turning signal) is first order in δ, so the error falls
    # tenfold for a tenth of δ, up to second order in δ and to the interpolation in a step, (2η)²/8
    data, network, eta = load("sine5"), Network(5, 50), 0.002
    g, gamma = _rate(data)
    parameters = initialise(network, 1e-6, 3)
    a0, w0 = network.neurons(parameters)
    s = (((a0 + w0 @ g / gamma) / 2) ** 2).sum(axis=1)
    kappa = np.mean((append_bias(data.x) @ g / gamma) ** 2)
    r0 = np.mean(data.y**2) / 2
    errors = []
    for delta in (1e-3, 1e-4):
        rule = [LossFraction(delta), Steps(9000)]
        result = train(network, parameters, data.x, data.y, lr=RescaledTime(eta, 1, gamma), stop=rule)
        end = (gamma - np.sqrt(gamma**2 - 2 * kappa * delta * r0)) / kappa
        horizon = np.log(end * (gamma - kappa * s) / (s * (gamma - kappa * end))) / (2 * gamma)
        errors.append(2 * gamma * (result.times - horizon * eta / np.log1p(eta)))
        assert result.status == (Status.LOSS_FRACTION,) * 3
        assert result.zero_loss == pytest.approx(r0, rel=1e-14)
        # the interpolated state: exact up to the square of the growth 2η in one step
        np.testing.assert_allclose(result.decreases, delta * r0, rtol=(2 * eta) ** 2)
        np.testing.assert_allclose(result.losses, r0 - result.decreases, rtol=1e-13)
    assert (
        np.abs(errors[0]) < 10 * 1e-3
    ).all()  # the formula is worth something only if the order-δ term is mild
    np.testing.assert_allclose(errors[0] / errors[1], 10.0, rtol=0.05)


def test_crossing_times_converge_with_the_step():
    # without interpolation inside the step the time would be off by up to η/γ, at every η
    data, network = load("sine5"), Network(5, 50)
    _, gamma = _rate(data)
    parameters = initialise(network, 1e-4, 2)
    rule = [LossFraction(0.01), Steps(40000)]
    times = [
        train(network, parameters, data.x, data.y, lr=eta / gamma, stop=rule).times
        for eta in (0.04, 0.02, 0.01)
    ]
    # first order in η: the differences halve; the interpolation contributes at second order, η = 4 %
    ratio = (times[0] - times[1]) / (times[1] - times[2])
    np.testing.assert_allclose(ratio, 2.0, rtol=0.08)


@pytest.mark.parametrize(("name", "p"), [("square", 2), ("cube", 3)])
def test_rescaled_time_walks_the_same_path_at_every_scale(name, p):
    # homogeneous σ: only the feedback ε^{p+1} tells the scales apart; lr and time run as ε^{1-p}
    data, network = load("line"), Network(1, 12, activations=name)
    results = [
        train(
            network,
            initialise(network, scale, 3),
            data.x,
            data.y,
            lr=RescaledTime(0.02, p),
            stop=Steps(100),
        )
        for scale in (1e-5, 1e-7)
    ]
    for key in network.shapes:
        one, other = (r.parameters[key] / s for r, s in zip(results, (1e-5, 1e-7), strict=True))
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(results[1].times / results[0].times, 100.0 ** (p - 1), rtol=1e-10)


def test_rescaled_time_uses_the_largest_neuron_of_the_member():
    data, network = load("line"), Network(1, 6, activations="cube")
    parameters = initialise(network, 0.01, 4)
    a, w = network.neurons(parameters)
    rho = np.sqrt(a**2 + (w**2).sum(-1)).max(axis=1)
    result = train(network, parameters, data.x, data.y, lr=RescaledTime(0.1, 3, 2.0), stop=Steps(1))
    np.testing.assert_allclose(result.times, 0.1 / (2 * rho**2), rtol=8 * EPS)


@pytest.mark.parametrize("optimizer", ["gd", "momentum", "adam"])
def test_a_member_does_not_depend_on_its_batch(optimizer):
    data, network, steps = load("sine5"), Network(5, 50), 1000
    lr = 0.01 if optimizer == "gd" else 1e-3
    options = {"lr": lr, "optimizer": optimizer, "stop": [LossFraction(0.9), Steps(steps)], "snapshots": []}
    alone = train(network, initialise(network, 0.005, [11]), data.x, data.y, **options)
    seeds = [*range(20), 11, *range(30, 60)]
    scales = np.where(np.arange(51) % 3 == 0, 0.5, 0.005)  # some with large arguments, some that stop early
    scales[20] = 0.005
    among = train(network, initialise(network, scales, seeds), data.x, data.y, **options)
    assert alone.steps[0] == among.steps[20]
    for name in network.shapes:
        one, other = alone.parameters[name][0], among.parameters[name][20]
        assert float((one - other).norm() / one.norm()) < 1e-12


def test_a_diverging_member_stops_alone():
    data, network = load("line"), Network(1, 5, activations="cube")
    parameters = initialise(network, 0.5, 3)
    alone = train(network, initialise(network, 0.5, [0]), data.x, data.y, lr=1e-3, stop=Steps(50))
    result = train(network, parameters, data.x, data.y, lr=[1e-3, 1e6, 1e-3], stop=Steps(50))
    assert result.status == (Status.BUDGET, Status.DIVERGED, Status.BUDGET)
    assert result.steps[0] == 50
    assert result.steps[1] < 50
    assert all(torch.isfinite(value).all() for value in result.parameters.values())
    assert np.isfinite(result.losses).all()
    torch.testing.assert_close(result.parameters["w1"][0], alone.parameters["w1"][0], rtol=1e-14, atol=0)


def test_time_is_reached_exactly_and_per_member():
    data, network = load("line"), Network(1, 5)
    rates = np.array([0.3, 0.07, 0.011])
    result = train(
        network, initialise(network, 0.1, 3), data.x, data.y, lr=rates, stop=[Time(1.0), Steps(1000)]
    )
    assert result.status == (Status.TIME,) * 3
    np.testing.assert_allclose(result.times, 1.0, rtol=8 * EPS)
    assert result.steps.tolist() == [4, 15, 91]


def test_alignment_stops_when_the_amplitude_is_aligned():
    data, network = load("sine5"), Network(5, 50)
    g, gamma = _rate(data)
    rule = Alignment(np.stack([g, -g]), cosine=0.95, share=0.9, every=5)
    result = train(
        network,
        initialise(network, 1e-5, 4),
        data.x,
        data.y,
        lr=RescaledTime(0.02, 1, gamma),
        stop=[rule, Steps(3000)],
        snapshots=range(0, 3001, 5),
        keep_parameters=True,
    )
    assert result.status == (Status.ALIGNED,) * 4

    def share(parameters):
        a, w = network.neurons(parameters)
        norms = np.linalg.norm(w, axis=-1)
        amplitude = np.abs(a) * norms
        return (amplitude * (np.abs(w @ g) / norms / gamma >= 0.95)).sum(-1) / amplitude.sum(-1)

    assert (share(result.parameters) >= 0.9).all()
    for member, step in enumerate(result.steps):
        before = int(np.flatnonzero(result.history.steps == step - 5)[0])
        assert share(result.history.parameters[before])[member] < 0.9


def test_snapshots_come_at_the_steps_asked_for_and_finished_members_rest():
    data, network = load("line"), Network(1, 5)
    stop = [Time(0.5), Steps(100)]
    run = train_stepwise(
        network, initialise(network, 0.1, 2), data.x, data.y, lr=[0.1, 0.01], stop=stop, snapshots=[0, 3, 20]
    )
    seen = []
    try:
        while True:
            seen.append(next(run))
    except StopIteration as end:
        result = end.value
    assert [entry.step for entry in seen] == [0, 3, 20, 50]
    assert seen[2].times.tolist() == pytest.approx([0.5, 0.2])
    assert seen[2].status == (Status.TIME, Status.RUNNING)
    torch.testing.assert_close(seen[2].parameters["a"][0], result.parameters["a"][0], rtol=0, atol=0)
    assert result.history.times.shape == (4, 2)
    np.testing.assert_array_equal(result.history.losses[0], result.initial_losses)
    steps = log_spaced(1000)
    assert steps[:3] == [0, 1, 2]
    assert steps[-1] == 1000
    assert len(steps) <= 2 + 31


def test_mini_batches_are_those_of_the_plain_loop():
    data, network, size = load("line"), Network(1, 6), 12
    parameters = initialise(network, 0.3, 2)
    result = train(network, parameters, data.x, data.y, lr=0.05, stop=Steps(9), batch_size=size, batch_seed=4)
    leaf = {name: value.clone().requires_grad_() for name, value in parameters.items()}
    generator = np.random.default_rng(np.random.SeedSequence(4))
    optimizer = torch.optim.SGD(list(leaf.values()), lr=0.05)
    order = np.array([], dtype=int)
    for _ in range(9):
        if not len(order):
            order = generator.permutation(40)
        batch, order = order[:size], order[size:]
        optimizer.zero_grad()
        f = network.forward(leaf, torch.tensor(data.x[batch]))[:, 0]
        ((f - torch.tensor(data.y[batch])).square().mean(-1) / 2).sum().backward()
        optimizer.step()
    for name in network.shapes:
        torch.testing.assert_close(result.parameters[name], leaf[name].detach(), rtol=1e-12, atol=1e-14)


def test_deep_convolutional_and_own_activations_train():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((30, 16)), rng.standard_normal((30, 2))
    own = from_callable(lambda z: z + 0.1 * z.square(), "bent")
    for network in (
        Network(16, (6, 5), outputs=2, activations=("tanh", own), upper_bias=True, output_bias=True),
        Network(16, 3, outputs=2, convolution=Convolution(1, 4, 4, 3)),
    ):
        result = train(
            network,
            initialise(network, 0.3, 2),
            x,
            y,
            lr=1e-2,
            optimizer=Adam(),
            stop=Steps(200),
            loss="huber",
        )
        assert (result.losses < 0.6 * result.initial_losses).all()
        assert (np.diff(result.history.losses[:, 0]) < 1e-3).all()


def test_single_precision_follows_double():
    data, network = load("line"), Network(1, 10)
    wide, narrow = (
        train(network, initialise(network, 0.3, 2, dtype=dtype), data.x, data.y, lr=0.05, stop=Steps(100))
        for dtype in (torch.float64, torch.float32)
    )
    assert narrow.parameters["a"].dtype == torch.float32
    bound = 40 * 100 * torch.finfo(torch.float32).eps
    difference = narrow.parameters["w1"].double() - wide.parameters["w1"]
    assert 0 < float(difference.norm() / wide.parameters["w1"].norm()) < bound


def test_progress_is_reported_and_the_input_left_alone():
    data, network = load("line"), Network(1, 4)
    parameters = initialise(network, 0.1, 2)
    before = {name: value.clone() for name, value in parameters.items()}
    calls = []
    train(
        network,
        parameters,
        data.x,
        data.y,
        lr=0.01,
        stop=Steps(250),
        progress=lambda *call: calls.append(call),
    )
    assert calls == [(0, 2), (100, 2), (200, 2)]
    assert all(torch.equal(before[name], parameters[name]) for name in before)
