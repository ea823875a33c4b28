"""Quantise a module to int8 by PyTorch 2 export (PT2E), as XNNPACK's kernels take it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import torch
    from torch import nn

Method = Literal["minmax", "histogram"]


def quantize(module: nn.Module, images: Iterator[torch.Tensor], method: Method) -> nn.Module:
    """Fix the range of every activation by running images, and give the module that computes in int8.

    Weights are symmetric per output channel, activations affine per tensor; input and output stay float32.

    Args:
        module: in eval mode.
        images: float32 [1, C, H, W] each.
        method: the range is all that was seen (`minmax`), or what keeps the error of the histogram's values least.
    """
    import torch
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    quantizer = XNNPACKQuantizer().set_global(_config(method))
    first = next(images)
    # An exported module can't be told `eval()`: it was exported in that mode.
    prepared = prepare_pt2e(torch.export.export(module, (first,)).module(), quantizer)
    with torch.inference_mode():
        prepared(first)
        for image in images:
            prepared(image)
    quantised: nn.Module = convert_pt2e(prepared)
    return quantised


def _config(method: Method) -> Any:
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import get_symmetric_quantization_config
    from torchao.quantization.pt2e import MinMaxObserver

    config = get_symmetric_quantization_config(is_per_channel=True)
    if method == "histogram":
        return config
    # `eps`, the least scale, is that of XNNPACK's own config: its kernels take no smaller one.
    extremes = MinMaxObserver.with_args(eps=2**-12)
    activation = replace(config.input_activation, observer_or_fake_quant_ctr=extremes)
    return replace(config, input_activation=activation, output_activation=activation)
