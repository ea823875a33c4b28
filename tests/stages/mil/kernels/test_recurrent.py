"""Recurrent layers, against torch's where it has the same layer, and step by step in numpy where not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from edgesmith import UserError
from edgesmith_stages.mil.call import Kernel
from edgesmith_stages.mil.kernels.recurrent import gru, lstm, rnn

from .calls import run

STEPS, BATCH, INPUTS, HIDDEN = 4, 2, 3, 5


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed + sum(shape)).normal(size=shape)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def hard(x: np.ndarray) -> np.ndarray:
    return np.clip(0.2 * x + 0.5, 0, 1)


def gates(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    shapes = {"weight_ih": (count * HIDDEN, INPUTS), "weight_hh": (count * HIDDEN, HIDDEN), "bias": (count * HIDDEN,)}
    return {name: numbers(*shape, seed=seed) for name, shape in shapes.items()}


def loaded(layer: torch.nn.RNNBase, suffix: str, order: list[int], given: dict[str, np.ndarray]) -> None:
    """Put gates into a layer of torch's, which has them in another order; torch's second bias is zero."""
    for name in ("weight_ih", "weight_hh", "bias_ih"):
        parts = np.split(given["bias" if name == "bias_ih" else name], len(order))
        getattr(layer, f"{name}_l0{suffix}").data = torch.from_numpy(np.concatenate([parts[at] for at in order]))
    getattr(layer, f"bias_hh_l0{suffix}").data.zero_()


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("sequence", [True, False])
def test_rnn(direction: str, sequence: bool) -> None:
    """reverse gives the outputs in the order in which it makes them, the last step of x first."""
    x, start, weights = numbers(STEPS, BATCH, INPUTS), numbers(BATCH, HIDDEN), gates(1)
    layer = torch.nn.RNN(INPUTS, HIDDEN, dtype=torch.float64)
    loaded(layer, "", [0], weights)
    turned = torch.from_numpy(x if direction == "forward" else x[::-1].copy())
    with torch.no_grad():
        expected, last = layer(turned, torch.from_numpy(start)[None])
    given = {"direction": direction, "output_sequence": sequence, "compute": torch.float64}
    outputs, hidden = run(rnn, x=x, initial_h=start, **weights, **given)
    torch.testing.assert_close(outputs, expected if sequence else expected[-1:])
    torch.testing.assert_close(hidden, last[0])


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "sigmoid_hard", "linear", "scaled_tanh"])
def test_activations(activation: str) -> None:
    does = {"relu": lambda v: np.maximum(v, 0), "sigmoid": sigmoid, "sigmoid_hard": hard, "linear": lambda v: v}
    x, start, weights = numbers(1, BATCH, INPUTS), numbers(BATCH, HIDDEN), gates(1)
    expected = does.get(activation, np.tanh)(
        x[0] @ weights["weight_ih"].T + weights["bias"] + start @ weights["weight_hh"].T
    )
    given = {"x": x, "initial_h": start, "activation": activation, "compute": torch.float64}
    np.testing.assert_allclose(run(rnn, **given, **weights)[1].numpy(), expected, atol=1e-12)


def test_an_unknown_activation_is_named() -> None:
    with pytest.raises(UserError, match=r"unknown activation 'tan'; did you mean 'tanh'"):
        run(rnn, x=numbers(1, 1, INPUTS), initial_h=numbers(1, HIDDEN), activation="tan", **gates(1))


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("bias", [True, False])
def test_gru_resets_before_the_matrix(direction: str, bias: bool) -> None:
    """As Core ML does: coremltools' own tests have this formula, though the reference's has the product first."""
    x, start, weights = numbers(STEPS, BATCH, INPUTS), numbers(BATCH, HIDDEN), gates(3)
    in_r, in_o, in_z = np.split(weights["weight_ih"], 3)
    to_r, to_o, to_z = np.split(weights["weight_hh"], 3)
    b_r, b_o, b_z = np.split(weights["bias"] * bias, 3)
    hidden, expected = start, []
    for step in x if direction == "forward" else x[::-1]:
        reset = sigmoid(step @ in_r.T + hidden @ to_r.T + b_r)
        update = sigmoid(step @ in_z.T + hidden @ to_z.T + b_z)
        new = np.tanh(step @ in_o.T + (reset * hidden) @ to_o.T + b_o)
        hidden = (1 - update) * new + update * hidden
        expected.append(hidden)
    if not bias:
        del weights["bias"]
    given = {"direction": direction, "output_sequence": True, "compute": torch.float64}
    outputs, last = run(gru, x=x, initial_h=start, **weights, **given)
    np.testing.assert_allclose(outputs.numpy(), expected, atol=1e-12)
    np.testing.assert_allclose(last.numpy(), hidden, atol=1e-12)


def test_gru_with_reset_after_is_that_of_torch() -> None:
    x, start, weights = numbers(STEPS, BATCH, INPUTS), numbers(BATCH, HIDDEN), gates(3)
    inner = numbers(3 * HIDDEN, seed=9)
    layer = torch.nn.GRU(INPUTS, HIDDEN, dtype=torch.float64)
    loaded(layer, "", [0, 2, 1], weights)
    layer.bias_hh_l0.data = torch.from_numpy(np.concatenate([np.split(inner, 3)[at] for at in (0, 2, 1)]))
    with torch.no_grad():
        expected, last = layer(torch.from_numpy(x), torch.from_numpy(start)[None])
    weights |= {"input_bias": weights["bias"], "bias": inner}
    given = {"reset_after": True, "output_sequence": True, "compute": torch.float64}
    outputs, hidden = run(gru, x=x, initial_h=start, **weights, **given)
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(hidden, last[0])


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("sequence", [True, False])
def test_lstm(direction: str, sequence: bool) -> None:
    x, starts, weights = numbers(STEPS, BATCH, INPUTS), numbers(2, BATCH, HIDDEN), gates(4)
    layer = torch.nn.LSTM(INPUTS, HIDDEN, dtype=torch.float64)
    loaded(layer, "", [0, 1, 3, 2], weights)
    turned = torch.from_numpy(x if direction == "forward" else x[::-1].copy())
    with torch.no_grad():
        expected, (last, cell) = layer(turned, tuple(torch.from_numpy(starts)[:, None]))
    given = {"direction": direction, "output_sequence": sequence, "compute": torch.float64}
    found = run(lstm, x=x, initial_h=starts[0], initial_c=starts[1], **weights, **given)
    for ours, theirs in zip(found, (expected if sequence else expected[-1:], last[0], cell[0]), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("sequence", [True, False])
def test_bidirectional_lstm(sequence: bool) -> None:
    """The back half is in the order of x; without the sequence, each half gives the last step that it made."""
    x, starts = numbers(STEPS, BATCH, INPUTS), numbers(4, BATCH, HIDDEN)
    ahead, back = gates(4), gates(4, seed=1)
    layer = torch.nn.LSTM(INPUTS, HIDDEN, bidirectional=True, dtype=torch.float64)
    loaded(layer, "", [0, 1, 3, 2], ahead)
    loaded(layer, "_reverse", [0, 1, 3, 2], back)
    with torch.no_grad():
        expected, (last, cell) = layer(torch.from_numpy(x), tuple(torch.from_numpy(starts).chunk(2)))
    side_by_side = [np.concatenate(pair, axis=-1) for pair in (starts[:2], starts[2:])]
    given: dict[str, Any] = {"direction": "bidirectional", "output_sequence": sequence, "compute": torch.float64}
    weights = ahead | {f"{name}_back": one for name, one in back.items()}
    outputs, hidden, cells = run(lstm, x=x, initial_h=side_by_side[0], initial_c=side_by_side[1], **weights, **given)
    torch.testing.assert_close(hidden, torch.cat(list(last), dim=-1))
    torch.testing.assert_close(cells, torch.cat(list(cell), dim=-1))
    torch.testing.assert_close(outputs, expected if sequence else hidden[None])


@pytest.mark.parametrize("clip", [0.2, 50.0])
def test_lstm_with_peepholes_and_a_clipped_cell(clip: float) -> None:
    """The input and forget gates see the old cell, the output gate the new one, clipped already."""
    x, weights, peephole = numbers(STEPS, BATCH, INPUTS), gates(4), numbers(3 * HIDDEN, seed=3)
    peep_i, peep_f, peep_o = np.split(peephole, 3)
    hidden = cell = np.zeros((BATCH, HIDDEN))
    for step in x:
        sums = step @ weights["weight_ih"].T + hidden @ weights["weight_hh"].T + weights["bias"]
        to_i, to_f, to_o, to_z = np.split(sums, 4, axis=-1)
        cell = hard(to_f + cell * peep_f) * cell + hard(to_i + cell * peep_i) * sigmoid(to_z)
        cell = np.clip(cell, -clip, clip)
        hidden = hard(to_o + cell * peep_o) * np.maximum(cell, 0)
    zeros = np.zeros((BATCH, HIDDEN))
    names = {"recurrent_activation": "hard_sigmoid", "cell_activation": "sigmoid", "activation": "relu"}
    given = {"x": x, "initial_h": zeros, "initial_c": zeros, "peephole": peephole, "clip": clip, **weights, **names}
    outputs, last, cells = run(lstm, compute=torch.float64, **given)
    for ours, theirs in ((outputs, hidden[None]), (last, hidden), (cells, cell)):
        np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-12)


@pytest.mark.parametrize(("kernel", "gate_count"), [(rnn, 1), (gru, 3), (lstm, 4)])
def test_an_unknown_direction_is_named(kernel: Kernel, gate_count: int) -> None:
    start = numbers(1, HIDDEN)
    given = {"x": numbers(1, 1, INPUTS), "initial_h": start, "initial_c": start, **gates(gate_count)}
    with pytest.raises(UserError, match="unknown direction 'backward'; did you mean 'forward'"):
        run(kernel, direction="backward", **given)


@pytest.mark.parametrize(("kernel", "gate_count"), [(rnn, 1), (gru, 3)])
def test_only_an_lstm_goes_both_ways(kernel: Kernel, gate_count: int) -> None:
    given = {"x": numbers(1, 1, INPUTS), "initial_h": numbers(1, HIDDEN), **gates(gate_count)}
    with pytest.raises(UserError, match="unknown direction 'bidirectional'"):
        run(kernel, direction="bidirectional", **given)
