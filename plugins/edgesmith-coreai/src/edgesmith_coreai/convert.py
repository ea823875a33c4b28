"""Convert a module to a Core AI package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from edgesmith_coreai.model import INPUT, OUTPUT
from edgesmith_coreai.package import normalise

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from torch import nn

Precision = Literal["fp32", "fp16"]


def convert(module: nn.Module, example: torch.Tensor, package: Path) -> None:
    """Export a module and write it as a package with one function.

    Args:
        module: in eval mode.
        example: float32 [1, C, H, W]; the package takes this shape only.
        package: the folder to write, `*.aimodel`.
    """
    import torch
    from coreai_torch import TorchConverter, get_decomp_table

    exported = torch.export.export(module, (example,)).run_decompositions(get_decomp_table())
    # The other mode embeds stack traces, with this machine's paths.
    converter = TorchConverter(mode=TorchConverter.Mode.RELEASE)
    converter.add_exported_program(exported, input_names=[INPUT], output_names=[OUTPUT])
    converter.to_coreai().save_asset(package)
    normalise(package)


def operators(package: Path) -> int:
    """Return how many operators a package's program has, constants not counted."""
    from coreai.authoring import AIModelAsset

    summary = AIModelAsset.load(package).summary()
    return sum(count for name, count in summary.operation_distribution if name != "constant")


def half(module: nn.Module) -> nn.Module:
    """Return the module with weights and arithmetic in float16, still from float32 to float32."""
    import torch

    class Half(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.module = module.half()

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.module(image.half()).float()

    return Half().eval()
