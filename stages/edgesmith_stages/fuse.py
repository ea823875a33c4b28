"""The `fuse` stage: the same function with fewer, plainer layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from edgesmith import Context, InputContract, Stage, StageFailed, TorchModel, carry
from edgesmith_stages.quantize.torch_pt2e.artifact import refuse
from edgesmith_stages.runtimes.torch_runtime import REQUIREMENTS

if TYPE_CHECKING:
    from torch import nn

    from edgesmith import Dataset
    from edgesmith_stages.models.recipe import Recipe

NOISE_IMAGES = 8
"""Images of noise that before and after are compared on, beside the golden ones."""


class Fuse(Stage):
    """Merge training-time branches into single convolutions, and fold BatchNorm into the convolutions before it.

    The fused model is compared with the one it came from on the golden images and on random ones.
    """

    name, version = "fuse", "1"
    inputs = {"model": TorchModel}
    outputs = {"model": TorchModel}
    requirements = REQUIREMENTS

    class Params(Stage.Params):
        """What to fuse, and how far the outputs may move."""

        reparameterize: bool = Field(default=True, description="merge branches (MobileOne, RepVGG, FastViT, RepViT)")
        fold_batchnorm: bool = Field(default=True, description="fold BatchNorm into convolutions")
        tolerance: float = Field(
            default=1e-4, gt=0, description="largest relative L2 difference of the logits before and after"
        )

    @classmethod
    def check(cls, params: Any, kinds: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> None:
        """Refuse models that are quantised."""
        refuse(kinds["model"][0], "`fuse`", "fuse before quantising; `quantize` and `qat` do so by themselves")

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Fuse, compare, write."""
        from edgesmith.parity import Parity, probe_images
        from edgesmith_stages.models.recipe import Recipe, build, logits, write_model
        from edgesmith_stages.models.size import count_params

        source: TorchModel = inputs["model"]
        contract = source.contract
        pixels = probe_images(contract, source.golden()[0], ctx.seed, count=NOISE_IMAGES)
        module = build(source.path)
        before = {"modules_before": count_leaves(module), "params_before": count_params(module)}
        expected = logits(module, contract, pixels)
        module, recipe = fused(module, Recipe.read(source.path), contract, params)
        outputs = logits(module, contract, pixels)
        parity = Parity.of(expected, outputs)
        largest = float(abs(outputs - expected).max())
        ctx.log.info("fused: SQNR %.1f dB, largest difference of a logit %.2g", parity.sqnr_db, largest)
        if not parity.rel_l2 <= params.tolerance:
            raise StageFailed(
                f"fusing changes the logits by {parity.rel_l2:.3g} (relative L2), "
                f"more than tolerance={params.tolerance:g}",
                hint="raise tolerance, or switch off reparameterize or fold_batchnorm to see which one does it",
            )
        write_model(ctx.out("model"), module, recipe)
        carry(source, ctx.out("model"))
        return {
            **before,
            "modules_after": count_leaves(module),
            "params_after": count_params(module),
            "changes": [change.op for change in recipe.changes],
            "max_abs": largest,
            **parity.figures(),
        }


def fused(module: nn.Module, recipe: Recipe, contract: InputContract, params: Any) -> tuple[nn.Module, Recipe]:
    """Return the fused module and its recipe; what has nothing to fuse adds no change."""
    import torch

    from edgesmith_stages.models.fold import find_pairs
    from edgesmith_stages.models.reparameterize import has_branches
    from edgesmith_stages.models.steps import FuseBatchNorm, Reparameterize

    if params.reparameterize and has_branches(module):
        merge = Reparameterize()
        module, recipe = merge.apply(module), recipe.then(merge)
    if params.fold_batchnorm:
        pairs = find_pairs(module, torch.zeros(1, contract.channels, *contract.size))
        if pairs:
            folding = FuseBatchNorm(pairs=pairs)
            module, recipe = folding.apply(module), recipe.then(folding)
    return module, recipe


def count_leaves(module: nn.Module) -> int:
    """Number of layers: parts without parts that do something."""
    from torch import nn

    return sum(1 for part in module.modules() if not any(part.children()) and not isinstance(part, nn.Identity))
