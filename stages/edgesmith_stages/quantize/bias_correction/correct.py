"""Take the mean error of each layer off its bias (Nagel et al., arXiv 1906.04721, section 4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgesmith.parity import agreement, sqnr_db

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith_stages.quantize.bias_correction.layers import Layer, WeightedFile

RUNS = 16
"""Times that the quantised file is run on all images. A file with more layers has as many of them, evenly spread,
corrected by what arrives there."""


def correct(source: WeightedFile, made: WeightedFile, rows: NDArray[np.generic]) -> dict[str, Any]:
    """Correct a quantised file's biases, in place.

    First each layer gives back what rounding its weights shifts, on the float file's mean inputs: no layer's
    correction depends on another's then. What activations' rounding and clipping shift is measured behind
    all that, layer after layer in the order of the file, as a shift at one layer arrives at all behind it, and must not
    be taken off twice.

    Args:
        source: the float file.
        made: the quantised one, whose layers have the names of the float file's.
        rows: images as the file is fed, [N, ...]; they are run one by one.

    Returns:
        Figures: `bias_corrected` (layers), `bias_sqnr_db_before` and `bias_sqnr_db` (of the logits of these images,
        against the float file's), `bias_agreement_before` and `bias_agreement` (share of the same top-1 answers),
        `bias_kept`: whether neither got worse. If one did, the file is not to be written.
    """
    plain = {layer.name: layer for layer in source.layers()}
    layers = {layer.name: layer for layer in made.layers() if layer.rounded and layer.name in plain}
    if not layers:
        return {"bias_corrected": 0, "bias_kept": False}
    wanted = source.answers(rows)
    rounded = made.answers(rows)
    given = source.means(rows, {plain[name].given for name in layers})
    for name, layer in layers.items():
        made.shift(name, _rounding(plain[name], layer, given[plain[name].given]))
    for name in _spread(list(layers)):
        mean = given[plain[name].given]
        layer = next(one for one in made.layers() if one.name == name)
        arrived = made.means(rows, {layer.given})[layer.given]
        made.shift(name, plain[name].mean(mean) - layer.mean(arrived))
    corrected = made.answers(rows)
    before, after = ((sqnr_db(wanted, one), agreement(wanted, one)) for one in (rounded, corrected))
    return {
        "bias_corrected": len(layers),
        "bias_sqnr_db_before": before[0],
        "bias_sqnr_db": after[0],
        "bias_agreement_before": before[1],
        "bias_agreement": after[1],
        "bias_kept": after[0] >= before[0] and after[1] >= before[1],
    }


def _rounding(plain: Layer, rounded: Layer, mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a layer's mean lacks on the float file's inputs, because its weights and bias are rounded."""
    return plain.product(mean, plain.weight - rounded.weight) + plain.bias - rounded.bias


def _spread(names: list[str]) -> list[str]:
    """At most `RUNS` of the names, evenly spread, in order, the last one among them."""
    count = min(RUNS, len(names))
    return [names[(index + 1) * len(names) // count - 1] for index in range(count)]
