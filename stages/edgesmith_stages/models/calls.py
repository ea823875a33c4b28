"""Record which operations a forward pass applies to which tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True, eq=False)
class Call:
    """One ATen operation: its name without overload, its tensor arguments in order, its first result.

    Tensors are kept alive, so that an id names one tensor for as long as the calls are held.
    """

    name: str
    inputs: tuple[Any, ...]
    output: Any


def record_calls(module: nn.Module, example: torch.Tensor) -> tuple[list[Call], list[Any]]:
    """Run a module once, without gradients.

    Args:
        module: in eval mode.
        example: an input of the network, float [N, C, H, W].

    Returns:
        The operations in order, and the tensors that the module returned.
    """
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    calls: list[Call] = []

    class Recorder(TorchDispatchMode):  # type: ignore[misc]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            inputs = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
            first = result[0] if isinstance(result, tuple | list) and result else result
            calls.append(Call(func.name().split(".")[0], tuple(inputs), first))
            return result

    # Not inference_mode: composite operations would then reach the recorder undivided.
    with torch.no_grad(), Recorder():
        returned = module(example)
    return calls, tree_leaves(returned)
