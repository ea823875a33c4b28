"""An ONNX file as OpenVINO IR: in single precision, or quantised by NNCF (`int8`, `transformer`)."""

import sys
from pathlib import Path

import nncf
import numpy as np
import openvino


def main(source: str, calibration: str, result: str, variant: str = "float") -> None:
    """Convert and quantise; `result` is a folder."""
    model = openvino.convert_model(source)
    if variant != "float":
        rows = np.load(calibration)
        model = nncf.quantize(
            model,
            nncf.Dataset([row[None] for row in rows]),
            subset_size=len(rows),
            model_type=nncf.ModelType.TRANSFORMER if variant == "transformer" else None,
        )
    openvino.save_model(model, Path(result, "model.xml"), compress_to_fp16=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
