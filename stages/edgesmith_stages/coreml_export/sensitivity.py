"""How much of the noise in the logits comes from which rounding, before any of it is undone.

To first order a rounding n of a value z moves the logits by J n. With v random, (v J n)^2 has the expected value
|J n|^2, and v J is a gradient: one backward pass gives a sample for every value and weight of the network at once.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgesmith_stages.coreml_export.graph import to_logits
from edgesmith_stages.coreml_export.trace import MOVERS, canonical, is_constant

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith_stages.mil.program import Block

SAMPLES = 8
"""Backward passes; their number decides how far off a share may be, not whether it is big or small."""


@dataclass(frozen=True)
class Source:
    """One rounding.

    Attributes:
        name: the operation whose result or weights are rounded, by canonical name.
        power: what it adds to the logits' noise, as a share of their power.
        needs: operations that must all be in single precision for it not to happen.
    """

    name: str
    power: float
    needs: frozenset[str]


def sources(program: Any, params: Any, row: NDArray[np.float32], block: Block) -> list[Source]:
    """Find what each rounding to halves does to the logits.

    Args:
        program: the graph.
        params: of `export-coreml`.
        row: one of the graph's inputs, float32 [1, C, H, W].
        block: a package's operations, for what coremltools fuses; those that torch knows by other names are taken to
            round nothing themselves.

    Returns:
        A source for each result and each operation's weights, without those beyond what a half can hold.
    """
    names = {canonical(one.name) for one in block.operations if not is_constant(one) and one.type not in MOVERS}
    results, weights = _powers(program, params, row, names)
    readers = _readers(block, passive=_movers(block) | (names - results.keys()))
    found = [Source(name, power, frozenset({name, *readers.get(name, ())})) for name, power in results.items()]
    found += [Source(name, power, frozenset({name})) for name, power in weights.items()]
    return [one for one in found if math.isfinite(one.power) and one.power > 0]


def decibels_without(found: Collection[Source], kept: Collection[str]) -> float:
    """Predict the SQNR of the logits with these operations in single precision, in dB."""
    noise = sum(one.power for one in found if not one.needs <= set(kept))
    return -10 * math.log10(noise) if noise > 0 else math.inf


def cheapest(found: Collection[Source], kept: Collection[str], bar: float) -> dict[str, Source]:
    """Choose operations to keep in single precision, greedily by noise per operation.

    Args:
        found: from `sources`.
        kept: operations that are kept already.
        bar: the SQNR to be predicted, in dB.

    Returns:
        Further operations, each with the source that it is kept for.
    """
    chosen: dict[str, Source] = {}
    have = set(kept)
    left = [one for one in found if not one.needs <= have]
    while left and sum(one.power for one in left) > 10 ** (-bar / 10):
        best = max(left, key=lambda one: one.power / len(one.needs - have))
        for name in sorted(best.needs - have):
            chosen[name] = best
        have |= best.needs
        left = [one for one in left if not one.needs <= have]
    return chosen


def _powers(
    program: Any, params: Any, row: NDArray[np.float32], names: Collection[str]
) -> tuple[dict[str, float], dict[str, float]]:
    """Return what rounding each result does, and each operation's weights, by operation."""
    import torch

    run = to_logits(program, params)
    seen: dict[Any, Any] = {}

    class Recorder(torch.fx.Interpreter):  # type: ignore[misc]
        def run_node(self, n: Any) -> Any:
            value = super().run_node(n)
            first = value[0] if isinstance(value, (list, tuple)) and value else value
            if n.op == "get_attr" and isinstance(first, torch.nn.Parameter) and first.dim() > 1:
                first.requires_grad_(True)
            if isinstance(first, torch.Tensor) and first.requires_grad and n.op in ("call_function", "get_attr"):
                first.retain_grad()
                seen[n] = first
            return value

    given = torch.from_numpy(row).requires_grad_(True)
    with torch.enable_grad():
        logits = Recorder(run).run(given)
    signal = float(logits.detach().double().square().sum())
    random = torch.Generator().manual_seed(0)
    powers = dict.fromkeys(seen, 0.0)
    roundings = {node: value.detach().half().float() - value.detach() for node, value in seen.items()}
    for _ in range(SAMPLES):
        for value in seen.values():
            value.grad = None
        logits.backward(torch.randn(logits.shape, generator=random), retain_graph=True)
        for node, value in seen.items():
            if value.grad is not None:
                powers[node] += float((value.grad * roundings[node]).sum()) ** 2 / (SAMPLES * signal)
    for value in seen.values():
        value.grad = None  # weights are the program's own
    results = {node.name: power for node, power in powers.items() if node.op == "call_function" and node.name in names}
    weights: dict[str, float] = {}
    for node, power in powers.items():
        owner = _owner(node, names) if node.op == "get_attr" else None
        if owner is not None:
            weights[owner] = weights.get(owner, 0.0) + power
    return results, weights


def _owner(node: Any, names: Collection[str]) -> str | None:
    """The operation that a weight ends up in: the first reader of the reader ... that the package has."""
    while node.users:
        node = next(iter(node.users))
        if node.name in names:
            return str(node.name)
    return None


def _movers(block: Block) -> set[str]:
    return {canonical(one.name) for one in block.operations if one.type in MOVERS}


def _readers(block: Block, passive: Collection[str]) -> Mapping[str, set[str]]:
    """Return who reads each operation's result, through what is passive, which is among them."""
    found: dict[str, set[str]] = {}
    makers: dict[str, str] = {}
    for operation in block.operations:
        for value in operation.outputs:
            makers[value.name] = canonical(operation.name)
    for operation in reversed(block.operations):
        if is_constant(operation):
            continue
        name = canonical(operation.name)
        behind = found.get(name, set()) if name in passive else set()
        own = set() if operation.type in ("cast", "classify") else {name}
        for given in operation.names():
            if given in makers:
                found.setdefault(makers[given], set()).update(own | behind)
    return found
