"""The network as the graph that is converted, and what that graph computes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgesmith_stages.coreml_export.sizes import Sizes
from edgesmith_stages.formats.coreml import quiet
from edgesmith_stages.formats.coreml_graph import spell_out
from edgesmith_stages.formats.coreml_input import Dims

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from edgesmith import InputContract


def export(module: Any, contract: InputContract, params: Any, sizes: Sizes, dims: Dims) -> Any:
    """Export a network with what `params` ask for around it: the normalisation folded in, a softmax at its end.

    Args:
        module: the network, in eval mode.
        contract: its own input contract.
        params: of `export-coreml`.
        sizes: sizes of image that it is to take.
        dims: open axes, for `torch.export`.

    Returns:
        A decomposed ExportedProgram: float32 [1, C, H, W] to [1, classes].

    Raises:
        StageFailed: torch.export cannot make a graph of it.
    """
    import torch

    from edgesmith.conversion import converting
    from edgesmith_stages.formats.coreml_input import centred, plain

    example = torch.zeros(1, contract.channels, *sizes.largest)
    head = torch.nn.Softmax(dim=1) if params.labels else None
    with converting("torch.export", "a graph", "write that part of the model without data-dependent control flow"):
        if params.image_input:
            program = centred(module, contract.std, example, head, dims)
        else:
            program = plain(module, example, head, dims)
        with quiet():
            return spell_out(program)


def rows(contract: InputContract, params: Any, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn pixels uint8 [N, H, W, C] into the graph's input, float32 [N, C, H, W]."""
    import numpy as np

    if not params.image_input:
        return contract.normalise(images)
    mean = np.asarray(contract.mean, np.float32)
    return np.ascontiguousarray((images.astype(np.float32) / np.float32(255) - mean).transpose(0, 3, 1, 2))


def logits(program: Any, params: Any, given: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run the graph on its inputs, one by one: float32 [N, classes].

    Logits are compared, not probabilities: a softmax that is sure of itself hides any difference.
    """
    import numpy as np
    import torch

    run = to_logits(program, params)
    with torch.inference_mode():
        return np.concatenate([run(torch.from_numpy(row[None])).numpy() for row in given])


def to_logits(program: Any, params: Any) -> Any:
    """Return the graph as a module that ends with the logits."""
    run = _module(program)
    if params.labels:
        last = run.graph.output_node()
        (softmax,) = last.args[0]
        last.args = ((softmax.args[0],),)
        run.recompile()
    return run


def values(program: Any, row: NDArray[np.float32]) -> dict[str, Tensor]:
    """Run the graph on one input [1, C, H, W]; return every operator's result by the operator's name.

    Of operators with several results (BatchNorm's), the first.
    """
    import torch

    found: dict[str, Tensor] = {}

    class Recorder(torch.fx.Interpreter):  # type: ignore[misc]
        def run_node(self, n: Any) -> Any:
            value = super().run_node(n)
            first = value[0] if isinstance(value, (list, tuple)) and value else value
            if n.op == "call_function" and isinstance(first, torch.Tensor) and first.is_floating_point():
                found[n.name] = first
            return value

    with torch.inference_mode():
        Recorder(_module(program)).run(torch.from_numpy(row))
    return found


def _module(program: Any) -> Any:
    # torch guards more than it needs: that a feature map isn't one pixel wide, for a sum of two that both are.
    return program.module(check_guards=False)
