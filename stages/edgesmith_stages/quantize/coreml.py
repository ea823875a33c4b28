"""Compress the weights of Core ML packages with coremltools.optimize."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgesmith import CoreMLModel, UserError
from edgesmith.errors import unknown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

IOS18 = 9
"""Specification version of iOS18, the first with int4 weights."""

INT4_BLOCK = 32


def compress(source: CoreMLModel, made: CoreMLModel, params: Any) -> dict[str, Any]:
    """Compress a package's weights; arithmetic stays float.

    Args:
        source: the package.
        made: where to write.
        params: of the stage.

    Returns:
        Figures: `compressed_weights` (tensors), `weight_sqnr_db` over them.
    """
    from edgesmith_stages.conversion import converting
    from edgesmith_stages.formats.coreml import load, op_counts, quiet, save, spec_of

    with quiet():
        model, spec = load(source.file), spec_of(source.file)
        if params.scheme == "linear-int4" and spec.specificationVersion < IOS18:
            raise UserError(
                "int4 weights need iOS18, and this package was exported for an older target",
                hint="set `target: iOS18` on its export-coreml node, or take palettize-4, which iOS16 has",
            )
        present = op_counts(spec)
        for name in params.exclude or ():
            if name not in present:
                raise UserError(unknown("operator in `exclude`", name, present))
        with converting("coremltools.optimize", "a compressed model", "leave an operator out with `exclude`"):
            small = _compressed(model, params)
        save(small, made.file)
        packed = sum(count for op, count in op_counts(spec_of(made.file)).items() if op.startswith("constexpr_"))
        return {"compressed_weights": packed, "weight_sqnr_db": _weight_sqnr(model, load(made.file))}


def _compressed(model: Any, params: Any) -> Any:
    from coremltools.optimize import coreml

    how: Any
    if params.scheme == "linear-int8":
        apply, how = coreml.linear_quantize_weights, coreml.OpLinearQuantizerConfig(mode="linear_symmetric")
    elif params.scheme == "linear-int4":
        apply = coreml.linear_quantize_weights
        how = coreml.OpLinearQuantizerConfig(
            mode="linear_symmetric", dtype="int4", granularity="per_block", block_size=INT4_BLOCK
        )
    elif params.scheme == "sparse":
        apply, how = coreml.prune_weights, coreml.OpMagnitudePrunerConfig(target_sparsity=params.sparsity)
    else:
        apply = coreml.palettize_weights
        how = coreml.OpPalettizerConfig(mode="kmeans", nbits=int(params.scheme.rpartition("-")[2]))
    config = coreml.OptimizationConfig(global_config=how, op_type_configs=dict.fromkeys(params.exclude or ()))
    return apply(model, config)


def _weight_sqnr(before: Any, after: Any) -> float:
    """SQNR in dB over the weights that compression changed or could have changed."""
    import numpy as np
    from coremltools.optimize import coreml

    from edgesmith_stages.parity import sqnr_db

    wanted, found = _weights(before), _weights(coreml.decompress_weights(after))
    pairs = [(wanted[key], found[key]) for key in wanted if key in found and wanted[key].shape == found[key].shape]
    if not pairs:
        return 0.0
    return sqnr_db(np.concatenate([a.ravel() for a, _ in pairs]), np.concatenate([b.ravel() for _, b in pairs]))


def _weights(model: Any) -> dict[str, NDArray[np.float64]]:
    """Weights by the operator that takes them: their own names change with compression."""
    import numpy as np
    from coremltools.optimize import coreml

    found = {}
    for key, entry in coreml.get_weights_metadata(model).items():
        for child in entry.child_ops:
            ports = [port for port, name in child.params_name_mapping.items() if name == key]
            found.update({f"{child.name}.{port}": np.asarray(entry.val, np.float64) for port in ports})
    return found
