"""Intermediate results of a torch module: what every call of torch gives, in order."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from edgesmith import Tap

if TYPE_CHECKING:
    from torch import Tensor, nn


def tap(module: nn.Module, batch: Tensor, see: Callable[[Tap], None]) -> None:
    """Run a module and show what each function and method of torch gives, under the path of the module that called it.

    Nothing is traced, so that any module will do, and operators show as well as layers.

    Args:
        module: on the CPU, in eval mode.
        batch: its input.
        see: called with each floating-point result that depends on the input.
    """
    import torch
    from torch.overrides import TorchFunctionMode
    from torch.utils.weak import WeakIdKeyDictionary

    fed = WeakIdKeyDictionary()  # tensors that depend on the input
    fed[batch] = True

    class Watch(TorchFunctionMode):  # type: ignore[misc]
        """Calls `see` after each call of torch. A dispatch mode would see finer, and costs seconds to set up."""

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            given = func(*args, **(kwargs or {}))
            if any(one in fed for one in _tensors((*args, *(kwargs or {}).values()))):
                for result in _tensors([args[0] if func is torch.Tensor.__setitem__ else given]):
                    fed[result] = True
                    if result.is_floating_point():
                        op = func.__name__.strip("_")
                        see(Tap(path[-1] or op, op, result.detach().float().numpy()))
            return given

    with _paths(module) as path, torch.inference_mode(), Watch():
        module(batch)


def _tensors(values: Any) -> Iterator[Tensor]:
    """Yield the tensors among values, lists of them included."""
    import torch

    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)


@contextlib.contextmanager
def _paths(module: nn.Module) -> Iterator[list[str]]:
    """Keep a stack of the paths of the modules that are running."""
    stack = [""]
    hooks = []
    for name, part in module.named_modules():
        hooks.append(part.register_forward_pre_hook(lambda *_, name=name: stack.append(name)))
        hooks.append(part.register_forward_hook(lambda *_: stack.pop() and None, always_call=True))
    try:
        yield stack
    finally:
        for hook in hooks:
            hook.remove()
