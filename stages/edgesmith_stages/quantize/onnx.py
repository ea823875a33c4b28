"""Quantise ONNX files with ONNX Runtime's own quantiser."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesmith import OnnxModel
from edgesmith_stages.quantize.graph import Operation, of_types

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


CALIBRATOR_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "minmax": {},
    # By default the range is made symmetric, which after a ReLU wastes half of it.
    "percentile": {"symmetric": False},
    # By default there are as many bins as quantised ones, so that no threshold but the whole range is ever tried:
    # the same bytes as minmax. 1024 take seconds a tensor, and hold 24 dB on a small network where 512 hold 20.
    "entropy": {"num_bins": 1024},
}
"""What the calibrators of ONNX Runtime 1.31 need to be told."""

ATTENTION = ("Softmax", "LayerNormalization", "Reshape", "Transpose", "Slice", "Squeeze", "Split")
"""What stands around attention's products. In int8 Softmax takes six times as long as in float (MobileViT-S), and
what only moves data takes as long, with conversions at either end."""

CHUNK = 16
"""Images between two updates of the histograms: until then, all activations of all images are held in memory."""

PREPARED = "prepared.onnx"
"""In a quantiser's scratch folder: the float file whose nodes the quantised one has."""

HINT = "leave an operator out with `exclude`"


class OnnxQuantiser:
    """Quantises one file, again and again: prepared once, and the ranges of its activations found once.

    Args:
        source: the float file.
        images: calibration images, uint8 [N, H, W, C]; None if only `dynamic-int8` will be asked for.
        method: how ranges follow from them.
        scratch: for intermediate files.
        per_channel: whether each output channel of a weight has a scale of its own.
    """

    def __init__(
        self,
        source: OnnxModel,
        images: NDArray[np.uint8] | None,
        method: str,
        scratch: Path,
        *,
        per_channel: bool = True,
    ) -> None:
        self._source, self._images, self._method, self._scratch = source, images, method, scratch
        self._per_channel = per_channel
        scratch.mkdir(parents=True, exist_ok=True)
        self._prepared = scratch / PREPARED
        self._prepare()

    def _prepare(self) -> None:
        import onnx
        from onnxruntime.quantization.shape_inference import quant_pre_process

        from edgesmith.conversion import converting
        from edgesmith_stages.hush import hushed
        from edgesmith_stages.quantize.onnx_bias import unshare_biases
        from edgesmith_stages.quantize.onnx_fold import fold_certain_softmax

        with hushed(), converting("onnxruntime.quantization", "a quantised model", HINT):
            quant_pre_process(str(self._source.file), str(self._prepared), skip_symbolic_shape=True)
            model = onnx.load(self._prepared)
            if fold_certain_softmax(model):
                onnx.save(model, self._prepared)
                quant_pre_process(str(self._prepared), str(self._prepared), skip_symbolic_shape=True)
                model = onnx.load(self._prepared)
            if unshare_biases(model):
                onnx.save(model, self._prepared)

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """The prepared file's nodes, in order."""
        import onnx

        return tuple(_operations(onnx.load(self._prepared)))

    def slow(self, scheme: str) -> tuple[str, ...]:
        """Return the names of the operations that a scheme leaves in float unless it is told otherwise."""
        return attention(self.operations) if scheme == "int8" else ()

    def write(self, scheme: str, keep: Collection[str], file: Path) -> dict[str, Any]:
        """Write the quantised file: `int8` (static QDQ, activations uint8) or `dynamic-int8`.

        Args:
            scheme: one of the two.
            keep: names of operations that stay in float.
            file: where to.

        Returns:
            Figures: `nodes`.
        """
        import onnx
        from onnxruntime import quantization

        from edgesmith.conversion import converting
        from edgesmith_stages.formats.onnx import save, shorten_quantised_names
        from edgesmith_stages.hush import hushed

        written = self._scratch / "quantised.onnx"
        common: dict[str, Any] = {
            "per_channel": self._per_channel,
            "weight_type": quantization.QuantType.QInt8,
            "nodes_to_exclude": sorted(keep),
        }
        with hushed(), converting("onnxruntime.quantization", "a quantised model", HINT):
            if scheme == "dynamic-int8":
                quantization.quantize_dynamic(str(self._prepared), str(written), **common)
            else:
                quantization.quantize_static(
                    str(self._prepared),
                    str(written),
                    None,
                    quant_format=quantization.QuantFormat.QDQ,
                    activation_type=quantization.QuantType.QUInt8,
                    calibrate_method=_method(self._method),
                    calibration_cache_path=self._ranges,
                    **common,
                )
            model = onnx.load(written)
        shorten_quantised_names(model)
        save(model, file)
        onnx.checker.check_model(str(file))
        return {"nodes": len(model.graph.node)}

    @cached_property
    def _ranges(self) -> Path:
        """Run the float model on the images and write every activation's range, as the quantiser reads it."""
        from onnxruntime.quantization.calibrate import create_calibrator, save_tensors_data

        if self._images is None:
            raise ValueError("static quantisation needs calibration images")
        file = self._scratch / "ranges.json"
        calibrator = create_calibrator(
            self._prepared,
            augmented_model_path=str(file.with_name("augmented.onnx")),
            calibrate_method=_method(self._method),
            providers=["CPUExecutionProvider"],
            extra_options=dict(CALIBRATOR_OPTIONS[self._method]),
        )
        name, contract = calibrator.infer_session.get_inputs()[0].name, self._source.contract
        for begin in range(0, len(self._images), CHUNK):
            calibrator.collect_data(_reader(name, contract.feed(self._images[begin : begin + CHUNK])))
        save_tensors_data(calibrator.compute_data(), file)
        return file


def quantize_onnx(
    source: OnnxModel, made: OnnxModel, params: Any, images: NDArray[np.uint8] | None, scratch: Path
) -> dict[str, Any]:
    """Quantise a file as the params of the stage say.

    Args:
        source: the float file.
        made: where to write.
        params: of the stage.
        images: calibration images, uint8 [N, H, W, C], for `int8`.
        scratch: for intermediate files.

    Returns:
        Figures: `nodes`.
    """
    per_channel = params.granularity != "per_tensor"
    quantiser = OnnxQuantiser(source, images, params.calibration_method, scratch, per_channel=per_channel)
    keep = quantiser.slow(params.scheme) if params.exclude is None else of_types(quantiser.operations, params.exclude)
    return quantiser.write(params.scheme, keep, made.file)


def excluded(model: Any, types: tuple[str, ...]) -> list[str]:
    """Return the names of an onnx.ModelProto's nodes of these types; raise UserError for a type that it lacks."""
    return list(of_types(_operations(model), types))


def attention(operations: Sequence[Operation]) -> tuple[str, ...]:
    """Return the names of what attention consists of besides its linear layers; none where there is no attention."""
    if not any(one.op == "Softmax" for one in operations):
        return ()
    return tuple(one.name for one in operations if one.op in ATTENTION or (one.op == "MatMul" and not one.weights))


def _operations(model: Any) -> list[Operation]:
    from onnx import TensorProto
    from onnxruntime.quantization.registry import IntegerOpsRegistry, QDQRegistry, QLinearOpsRegistry

    known = {*QDQRegistry, *QLinearOpsRegistry, *IntegerOpsRegistry}
    sizes = {
        one.name: [int(size) for size in one.dims] if one.data_type == TensorProto.FLOAT else []
        for one in model.graph.initializer
    }
    varies = {value.name for value in model.graph.input} - set(sizes)
    found = []
    for node in model.graph.node:
        constants = [name for name in node.input if name and name not in varies]
        varies |= set(node.output) if len(constants) < len([name for name in node.input if name]) else set()
        found.append(
            Operation(
                name=node.name,
                op=node.op_type,
                inputs=tuple(name for name in node.input if name in varies and name not in constants),
                outputs=tuple(node.output),
                constants=bool(constants),
                weights=any(sum(size > 1 for size in sizes.get(name, ())) >= 2 for name in constants),
                quantisable=node.op_type in known,
            )
        )
    return found


def _method(name: str) -> Any:
    from onnxruntime.quantization import CalibrationMethod

    methods = {
        "minmax": CalibrationMethod.MinMax,
        "percentile": CalibrationMethod.Percentile,
        "entropy": CalibrationMethod.Entropy,
    }
    return methods[name]


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
