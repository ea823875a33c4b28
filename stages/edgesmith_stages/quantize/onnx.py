"""Quantise ONNX files with ONNX Runtime's own quantiser."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesmith import OnnxModel, UserError
from edgesmith.errors import unknown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import InputContract

CALIBRATOR_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "minmax": {},
    # By default the range is made symmetric, which after a ReLU wastes half of it.
    "percentile": {"symmetric": False},
    # By default there are as many bins as quantised ones, so that no threshold but the whole range is ever tried:
    # the same bytes as minmax. 1024 take seconds a tensor, and hold 24 dB on a small network where 512 hold 20.
    "entropy": {"num_bins": 1024},
}
"""What the calibrators of ONNX Runtime 1.31 need to be told."""


CHUNK = 16
"""Images between two updates of the histograms: until then, all activations of all images are held in memory."""


def quantize_onnx(
    source: OnnxModel, made: OnnxModel, params: Any, images: NDArray[np.uint8] | None, scratch: Path
) -> dict[str, Any]:
    """Quantise a file: `int8` (static QDQ, weights per channel, activations uint8) or `dynamic-int8`.

    Args:
        source: the float file.
        made: where to write.
        params: of the stage.
        images: calibration images, uint8 [N, H, W, C], for `int8`.
        scratch: for intermediate files.

    Returns:
        Figures: `nodes`.
    """
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    from edgesmith.conversion import converting
    from edgesmith_stages.formats.onnx import save, shorten_quantised_names
    from edgesmith_stages.hush import hushed

    prepared, written = scratch / "prepared.onnx", scratch / "quantised.onnx"
    hint = "leave an operator out with `exclude`"
    with hushed(), converting("onnxruntime.quantization", "a quantised model", hint):
        quant_pre_process(str(source.file), str(prepared), skip_symbolic_shape=True)
        skipped = excluded(onnx.load(prepared), params.exclude or ())
        common = {"per_channel": True, "weight_type": quantization.QuantType.QInt8, "nodes_to_exclude": skipped}
        if images is None:
            quantization.quantize_dynamic(str(prepared), str(written), **common)
        else:
            ranges = scratch / "ranges.json"
            _write_ranges(prepared, ranges, source.contract, images, params.calibration_method)
            quantization.quantize_static(
                str(prepared),
                str(written),
                None,
                quant_format=quantization.QuantFormat.QDQ,
                activation_type=quantization.QuantType.QUInt8,
                calibrate_method=_method(params.calibration_method),
                calibration_cache_path=ranges,
                **common,
            )
        model = onnx.load(written)
    shorten_quantised_names(model)
    save(model, made.file)
    onnx.checker.check_model(str(made.file))
    return {"nodes": len(model.graph.node)}


def excluded(model: Any, types: tuple[str, ...]) -> list[str]:
    """Return the names of the nodes of these operator types; raise UserError for a type that the model lacks."""
    present = {node.op_type for node in model.graph.node}
    for name in types:
        if name not in present:
            raise UserError(unknown("operator in `exclude`", name, present))
    return [node.name for node in model.graph.node if node.op_type in types]


def _method(name: str) -> Any:
    from onnxruntime.quantization import CalibrationMethod

    methods = {
        "minmax": CalibrationMethod.MinMax,
        "percentile": CalibrationMethod.Percentile,
        "entropy": CalibrationMethod.Entropy,
    }
    return methods[name]


def _write_ranges(prepared: Path, file: Path, contract: InputContract, images: NDArray[np.uint8], method: str) -> None:
    """Run the float model on the images and write every activation's range, as the quantiser reads it."""
    from onnxruntime.quantization.calibrate import create_calibrator, save_tensors_data

    calibrator = create_calibrator(
        prepared,
        augmented_model_path=str(file.with_name("augmented.onnx")),
        calibrate_method=_method(method),
        providers=["CPUExecutionProvider"],
        extra_options=dict(CALIBRATOR_OPTIONS[method]),
    )
    name = calibrator.infer_session.get_inputs()[0].name
    for begin in range(0, len(images), CHUNK):
        calibrator.collect_data(_reader(name, contract.feed(images[begin : begin + CHUNK])))
    save_tensors_data(calibrator.compute_data(), file)


def _reader(name: str, rows: NDArray[np.generic]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Gives one image after the other."""

        def __init__(self) -> None:
            self.rows = iter(rows)

        def get_next(self) -> dict[str, Any] | None:
            row = next(self.rows, None)
            return None if row is None else {name: row[None]}

    return Reader()
