"""ONNX Runtime's `quantize_static`: with its defaults, or unsigned activations and weights per channel (`u8s8`)."""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process


class Reader(quantization.CalibrationDataReader):
    """Gives one row after the other."""

    def __init__(self, name: str, rows: np.ndarray) -> None:
        self.feeds = iter([{name: row[None]} for row in rows])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.feeds, None)


def main(source: str, calibration: str, result: str, variant: str = "") -> None:
    """Quantise a file."""
    prepared = str(Path(result).with_suffix(".prepared.onnx"))
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    name = onnx.load(prepared).graph.input[0].name
    options = {"per_channel": True, "activation_type": quantization.QuantType.QUInt8} if variant == "u8s8" else {}
    quantization.quantize_static(prepared, result, Reader(name, np.load(calibration)), **options)


if __name__ == "__main__":
    main(*sys.argv[1:])
