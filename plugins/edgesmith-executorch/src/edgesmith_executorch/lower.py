"""Lower a module to an ExecuTorch program for XNNPACK."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True)
class Program:
    """A lowered model.

    Attributes:
        content: the bytes of the `.pte` file.
        delegates: how many subgraphs XNNPACK runs.
        portable: by name, how many operators are left to ExecuTorch's own kernels.
    """

    content: bytes
    delegates: int
    portable: Counter[str]


def lower(module: nn.Module, example: torch.Tensor) -> Program:
    """Export a module, give XNNPACK all that it takes, and serialise.

    Args:
        module: in eval mode, float32 or quantised.
        example: float32 [1, C, H, W]; the file takes this shape only.
    """
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    exported = torch.export.export(module, (example,))
    edge = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
    names = [_name(node.target) for node in edge.exported_program().graph.nodes if node.op == "call_function"]
    delegates = names.count("executorch_call_delegate")
    # `getitem` takes a result out of a tuple: no kernel runs.
    portable = Counter(name for name in names if name not in {"executorch_call_delegate", "getitem"})
    return Program(bytes(edge.to_executorch().buffer), delegates, portable)


def plain_attention(module: nn.Module) -> None:
    """Have timm's attention layers spell out softmax(QK)V, in place, where they call PyTorch's fused operator.

    The function is the same. The fused operator's decomposition guards rows that a mask leaves empty, with five
    operators a layer that XNNPACK doesn't take and that image models, without masks, have no use for.
    """
    for part in module.modules():
        if getattr(part, "fused_attn", False) is True:
            part.fused_attn = False


def _name(target: Any) -> str:
    """Return `aten.mean` for the operator aten::mean.dim, or a function's own name."""
    schema = getattr(target, "_schema", None)
    return schema.name.replace("::", ".") if schema is not None else str(getattr(target, "__name__", target))
