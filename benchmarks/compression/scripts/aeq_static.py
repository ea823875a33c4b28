"""ai-edge-quantizer's own static recipe, with its own calibration."""

import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe


def main(source: str, calibration: str, result: str) -> None:
    """Quantise a file."""
    content = Path(source).read_bytes()
    signature, names = next(iter(Interpreter(model_content=content).get_signature_list().items()))
    data = {signature: [{names["inputs"][0]: row[None]} for row in np.load(calibration)]}
    made = quantizer.Quantizer(content, recipe.static_wi8_ai8())
    Path(result).write_bytes(bytes(made.quantize(made.calibrate(data)).quantized_model))


if __name__ == "__main__":
    main(*sys.argv[1:])
