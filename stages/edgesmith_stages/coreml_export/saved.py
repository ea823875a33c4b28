"""A saved package, run by the reference interpreter up to its logits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesmith_stages.mil.dtypes import Mode
from edgesmith_stages.mil.program import Block, Operation, Ref

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import InputContract
    from edgesmith_stages.mil.watch import Loss

Tap = Callable[[str, Any], None]

LEAST_UNDERFLOW = 0.01
"""The share of a result that must be lost to be worth a line: some numbers next to zero are in every result."""

MOST = 8

_PASSES_ON = ("cast", "identity")


class SavedPackage:
    """What the files compute, operation by operation, on one thread: the number of threads decides roundings.

    Args:
        path: the package.
        contract: its input contract.
        mode: `declared` rounds each result to its declared dtype, `fp32` rounds none.
        underflow: whether to look for results that are rounded to zero, too, which takes longer.
    """

    def __init__(
        self, path: Path, contract: InputContract, mode: Mode = "declared", *, underflow: bool = False
    ) -> None:
        from edgesmith_stages.mil.interpret import Interpreter
        from edgesmith_stages.mil.watch import Watch

        self.contract = contract
        self.interpreter = Interpreter(path, mode, watch=Watch(underflow=underflow))
        self.block: Block = self.interpreter.function.block
        self._logits = logits_name(self.block)

    @property
    def losses(self) -> list[Loss]:
        """Operations that lost numbers so far: results that are infinite, no numbers, or, if looked for, zero."""
        watch = self.interpreter.watch
        return list(watch.losses.values()) if watch else []

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run on images, uint8 [N, H, W, C]: float32 [N, classes]."""
        import numpy as np

        return np.concatenate([self.run(image[None]) for image in images])

    def run(self, image: NDArray[np.uint8], tap: Tap | None = None) -> NDArray[np.float32]:
        """Run on one image, uint8 [1, H, W, C]: float32 [1, classes]; `tap` sees every float result."""
        import torch

        found: list[NDArray[np.float32]] = []

        def both(name: str, value: Any) -> None:
            if name == self._logits:
                found.append(value.float().numpy().copy())
            if tap is not None and isinstance(value, torch.Tensor) and value.is_floating_point():
                tap(name, value)

        (name,) = self.interpreter.features.inputs
        with one_thread():
            self.interpreter.run({name: self.contract.feed(image)}, taps=both)
        return found[-1].reshape(1, -1)


def underflows(path: Path, contract: InputContract, image: NDArray[np.uint8]) -> list[str]:
    """Run a package on one image; phrase where results were rounded to zero, the largest shares first, MOST at most.

    Args:
        path: the package.
        contract: its input contract.
        image: uint8 [1, H, W, C].
    """
    package = SavedPackage(path, contract, underflow=True)
    package.run(image)
    found = [loss for loss in package.losses if loss.underflow > LEAST_UNDERFLOW * loss.elements]
    return [str(loss) for loss in sorted(found, key=lambda loss: -loss.underflow / loss.elements)[:MOST]]


def logits_name(block: Block) -> str:
    """Return the name of the logits: of a classifier what its last softmax takes, else the first output."""
    makers = {value.name: operation for operation in block.operations for value in operation.outputs}
    classifier = next((one for one in block.operations if one.type == "classify"), None)
    if classifier is None:
        return block.outputs[0]
    name = _argument(classifier, "probabilities")
    while makers[name].type in _PASSES_ON:
        name = _argument(makers[name], "x")
    return _argument(makers[name], "x") if makers[name].type == "softmax" else name


def _argument(operation: Operation, key: str) -> str:
    (given,) = operation.arguments[key]
    assert isinstance(given, Ref), operation
    return given.name


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread for a while."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
