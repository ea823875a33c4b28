"""A torch model on disk: `recipe.json` and `weights.safetensors` (DESIGN.md, "Models on disk").

The recipe says where the module comes from and lists every change made to its structure; replaying it on a
machine that has never seen the model gives a module that the weights fit exactly. Nothing is pickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from edgesmith import TorchModel, UserError, write_golden
from edgesmith.artifacts import CONTRACT_FILE
from edgesmith_stages.models.steps import Change, Source

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import nn

    from edgesmith import InputContract

RECIPE_FILE = "recipe.json"
WEIGHTS_FILE = TorchModel.main


class Recipe(BaseModel):
    """How to make a module: where it comes from, then each change to its structure, in order."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    source: Source
    changes: tuple[Change, ...] = ()

    def then(self, *changes: Change) -> Recipe:
        """Return this recipe with further changes at its end."""
        return Recipe(source=self.source, changes=(*self.changes, *changes))

    @classmethod
    def read(cls, folder: Path) -> Recipe:
        """Read `recipe.json`; raise UserError if it is missing or not a recipe."""
        file = folder / RECIPE_FILE
        try:
            return cls.model_validate_json(file.read_bytes())
        except (OSError, ValidationError) as error:
            raise UserError(f"{file} is not a model recipe: {error}") from error

    def write(self, folder: Path) -> None:
        """Write `recipe.json`: equal recipes are equal bytes."""
        (folder / RECIPE_FILE).write_text(self.model_dump_json() + "\n", encoding="utf-8")


def create(recipe: Recipe) -> nn.Module:
    """Make the module that a recipe describes, with fresh weights from torch's global generator."""
    module: nn.Module = recipe.source.make()
    for change in recipe.changes:
        module = change.apply(module)
    return module


def build(folder: Path) -> nn.Module:
    """Rebuild the module of a torch artifact: float32 on the CPU, eval mode, weights loaded.

    Torch's global generator is left as it was.

    Raises:
        UserError: a file is missing or damaged, or the weights don't fit the recipe, each key and shape.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        recipe = Recipe.read(folder)
        module = create(recipe)
    tensors = read_weights(folder)
    check_fit(
        module.state_dict(),
        tensors,
        source="weights",
        message=f"the weights in {folder} don't fit their recipe",
        hint="the library that makes the model may have changed since; make the model again",
    )
    module.load_state_dict(tensors, strict=True)
    for change in recipe.changes:
        module = change.settle(module)
    return module.eval()


def save(
    folder: Path, module: nn.Module, recipe: Recipe, contract: InputContract, golden_images: NDArray[np.uint8]
) -> None:
    """Write a whole torch artifact: recipe, weights, contract, and the golden pair with this module's logits.

    Args:
        folder: the artifact folder being made.
        module: what `create(recipe)` makes, trained.
        recipe: how to make it.
        contract: the plain network's input contract (NCHW, float32, normalised by the host).
        golden_images: uint8 [N, H, W, C], preprocessed up to the crop (`InputContract.pixels`).
    """
    write_model(folder, module, recipe)
    contract.write(folder / CONTRACT_FILE)
    write_golden(folder, golden_images, logits(module, contract, golden_images))


def write_model(folder: Path, module: nn.Module, recipe: Recipe) -> None:
    """Write recipe and weights alone; the caller carries contract and golden pair over."""
    import torch
    from safetensors.torch import save as encode

    # Cloned because tied tensors are one storage, which the format can't say; loading copies each back.
    tensors = {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in module.state_dict().items()
    }
    (folder / WEIGHTS_FILE).write_bytes(encode(tensors))
    recipe.write(folder)


def read_weights(folder: Path) -> dict[str, torch.Tensor]:
    """Read `weights.safetensors` into CPU tensors; raise UserError if it is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load as decode

    file = folder / WEIGHTS_FILE
    try:
        return dict(decode(file.read_bytes()))
    except (OSError, SafetensorError) as error:
        raise UserError(f"the weights in {file} cannot be read: {error}") from error


def logits(module: nn.Module, contract: InputContract, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Run a module on preprocessed images in eval mode, on the device where it is.

    Args:
        pixels: uint8 [N, H, W, C].

    Returns:
        float32 [N, classes].
    """
    import numpy as np
    import torch

    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    training, threads = module.training, torch.get_num_threads()
    module.eval()
    # The number of threads decides roundings, and golden logits are part of an artifact's digest.
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            output = module(torch.from_numpy(contract.normalise(pixels)).to(device))
    finally:
        torch.set_num_threads(threads)
        module.train(training)
    return np.asarray(output.float().cpu().numpy(), dtype=np.float32)


def check_fit(wanted: Mapping[str, Any], found: Mapping[str, Any], *, source: str, message: str, hint: str) -> None:
    """Raise UserError unless tensors have the names and shapes that a model wants.

    Args:
        wanted: by name, the model's tensors.
        found: by name, the tensors to load.
        source: what the found ones are called in the list of misfits, e.g. `weights`.
        message: what does not fit what.
        hint: what to do about it.
    """
    lines = [f"{name}: missing from the {source}" for name in wanted if name not in found]
    lines += [f"{name}: not in the model" for name in found if name not in wanted]
    lines += [
        f"{name}: the model has {list(wanted[name].shape)}, the {source} {list(found[name].shape)}"
        for name in wanted
        if name in found and wanted[name].shape != found[name].shape
    ]
    if lines:
        more = f"\n  and {len(lines) - 5} more" if len(lines) > 5 else ""
        raise UserError(f"{message}:\n  " + "\n  ".join(lines[:5]) + more, hint=hint)
