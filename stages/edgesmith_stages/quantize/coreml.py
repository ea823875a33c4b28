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

INT4_BLOCKS = (32, 16, 8)
"""How many weights share a scale, tried in this order."""


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

    by_name: dict[str, Any] = {}
    how: Any
    if params.scheme == "linear-int8":
        apply, how = coreml.linear_quantize_weights, coreml.OpLinearQuantizerConfig(mode="linear_symmetric")
    elif params.scheme == "linear-int4":
        apply, how = coreml.linear_quantize_weights, _int4(None)
        by_name = {name: _int4(block) for name, block in _blocks(model, params.exclude or ()).items()}
    elif params.scheme == "sparse":
        apply, how = coreml.prune_weights, coreml.OpMagnitudePrunerConfig(target_sparsity=params.sparsity)
    else:
        apply = coreml.palettize_weights
        how = coreml.OpPalettizerConfig(mode="kmeans", nbits=int(params.scheme.rpartition("-")[2]))
    kept = dict.fromkeys(params.exclude or ())
    config = coreml.OptimizationConfig(global_config=how, op_type_configs=kept, op_name_configs=by_name)
    return apply(model, config)


def _int4(block: int | None) -> Any:
    from coremltools.optimize import coreml

    if block is None:
        return coreml.OpLinearQuantizerConfig(mode="linear_symmetric", dtype="int4", granularity="per_channel")
    return coreml.OpLinearQuantizerConfig(
        mode="linear_symmetric", dtype="int4", granularity="per_block", block_size=block
    )


def _blocks(model: Any, exclude: tuple[str, ...]) -> dict[str, int]:
    """Return, by weight name, the largest block that divides its input channels; the library skips others."""
    from coremltools.optimize import coreml

    found = {}
    for name, entry in coreml.get_weights_metadata(model).items():
        if any(child.op_type in exclude for child in entry.child_ops):
            continue
        sizes = [size for size in INT4_BLOCKS if entry.val.ndim > 1 and entry.val.shape[1] % size == 0]
        if sizes:
            found[name] = sizes[0]
    return found


def _weight_sqnr(before: Any, after: Any) -> float:
    """SQNR in dB over all weights large enough to be compressed."""
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
