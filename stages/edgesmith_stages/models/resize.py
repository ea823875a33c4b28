"""Record and replay what channel pruning did to a module: tensors' shapes, and the numbers that go with them.

Any tool that only shrinks a module can be recorded so; replaying needs neither the tool nor a trace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgesmith import UserError

if TYPE_CHECKING:
    from torch import nn

Value = int | float | tuple[int, ...]


@dataclass(frozen=True)
class Structure:
    """The sizes in a module: shapes by tensor name; by module name, its own plain numbers."""

    shapes: Mapping[str, tuple[int, ...]]
    attributes: Mapping[str, Mapping[str, Value]]


def structure(module: nn.Module) -> Structure:
    """Read a module's sizes, to be compared later."""
    return Structure(
        shapes={name: tuple(tensor.shape) for name, tensor in _tensors(module).items()},
        attributes={
            name: {key: value for key, value in vars(part).items() if _is_size(value)}
            for name, part in module.named_modules()
        },
    )


def changes(before: Structure, after: Structure) -> tuple[dict[str, tuple[int, ...]], dict[str, dict[str, Value]]]:
    """Return the shapes and attributes of `after` that differ from `before`.

    Raises:
        UserError: tensors or modules came or went: more than sizes changed.
    """
    odd = (before.shapes.keys() ^ after.shapes.keys()) | (before.attributes.keys() ^ after.attributes.keys())
    if odd:
        raise UserError(f"pruning added or removed parts, which can't be replayed: {', '.join(sorted(odd)[:5])}")
    shapes = {name: shape for name, shape in after.shapes.items() if shape != before.shapes[name]}
    attributes = {}
    for name, values in after.attributes.items():
        changed = {key: value for key, value in values.items() if before.attributes[name].get(key) != value}
        if changed:
            attributes[name] = changed
    return shapes, attributes


def resize(
    module: nn.Module, shapes: Mapping[str, Sequence[int]], attributes: Mapping[str, Mapping[str, Value]]
) -> nn.Module:
    """Give a module's tensors new shapes, and its parts new attributes, in place.

    Resized tensors are zero: weights are to be loaded into them.

    Raises:
        UserError: the module lacks a named tensor or part.
    """
    import torch

    parts = dict(module.named_modules())
    for name, shape in shapes.items():
        path, _, leaf = name.rpartition(".")
        tensor = getattr(parts.get(path), leaf, None)
        if not isinstance(tensor, torch.Tensor):
            raise UserError(f"a pruned model's recipe names {name!r}, which the model doesn't have")
        resized = tensor.new_zeros(tuple(shape))
        if isinstance(tensor, torch.nn.Parameter):
            resized = torch.nn.Parameter(resized, requires_grad=tensor.requires_grad)
        setattr(parts[path], leaf, resized)
    for name, values in attributes.items():
        if name not in parts:
            raise UserError(f"a pruned model's recipe names the part {name!r}, which the model doesn't have")
        for key, value in values.items():
            setattr(parts[name], key, value)
    return module


def _tensors(module: nn.Module) -> dict[str, Any]:
    return {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }


def _is_size(value: object) -> bool:
    if isinstance(value, tuple):
        return bool(value) and all(type(item) is int for item in value)
    return type(value) in (int, float)
