"""How large a module is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn


def count_params(module: nn.Module) -> int:
    """Number of parameters; tied ones count once."""
    return sum(parameter.numel() for parameter in module.parameters())


def count_macs(module: nn.Module, example: torch.Tensor) -> int:
    """Multiply-accumulates of all convolutions and matrix products of one forward pass, attention included.

    Args:
        module: left in the mode that it is in.
        example: an input of the network, float [1, C, H, W].
    """
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    training = module.training
    module.eval()
    # The counter has no formula for the CPU's fused attention.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        module(example)
    module.train(training)
    return int(counter.get_total_flops()) // 2
