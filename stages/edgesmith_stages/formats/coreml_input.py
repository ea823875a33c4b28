"""Fold an input's normalisation into a network, exactly.

Core ML's image input computes `scale * pixel + bias`, with one scale for all channels. `scale = 1/255` and
`bias = -mean` leave the division by each channel's std, which is taken into the first convolution: its weights for that
channel are divided instead. Zero padding stays right, since a zero is the mean on both sides. Averaging the std over
channels, as is often done, costs 2e-2 in relative L2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

_GROUPS_AT = {"aten.conv2d.default": 6, "aten.conv2d.padding": 6, "aten.convolution.default": 8}
_ZERO_PADS = ("aten.constant_pad_nd.default", "aten.pad.default")


Dims = Mapping[int, Any] | None
"""By axis of the input, a `torch.export.Dim` (or a multiple of one) where its size is open."""


def centred(
    module: nn.Module, std: Sequence[float], example: torch.Tensor, head: nn.Module | None, dims: Dims = None
) -> Any:
    """Export a network that takes centred input instead of normalised input.

    Args:
        module: takes `(pixel / 255 - mean) / std`, float32 [N, C, H, W].
        std: one per channel.
        example: an input.
        head: what to append to the network (a softmax), or None.
        dims: which sizes are open.

    Returns:
        A decomposed torch.export.ExportedProgram that takes `pixel / 255 - mean`. Where the input goes into something
        else than a plain convolution, it starts with a multiplication by 1/std, which is exact too.
    """
    program = _export(module, None, head, example, dims)
    if not _fold(program, std):
        program = _export(module, std, head, example, dims)
    return program


def plain(module: nn.Module, example: torch.Tensor, head: nn.Module | None, dims: Dims = None) -> Any:
    """Export a network as it is, with `head` appended."""
    return _export(module, None, head, example, dims)


def _export(
    module: nn.Module, std: Sequence[float] | None, head: nn.Module | None, example: torch.Tensor, dims: Dims
) -> Any:
    import torch

    from edgesmith_stages.formats.coreml_graph import lower
    from edgesmith_stages.formats.replaced import antialiased, replacing

    class Whole(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.network = module
            self.head = head
            if std is not None:
                inverse = 1 / torch.tensor(list(std), dtype=torch.float64)
                self.register_buffer("inverse_std", inverse.float().view(1, -1, 1, 1))

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            with replacing({torch.nn.functional.interpolate: antialiased}):
                logits: torch.Tensor = self.network(image if std is None else image * self.inverse_std)
            return logits if self.head is None else self.head(logits)

    shapes = (dict(dims),) if dims else None
    return lower(torch.export.export(Whole().eval(), (example,), dynamic_shapes=shapes).run_decompositions({}))


def _fold(program: Any, std: Sequence[float]) -> bool:
    """Divide the first convolutions' input channels by std, in the program's own state; False if it can't be done."""
    import torch

    (name,) = program.graph_signature.user_inputs
    image = next(node for node in program.graph.nodes if node.op == "placeholder" and node.name == name)
    weights = _first_weights(image)
    parameters = program.graph_signature.inputs_to_parameters
    if not weights or any(node.name not in parameters for node in weights):
        return False
    inverse = 1 / torch.tensor(list(std), dtype=torch.float64)
    for node in weights:
        key = parameters[node.name]
        weight = program.state_dict[key]
        if weight.shape[1] != len(std):
            return False
        scaled = (weight.detach().double() * inverse.view(1, -1, 1, 1)).to(weight.dtype)
        program.state_dict[key] = torch.nn.Parameter(scaled, requires_grad=False)
    return True


def _first_weights(image: Any) -> list[Any]:
    """Return the weight nodes of all convolutions that take the image, perhaps zero-padded; [] if others take it."""
    found: dict[Any, None] = {}
    readers: set[Any] = set()
    stack = [image]
    while stack:
        source = stack.pop()
        for user in source.users:
            target = str(user.target)
            if target in _ZERO_PADS and _pads_zero(user):
                stack.append(user)
            elif target in _GROUPS_AT and user.args[0] is source and _argument(user, _GROUPS_AT[target], 1) == 1:
                found[user.args[1]] = None
                readers.add(user)
            else:
                return []
    return list(found) if all(reader in readers for weight in found for reader in weight.users) else []


def _pads_zero(node: Any) -> bool:
    if str(node.target) == "aten.pad.default":
        return _argument(node, 2, "constant") == "constant" and not _argument(node, 3, 0)
    return not _argument(node, 2, 0)


def _argument(node: Any, index: int, default: Any) -> Any:
    return node.args[index] if len(node.args) > index else default
