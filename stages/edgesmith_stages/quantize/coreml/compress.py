"""Compress a Core ML package: which passes, in which order, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgesmith import CoreMLModel, StageFailed, UserError
from edgesmith.errors import unknown
from edgesmith_stages.quantize.options import prunes, target_needed
from edgesmith_stages.quantize.schemes import LINEAR, PALETTES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith_stages.quantize.coreml.ranges import Ranges

FIRST_SYSTEM = {7: "iOS16", 8: "iOS17", 9: "iOS18"}
HINT = "leave an operator out with `exclude`"


def compress(source: CoreMLModel, made: CoreMLModel, params: Any, images: NDArray[np.uint8] | None) -> dict[str, Any]:
    """Compress a package.

    Args:
        source: the package.
        made: where to write.
        params: of the stage.
        images: calibration images, uint8 [N, H, W, C], where activations are quantised.

    Returns:
        Figures: `compressed_weights` and `skipped_weights` (tensors that stay as they are, though they are large
        enough), `weight_sqnr_db` over all weights, with calibration `quantized_activations`.

    Raises:
        UserError: the package is for an older system than the scheme needs, is compressed already, or lacks an
            excluded operator.
        StageFailed: the library failed, or compressed nothing.
    """
    from edgesmith.conversion import converting
    from edgesmith_stages.formats.coreml import building, load, op_counts, quiet, save, spec_of
    from edgesmith_stages.mil.interpret import Interpreter
    from edgesmith_stages.quantize.coreml.figures import compressed_weights, eligible_weights, made_by, weight_sqnr

    with quiet():
        spec = Interpreter(source.file).package.spec  # refuses what is damaged; coremltools trusts what it reads
        refuse_package(spec, params)
        ranges = None if images is None else _ranges(source, images, params)
        model = load(source.file)
        with building(), converting("coremltools.optimize", "a compressed model", HINT):
            small = apply(model, passes(params, ranges), spec.specificationVersion)
        save(small, made.file)
        written = spec_of(made.file)
        packed, eligible = compressed_weights(written), eligible_weights(model, params)
        if not made_by(params.scheme, op_counts(written)):
            raise nothing_compressed(eligible, params)
        figures: dict[str, Any] = {
            "compressed_weights": packed,
            "skipped_weights": eligible - packed,
            "weight_sqnr_db": weight_sqnr(source.file, made.file, params.min_elements),
        }
    if images is not None:
        figures["quantized_activations"] = op_counts(written)["quantize"]
    return figures


def refuse_package(spec: Any, params: Any) -> None:
    """Raise UserError for a package that params of the stage don't fit; see `compress`."""
    from edgesmith_stages.formats.coreml import op_counts
    from edgesmith_stages.quantize.coreml.figures import is_compressed

    needed, what = target_needed(params)
    if spec.specificationVersion < needed:
        system = FIRST_SYSTEM[needed]
        instead = ", or take palettize-4, which iOS16 has" if what == "int4 weights" else ""
        raise UserError(
            f"{what} need {system}, and this package was exported for an older target",
            hint=f"set `target: {system}` on its export-coreml node{instead}",
        )
    present = op_counts(spec)
    if any(is_compressed(name) for name in present):
        raise UserError(
            "this package's weights are compressed already",
            hint="start from the package that export-coreml made; joint forms, such as a pruned palette, are made by "
            "one node: add `sparsity`, `n_m` or `threshold` to its scheme",
        )
    for name in params.exclude or ():
        if name not in present:
            raise UserError(unknown("operator in `exclude`", name, present))


def _ranges(source: CoreMLModel, images: NDArray[np.uint8], params: Any) -> Ranges:
    from edgesmith_stages.mil.package import Package
    from edgesmith_stages.mil.program import read_function
    from edgesmith_stages.quantize.coreml.ranges import concats, measure, shared

    joined = concats(read_function(Package.open(source.file).spec))
    return shared(measure(source, images, params.calibration_method), joined)


def passes(params: Any, ranges: Ranges | None = None) -> list[Any]:
    """Return coremltools' passes for params of the stage; `ranges` where activations are quantised."""
    from edgesmith_stages.quantize.coreml import activations, palettes, sparsity, weights

    made = [] if ranges is None else activations.passes(params, ranges)
    joint = prunes(params)
    if joint:
        made += sparsity.passes(params)
    joint = joint and params.scheme != "sparse"
    if params.scheme in (*LINEAR, "int8"):
        made += weights.passes(params, joint)
    elif params.scheme in PALETTES:
        made += palettes.passes(params, joint)
    if params.lut_dtype is not None:
        made.append(weights.lut_pass(params))
    return made


def apply(model: Any, passes: list[Any], version: int) -> Any:
    """Run passes on an MLModel's program, and return the MLModel that comes of it, for a specification version."""
    from coremltools.models.utils import _apply_graph_pass

    return _apply_graph_pass(model, passes, spec_version=version, skip_model_load=True)


def nothing_compressed(eligible: int, params: Any) -> StageFailed:
    """Return the error for a package that came out as it went in."""
    if not eligible:
        return StageFailed(
            f"no weight was compressed: none has more than {params.min_elements} elements and is not excluded",
            hint="lower `min_elements`",
        )
    why = {
        "palettize-unique": "none has at most 256 different values; train with them, or take palettize-8",
        "sparse": "none has that many zeros, or the channels that blocks and n:m need; lower `min_sparsity`, "
        "`prune_block` or `n_m`",
    }
    return StageFailed(
        f"{params.scheme} compressed no weight, of {eligible} that are large enough",
        hint=why.get(params.scheme, "take another `granularity`"),
    )
