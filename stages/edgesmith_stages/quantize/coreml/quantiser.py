"""Compress the weights of one Core ML package, each in a form of its own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesmith_stages.quantize.assignment import UNTOUCHED
from edgesmith_stages.quantize.coreml.forms import FORMS, PROBED, form_params

if TYPE_CHECKING:
    from edgesmith import CoreMLModel
    from edgesmith_stages.quantize.graph import Operation

WIDTH = (*FORMS, UNTOUCHED)


class CoreMLQuantiser:
    """Compresses one package, again and again.

    Args:
        source: the package, of float weights.

    Attributes:
        block: the operations of its program.

    Raises:
        UserError: the package is damaged.
    """

    def __init__(self, source: CoreMLModel) -> None:
        from edgesmith_stages.mil.interpret import Interpreter

        self._source = source
        checked = Interpreter(source.file)  # refuses what is damaged; coremltools trusts what it reads
        self._spec, self.block = checked.package.spec, checked.function.block

    @property
    def version(self) -> int:
        """The package's specification version."""
        return int(self._spec.specificationVersion)

    def refuse(self, form: str) -> None:
        """Raise UserError if the package is for an older system than a form needs, or compressed already."""
        from edgesmith_stages.quantize.coreml.compress import refuse_package

        refuse_package(self._spec, form_params(form))

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """The program's operations; those with weights can be compressed."""
        from edgesmith_stages.quantize.coreml.tensors import operations

        return operations(self.block, {reader for readers in self._weights.values() for reader in readers})

    @property
    def compressible(self) -> tuple[str, ...]:
        """Names of the operations that have weights."""
        return tuple(one.name for one in self.operations if one.quantisable)

    def slow(self, scheme: str) -> tuple[str, ...]:
        """No operation is known to be slower with compressed weights."""
        return ()

    def write(self, scheme: str, keep: Collection[str], file: Path) -> dict[str, Any]:
        """Write a package whose weights all take one form, but for those of the operations to keep; return figures."""
        return self.mix({name: scheme for name in self.compressible if name not in keep}, file)

    def mix(self, forms: Mapping[str, str], file: Path) -> dict[str, Any]:
        """Write a package whose weights take the form that their operation has; the others stay float.

        Args:
            forms: by name of the operation. A weight that several read takes the widest of theirs.
            file: where to.

        Returns:
            Figures: `compressed_weights`, `forms` (how many weights have which).

        Raises:
            UserError: the package is for an older system than a form needs, or compressed already.
            StageFailed: the library failed.
        """
        from edgesmith.conversion import converting
        from edgesmith_stages.formats.coreml import building, quiet, save, spec_of
        from edgesmith_stages.quantize.coreml.compress import HINT, apply
        from edgesmith_stages.quantize.coreml.figures import compressed_weights

        chosen = self._by_form(forms)
        for form in chosen:
            self.refuse(form)
        with quiet():
            model = self._model
            with building(), converting("coremltools.optimize", "a compressed model", HINT):
                made = [one for form, names in chosen.items() for one in self._passes(form, names)]
                small = apply(model, made, self.version)
            save(small, file)
        counts = {form: len(names) for form, names in chosen.items()}
        return {"compressed_weights": compressed_weights(spec_of(file)), "forms": counts}

    def _by_form(self, forms: Mapping[str, str]) -> dict[str, list[str]]:
        """Names of the weights by form, from narrow to wide."""
        found: dict[str, list[str]] = {form: [] for form in FORMS}
        for weight, readers in self._weights.items():
            form = max((forms.get(name, UNTOUCHED) for name in readers), key=WIDTH.index)
            if form != UNTOUCHED:
                found[form].append(weight)
        return {form: names for form, names in found.items() if names}

    def _passes(self, form: str, weights: Collection[str]) -> list[Any]:
        """The passes of `quantize`'s scheme, for these weights alone."""
        from coremltools.optimize.coreml import OptimizationConfig

        from edgesmith_stages.quantize.coreml.compress import passes

        made = passes(form_params(form))
        for one in made:
            one.config = OptimizationConfig(op_name_configs=dict.fromkeys(weights, one.config.global_config))
        return made

    @cached_property
    def _weights(self) -> dict[str, tuple[str, ...]]:
        from edgesmith_stages.quantize.coreml.tensors import weights

        return weights(self.block, form_params(PROBED).min_elements)

    @cached_property
    def _model(self) -> Any:
        from edgesmith_stages.formats.coreml import load

        return load(self._source.file)
