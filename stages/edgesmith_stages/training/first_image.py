"""One blank image through a network, so that one that can't be trained is refused before it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgesmith import UserError
from edgesmith.conversion import first_line
from edgesmith_stages.training.setting import drawing

if TYPE_CHECKING:
    from torch import nn

    from edgesmith import InputContract
    from edgesmith_stages.training.network import NetworkOptions


def check_runs(module: nn.Module, options: NetworkOptions, contract: InputContract) -> None:
    """Run a network, which is on the CPU, in eval mode. Weights, modes and generators are left as they were.

    Args:
        module: the network.
        options: what it was made from.
        contract: that it is to be trained under.

    Raises:
        UserError: it fails, or gives something else than one logit for each class.
    """
    import torch

    height, width = contract.size
    image = torch.zeros(1, contract.channels, height, width)
    training = module.training
    module.eval()
    try:
        # Not inference mode: what a network keeps for later from its first image must be fit for training.
        with drawing(0), torch.no_grad():
            answer: Any = module(image)
    except Exception as error:  # a network raises what it likes at an image that it can't take
        raise UserError(
            f"{options.model} can't take an image of {height}x{width} pixels and {contract.channels} channels: "
            f"{first_line(error)}",
            hint=f"change `image_size`{_given(options)}",
        ) from error
    finally:
        module.train(training)
    expected = (1, len(contract.classes))
    found = tuple(answer.shape) if isinstance(answer, torch.Tensor) else None
    if found != expected:
        told = f"a {type(answer).__name__}" if found is None else f"a tensor of shape {list(found)}"
        raise UserError(
            f"{options.model} gives {told} for an image; expected {list(expected)}, one logit for each class",
            hint=f"change what decides its output{_given(options)}",
        )


def _given(options: NetworkOptions) -> str:
    given = ", ".join(f"{name}: {value!r}" for name, value in options.model_args.items())
    return f", or `model_args` ({given})" if given else ""
