"""How tensors become int8: the number formats that ONNX Runtime's and XNNPACK's integer kernels take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LEAST_SCALE = 2.0**-16
"""Of activations. One that is always zero would otherwise get a scale that kernels can't divide by."""

AVERAGING = 0.01
"""How much a training batch moves an activation's range."""


@dataclass(frozen=True)
class Specs:
    """torchao's specifications.

    Attributes:
        activation: int8, affine, one scale a tensor.
        weight: int8 in -127..127, symmetric, one scale an output channel.
        sigmoid: results of a sigmoid, which lie in 0..1 whatever the data; LiteRT takes no other scale.
    """

    activation: Any
    weight: Any
    sigmoid: Any


def specs(training: bool) -> Specs:
    """Return the specifications: with observers, or, for training, with fake quantisation."""
    import torch
    from torchao.quantization.pt2e import (
        FakeQuantize,
        MinMaxObserver,
        MovingAverageMinMaxObserver,
        MovingAveragePerChannelMinMaxObserver,
        PerChannelMinMaxObserver,
    )
    from torchao.quantization.pt2e.quantizer import FixedQParamsQuantizationSpec, QuantizationSpec

    per_tensor, per_channel = MinMaxObserver.with_args(eps=LEAST_SCALE), PerChannelMinMaxObserver
    if training:
        per_tensor = FakeQuantize.with_args(
            observer=MovingAverageMinMaxObserver, eps=LEAST_SCALE, averaging_constant=AVERAGING
        )
        # A constant of one: the range is that of the weights as they are, not of those that they were.
        per_channel = FakeQuantize.with_args(observer=MovingAveragePerChannelMinMaxObserver, averaging_constant=1.0)
    affine, whole = torch.per_tensor_affine, {"dtype": torch.int8, "quant_min": -128, "quant_max": 127}
    return Specs(
        QuantizationSpec(observer_or_fake_quant_ctr=per_tensor, qscheme=affine, **whole),
        QuantizationSpec(
            dtype=torch.int8,
            observer_or_fake_quant_ctr=per_channel,
            quant_min=-127,
            quant_max=127,
            qscheme=torch.per_channel_symmetric,
            ch_axis=0,
        ),
        FixedQParamsQuantizationSpec(scale=1 / 256, zero_point=-128, qscheme=affine, **whole),
    )
