"""The steps of a recipe: two sources of modules, and the changes made to them.

A plugin adds a change of its own without touching this file: a step whose `op` is `package.module:function`.
The function takes the module and the step's `args`, and returns the changed module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from edgesmith import UserError
from edgesmith.loading import load_object

if TYPE_CHECKING:
    from torch import nn


class Step(BaseModel):
    """Base of all steps: immutable, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    def settle(self, module: nn.Module) -> nn.Module:
        """Return what to run once the weights are loaded: for most steps, the module itself."""
        return module


class Timm(Step):
    """A classifier of timm's, with random weights.

    Attributes:
        name: as `timm.create_model` takes it.
        args: its keyword arguments (`num_classes`, `img_size`, ...).
    """

    op: Literal["timm"] = "timm"
    name: str
    args: dict[str, Any] = {}

    def make(self) -> nn.Module:
        """Create the module; raise UserError for an unknown name or arguments that the model doesn't take."""
        from edgesmith_stages.models.timm_source import create_timm

        return create_timm(self.name, self.args)


class Factory(Step):
    """A module made by a function of anybody's (see `edgesmith.ModelSource`).

    Attributes:
        target: the function, as `package.module:function`.
        args: its keyword arguments.
    """

    op: Literal["factory"] = "factory"
    target: str
    args: dict[str, Any] = {}

    def make(self) -> nn.Module:
        """Call the function; raise UserError if it can't be imported or doesn't give a module."""
        return _module(self.target, _load(self.target, "model source")(**self.args))


class Prune(Step):
    """Channels taken out.

    The module is rebuilt from `shapes` and `attributes` alone, with no tracing and no pruning library.
    `history` tells how it came about, and replays on the unpruned model (`edgesmith_stages.pruning.history`).

    Attributes:
        history: torch-pruning's own: (module, output channels?, indices), in order.
        shapes: by parameter or buffer, its shape now.
        attributes: by module, those attributes that changed (`out_channels`, `head_dim`, ...).
    """

    op: Literal["prune"] = "prune"
    history: tuple[tuple[str, bool, tuple[int, ...]], ...] = ()
    shapes: dict[str, tuple[int, ...]]
    attributes: dict[str, dict[str, int | float | tuple[int, ...]]]

    def apply(self, module: nn.Module) -> nn.Module:
        """Resize the module's tensors and attributes, in place."""
        from edgesmith_stages.models.resize import resize

        return resize(module, self.shapes, self.attributes)


class Reparameterize(Step):
    """Branches that training needed merged into single convolutions (`timm.utils.reparameterize_model`)."""

    op: Literal["reparameterize"] = "reparameterize"

    def apply(self, module: nn.Module) -> nn.Module:
        """Merge, in place; with weights loaded, the result computes the same function."""
        from edgesmith_stages.models.reparameterize import reparameterize

        return reparameterize(module)


class FuseBatchNorm(Step):
    """BatchNorm layers folded into the convolutions before them.

    Attributes:
        pairs: names of convolution and BatchNorm.
    """

    op: Literal["fuse-batchnorm"] = "fuse-batchnorm"
    pairs: tuple[tuple[str, str], ...]

    def apply(self, module: nn.Module) -> nn.Module:
        """Fold, in place; with weights loaded, the result computes the same function."""
        from edgesmith_stages.models.fold import fold

        return fold(module, self.pairs)


class QuantizePt2e(Step):
    """Weights and activations in int8, by torch's export quantisation; nothing may come after it.

    The module that the weights fit is the exported graph with its observers; what runs is made from it when the
    weights and ranges are loaded, so that the model was calibrated or trained makes no difference here.

    Attributes:
        shape: of one image, [C, H, W], that the graph is exported for.
        exclude: operators left in float.
    """

    op: Literal["quantize-pt2e"] = "quantize-pt2e"
    shape: tuple[int, int, int]
    exclude: tuple[str, ...] = ()

    def apply(self, module: nn.Module) -> nn.Module:
        """Export the module and observe it."""
        _needs_torchao()
        from edgesmith_stages.quantize.torch_pt2e.graph import replayed

        return replayed(module, self.shape, self.exclude)

    def settle(self, module: nn.Module) -> nn.Module:
        """Convert: the result computes as int8 kernels do."""
        from edgesmith_stages.quantize.torch_pt2e.graph import converted

        return converted(module)


class Custom(Step):
    """A change of a plugin's.

    Attributes:
        op: the function, as `package.module:function`.
        args: its keyword arguments beside the module.
    """

    op: Annotated[str, Field(pattern=r"^[\w.]+:[\w.]+$")]
    args: dict[str, Any] = {}

    def apply(self, module: nn.Module) -> nn.Module:
        """Call the function; raise UserError if it can't be imported or doesn't give a module."""
        return _module(self.op, _load(self.op, "change")(module, **self.args))


def _needs_torchao() -> None:
    from importlib.util import find_spec

    if find_spec("torchao") is None:
        raise UserError(
            "this model is quantised, and rebuilding it needs torchao, which this environment lacks",
            hint="install torchao 0.18 where the model is rebuilt, or take the float model that it was made from",
        )


def _load(target: str, what: str) -> Any:
    try:
        return load_object(target)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(
            f"the {what} {target!r} of this model cannot be imported: {error}",
            hint="install the plugin that made the model in the environment that runs it",
        ) from error


def _module(target: str, made: Any) -> nn.Module:
    from torch import nn

    if not isinstance(made, nn.Module):
        raise UserError(f"{target} gave a {type(made).__name__}, not a torch.nn.Module")
    return made


def _kind(step: Any) -> str:
    op = step.get("op", "") if isinstance(step, dict) else getattr(step, "op", "")
    return "custom" if ":" in str(op) else str(op)


Source = Annotated[Timm | Factory, Field(discriminator="op")]
Change = Annotated[
    Annotated[Prune, Tag("prune")]
    | Annotated[Reparameterize, Tag("reparameterize")]
    | Annotated[FuseBatchNorm, Tag("fuse-batchnorm")]
    | Annotated[QuantizePt2e, Tag("quantize-pt2e")]
    | Annotated[Custom, Tag("custom")],
    Discriminator(_kind),
]
