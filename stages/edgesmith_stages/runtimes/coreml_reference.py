"""Run Core ML artifacts on any machine, with the reference interpreter of `edgesmith_stages.mil`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from edgesmith import CoreMLModel, Runtime, Tap, UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Model
    from edgesmith_stages.mil.program import Block

COREMLTOOLS = "coremltools>=9.0,<9.1"


class CoreMLReference(Runtime):
    """The saved program, operation by operation, with each result rounded to its declared dtype.

    It says what the program computes. A device may differ: it sums in another order, and its units have their own
    precision. Times say nothing of a device's.
    """

    name = "coreml-reference"
    accepts = (CoreMLModel,)
    requirements = ("torch>=2.6", "protobuf", COREMLTOOLS, "numpy>=2")

    def load(self, model: Model, threads: int) -> None:
        """Read the package and plan its program; raise UserError if it is damaged or cannot be run."""
        from edgesmith_stages.mil.interpret import Interpreter

        self.interpreter = Interpreter(model.file, threads=threads)
        self._classes = model.contract.classes
        inputs = self.interpreter.features.inputs
        if len(inputs) != 1:
            raise UserError(f"the package takes the inputs {', '.join(inputs) or 'none'}, expected one")
        (self._input,) = inputs.values()
        self._said: set[str] = set()

    def predict(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """Run one batch, as `InputContract.feed` gives it: float32 [N, classes].

        The images go through one by one where the package takes no such batch. Of a classifier, these are the
        probabilities in the order of the contract's classes.
        """
        import numpy as np

        whole = not self.interpreter.features.probabilities and self._takes(batch)
        parts = [batch] if whole else [batch[place : place + 1] for place in range(len(batch))]
        rows = [self._rows(self.interpreter.run({self._input.name: part})) for part in parts]
        self._warn()
        return np.concatenate(rows)

    def tap(self, batch: NDArray[np.generic], see: Callable[[Tap], None]) -> None:
        """Show each operation's result, by its name in the program, in the precision that it declares."""
        import torch

        types = dict(_types(self.interpreter.function.block))

        def show(name: str, value: Any) -> None:
            if isinstance(value, torch.Tensor) and value.is_floating_point():
                see(Tap(name, types[name], value.numpy()))

        self.interpreter.run({self._input.name: batch}, taps=show)

    def _takes(self, batch: NDArray[np.generic]) -> bool:
        sizes = self._input.sizes
        count, *rest = batch.shape
        if self._input.kind == "image":
            rest = [rest[-1], *rest[:-1]]
        return sizes is not None and sizes.allow((count, *rest))

    def _rows(self, outputs: dict[str, Any]) -> NDArray[np.float32]:
        import numpy as np

        features = self.interpreter.features
        if features.probabilities:
            return in_order(outputs[features.probabilities], self._classes)
        first = np.asarray(outputs[next(iter(features.outputs))], np.float32)
        return first.reshape(first.shape[0] if first.ndim else 1, -1)

    def _warn(self) -> None:
        """Say once of each operation that it loses numbers."""
        watch = self.interpreter.watch
        for name, loss in watch.losses.items() if watch else ():
            if name not in self._said:
                self._said.add(name)
                logging.getLogger(__name__).warning("%s", loss)


def _types(block: Block) -> Iterator[tuple[str, str]]:
    """Yield each result's name with its operation's type, nested blocks included."""
    for operation in block.operations:
        yield from ((value.name, operation.type) for value in operation.outputs)
        for inner in operation.blocks:
            yield from _types(inner)


def in_order(probabilities: dict[Any, float], classes: tuple[str, ...]) -> NDArray[np.float32]:
    """Return a classifier's probabilities, float32 [1, classes].

    Args:
        probabilities: by label, a str or an int.
        classes: the labels in the order that is wanted; none for the program's own order.

    Raises:
        UserError: the labels are not these classes.
    """
    import numpy as np

    by_name = {str(label): value for label, value in probabilities.items()}
    if classes and set(by_name) != set(classes):
        odd = sorted(set(by_name) ^ set(classes))
        raise UserError(
            f"the package's {len(by_name)} labels are not the {len(classes)} classes of its input contract: "
            f"{', '.join(odd[:5])}{' ...' if len(odd) > 5 else ''} in one of them only"
        )
    return np.array([[by_name[label] for label in classes or by_name]], np.float32)
