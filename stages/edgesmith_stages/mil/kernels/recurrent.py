"""Recurrent layers over x (steps, batch, inputs): rnn, gru, lstm.

direction reverse starts at the last step, and gives the outputs in the order in which it makes them; only the reverse
half of a bidirectional lstm is put back into the order of x.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from edgesmith_stages.mil.call import Call, Kernel, Results

if TYPE_CHECKING:
    from torch import Tensor

Activation: TypeAlias = "Callable[[Tensor], Tensor]"

# With Core ML's defaults: slope 0.2 and offset 0.5; a scaled tanh is scaled by 1 inside and out.
ACTIVATIONS: Mapping[str, Activation] = {
    "hard_sigmoid": lambda x: (0.2 * x + 0.5).clamp(0, 1),
    "linear": lambda x: x,
    "relu": lambda x: x.relu(),
    "scaled_tanh": lambda x: x.tanh(),
    "sigmoid": lambda x: x.sigmoid(),
    "sigmoid_hard": lambda x: (0.2 * x + 0.5).clamp(0, 1),
    "tanh": lambda x: x.tanh(),
}

DIRECTIONS = ("forward", "reverse")


def _activation(call: Call, name: str, default: str) -> Activation:
    return ACTIVATIONS[call.choice(name, ACTIVATIONS, default, lower=True)]


def _product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x @ weight.T + bias."""
    product = x @ weight.T
    return product if bias is None else product + bias


def _sequence(call: Call, outputs: list[Tensor]) -> Tensor:
    """Every step's output, or the last one's."""
    import torch

    return torch.stack(outputs) if call.flag("output_sequence", False) else outputs[-1][None]


def _in_order(x: Tensor, direction: str) -> list[Tensor]:
    """The steps of x, the first or the last one first."""
    steps = list(x.unbind())
    return steps if direction == "forward" else steps[::-1]


def rnn(call: Call) -> Results:
    """h = activation(W_ih x + W_hh h + bias)."""
    act = _activation(call, "activation", "tanh")
    inputs = _product(call.tensor("x"), call.tensor("weight_ih"), call.maybe("bias"))
    hidden, outputs = call.tensor("initial_h"), []
    for step in _in_order(inputs, call.choice("direction", DIRECTIONS, "forward")):
        hidden = act(step + hidden @ call.tensor("weight_hh").T)
        outputs.append(hidden)
    return _sequence(call, outputs), hidden


def gru(call: Call) -> Results:
    """Gates in the order reset, output, update: h = (1 - z) * o + z * h.

    The reset gate multiplies h before its matrix; with iOS18's reset_after, the product and `bias` of the hidden side,
    as in torch. `bias` is the sum of both sides', unless there is an `input_bias`.
    """
    act, gate = _activation(call, "activation", "tanh"), _activation(call, "recurrent_activation", "sigmoid")
    bias = call.maybe("bias")
    bias_r, bias_o, bias_z = (None, None, None) if bias is None else bias.chunk(3)
    weight_r, weight_o, weight_z = call.tensor("weight_hh").chunk(3)
    inputs = _product(call.tensor("x"), call.tensor("weight_ih"), call.maybe("input_bias"))
    after = call.flag("reset_after", False)
    hidden, outputs = call.tensor("initial_h"), []
    for step in _in_order(inputs, call.choice("direction", DIRECTIONS, "forward")):
        step_r, step_o, step_z = step.chunk(3, dim=-1)
        reset = gate(step_r + _product(hidden, weight_r, bias_r))
        update = gate(step_z + _product(hidden, weight_z, bias_z))
        kept = reset * _product(hidden, weight_o, bias_o) if after else _product(reset * hidden, weight_o, bias_o)
        hidden = (1 - update) * act(step_o + kept) + update * hidden
        outputs.append(hidden)
    return _sequence(call, outputs), hidden


def lstm(call: Call) -> Results:
    """One direction, or both with their states side by side: all hidden states or the last, the last hidden, cell."""
    import torch

    x, direction = call.tensor("x"), call.choice("direction", (*DIRECTIONS, "bidirectional"), "forward")
    if direction != "bidirectional":
        outputs, hidden, cell = _lstm(call, x, call.tensor("initial_h"), call.tensor("initial_c"), direction)
        return _sequence(call, outputs), hidden, cell
    (h_forward, h_back), (c_forward, c_back) = (
        call.tensor(name).chunk(2, dim=-1) for name in ("initial_h", "initial_c")
    )
    forward, *ends_forward = _lstm(call, x, h_forward, c_forward, "forward")
    back, *ends_back = _lstm(call, x, h_back, c_back, "reverse", "_back")
    hidden, cell = (torch.cat(ends, dim=-1) for ends in zip(ends_forward, ends_back, strict=True))
    if not call.flag("output_sequence", False):
        return hidden[None], hidden, cell
    both = [torch.cat(pair, dim=-1) for pair in zip(forward, reversed(back), strict=True)]
    return torch.stack(both), hidden, cell


def _lstm(
    call: Call, x: Tensor, hidden: Tensor, cell: Tensor, direction: str, suffix: str = ""
) -> tuple[list[Tensor], Tensor, Tensor]:
    """Gates in the order input, forget, output, cell; the peephole of the output gate looks at the new cell."""
    gate, inner, outer = (
        _activation(call, name, default)
        for name, default in (("recurrent_activation", "sigmoid"), ("cell_activation", "tanh"), ("activation", "tanh"))
    )
    peephole = call.maybe(f"peephole{suffix}")
    peep_i, peep_f, peep_o = (0.0, 0.0, 0.0) if peephole is None else peephole.chunk(3)
    inputs = _product(x, call.tensor(f"weight_ih{suffix}"), call.maybe(f"bias{suffix}"))
    outputs = []
    for step in _in_order(inputs, direction):
        to_i, to_f, to_o, to_z = (step + hidden @ call.tensor(f"weight_hh{suffix}").T).chunk(4, dim=-1)
        cell = gate(to_f + peep_f * cell) * cell + gate(to_i + peep_i * cell) * inner(to_z)
        if call.has("clip"):
            cell = cell.clamp(-call.number("clip"), call.number("clip"))
        hidden = gate(to_o + peep_o * cell) * outer(cell)
        outputs.append(hidden)
    return outputs, hidden, cell


KERNELS: Mapping[tuple[str, int], Kernel] = {("gru", 5): gru, ("lstm", 5): lstm, ("rnn", 5): rnn}
