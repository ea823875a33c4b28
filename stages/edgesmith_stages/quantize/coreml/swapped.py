"""What a package would compute with some operations' weights compressed, without writing it.

A compressed weight is a constant of the program: the reference runtime decodes it once, before the first run. So one
package a form is written, and a mixture is the float program with constants taken from them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesmith_stages.quantize.assignment import UNTOUCHED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import CoreMLModel
    from edgesmith_stages.quantize.coreml.quantiser import CoreMLQuantiser


class Swapped:
    """One package, whose operations take the weights of any form.

    Args:
        source: the float package.
        quantiser: of it.
        forms: those to choose from; a package of each is written.
        scratch: for them.

    Attributes:
        sizes: bytes of a whole package, by form.
        weight_bytes: by form, float among them, what each operation's constants take.
    """

    def __init__(self, source: CoreMLModel, quantiser: CoreMLQuantiser, forms: Collection[str], scratch: Path) -> None:
        self._source = source
        self._names = quantiser.compressible
        self.sizes: dict[str, int] = {UNTOUCHED: source.bytes()}
        self.weight_bytes: dict[str, dict[str, int]] = {UNTOUCHED: self._sizes(quantiser.block)}
        self._constants = {UNTOUCHED: self._kept(self._package.interpreter)}
        for form in forms:
            self._take(form, quantiser, scratch / form)

    def logits(self, forms: Mapping[str, str], images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run a mixture.

        Args:
            forms: by operation; those it doesn't name are float.
            images: uint8 [N, H, W, C].

        Returns:
            float32 [N, classes], of a classifier what its softmax takes.
        """
        self._package.interpreter.know({n: self._constants[forms.get(n, UNTOUCHED)][n] for n in self._names})
        answers: NDArray[np.float32] = self._package.logits(images)
        return answers

    def weight_noise(self, form: str, name: str) -> float:
        """Return the sum of squares by which a form moves an operation's weights."""
        import torch

        before, after = self._constants[UNTOUCHED][name], self._constants[form][name]
        pairs = ((before[key], after[key]) for key in before)
        return sum(
            float((one.double() - other.double()).square().sum())
            for one, other in pairs
            if isinstance(one, torch.Tensor) and one.is_floating_point()
        )

    @cached_property
    def _package(self) -> Any:
        from edgesmith_stages.coreml_export.saved import SavedPackage

        return SavedPackage(self._source.file, self._source.contract)

    def _take(self, form: str, quantiser: CoreMLQuantiser, folder: Path) -> None:
        from edgesmith import CoreMLModel
        from edgesmith_stages.mil.interpret import Interpreter

        made = CoreMLModel(folder)
        if not made.file.exists():
            folder.mkdir(parents=True, exist_ok=True)
            written = folder / f"making-{made.main}"
            quantiser.write(form, (), written)
            written.rename(made.file)
        self.sizes[form] = made.bytes()
        opened = Interpreter(made.file)
        self.weight_bytes[form] = self._sizes(opened.function.block)
        self._constants[form] = self._kept(opened)

    def _sizes(self, block: Any) -> dict[str, int]:
        from edgesmith_stages.quantize.coreml.tensors import constant_bytes

        found = constant_bytes(block)
        return {name: found[name] for name in self._names}

    def _kept(self, opened: Any) -> dict[str, Mapping[str, Any]]:
        return {name: opened.constants[name] for name in self._names}
