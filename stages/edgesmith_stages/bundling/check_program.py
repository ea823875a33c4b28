"""Replay a bundle's golden pair: `python check.py` in the bundle's folder, or `python check.py FOLDER`.

It needs numpy and the format's runtime: onnxruntime for .onnx, ai-edge-litert for .tflite, coremltools on macOS for
.mlpackage. With Pillow it also makes the input anew, from the PNG files. Exit code: 0 if all agree, 1 if not, 2 if this
machine can't tell.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[[Any], Any]


def preprocess(pixels: Any, tensor: dict[str, Any]) -> Any:
    """Turn cropped images, uint8 [N, H, W, C], into what the model file takes."""
    import numpy as np

    if tensor["values"] == "normalised":
        mean, std = (np.asarray(tensor[key], np.float32) for key in ("mean", "std"))
        rows = (pixels.astype(np.float32) / np.float32(255) - mean) / std
    elif tensor["values"] == "pixel - 128":
        rows = pixels.astype(np.int16) - 128
    else:
        rows = pixels
    if tensor["layout"] == "NCHW":
        rows = rows.transpose(0, 3, 1, 2)
    if tensor["quantization"]:
        limits = np.iinfo(tensor["dtype"])
        scale, zero = np.float32(tensor["quantization"]["scale"]), tensor["quantization"]["zero_point"]
        rows = np.clip(np.rint(rows.astype(np.float32) / scale + zero), limits.min, limits.max)
    return np.ascontiguousarray(rows.astype(tensor["dtype"]))


def stored(folder: Path, entry: dict[str, Any]) -> Any:
    """Read an array: raw, little-endian, the last axis fastest."""
    import numpy as np

    dtype = np.dtype(entry["dtype"]).newbyteorder("<")
    return np.fromfile(folder / entry["file"], dtype).reshape(entry["shape"])


def distance(wanted: Any, found: Any) -> float:
    """Largest difference between two answers to one image, as a part of the largest value that is wanted."""
    import numpy as np

    if found.shape != wanted.shape or not np.isfinite(found).all():
        return float("inf")
    difference = float(np.abs(wanted - found).max())
    return difference / float(np.abs(wanted).max()) if difference else 0.0


def onnx(file: Path, contents: dict[str, Any]) -> Run:
    """Open an ONNX file."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # it would tell its makers of the model
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return lambda row: session.run([contents["output"]["name"]], {contents["tensor"]["name"]: row})[0]


def tflite(file: Path, contents: dict[str, Any]) -> Run:
    """Open a TFLite file."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter: Any = Interpreter(model_path=str(file))
    interpreter.allocate_tensors()
    given, answer = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def run(row: Any) -> Any:
        interpreter.set_tensor(given, row)
        interpreter.invoke()
        return interpreter.get_tensor(answer)

    return run


def coreml(file: Path, contents: dict[str, Any]) -> Run:
    """Open a Core ML package."""
    if sys.platform != "darwin":
        raise ImportError("Core ML runs on macOS only")
    import coremltools
    import numpy as np
    from PIL import Image

    model = coremltools.models.MLModel(str(file))
    tensor, output = contents["tensor"], contents["output"]

    def run(row: Any) -> Any:
        given = row
        if tensor["form"] == "image":
            given = Image.fromarray(row[0, :, :, 0] if row.shape[-1] == 1 else row[0])
        answer = model.predict({tensor["name"]: given})[output["name"]]
        if output["form"] != "probabilities":
            return answer
        by_label = {str(label): value for label, value in answer.items()}
        return np.array([by_label[label] for label in output["classes"]])

    return run


FORMATS: dict[str, Callable[[Path, dict[str, Any]], Run]] = {"onnx": onnx, "tflite": tflite, "coreml": coreml}


def check_pictures(folder: Path, contents: dict[str, Any], wanted: Any) -> bool:
    """Make the input anew from the PNG files, if Pillow is here; tell whether it is the stored one."""
    import numpy as np

    try:
        from PIL import Image
    except ImportError:
        print("images  not checked: Pillow is not installed")
        return True
    color = contents["image"]["color"]
    pictures = [np.asarray(Image.open(folder / name).convert(color)) for name in contents["golden"]["images"]]
    pixels = np.stack([one[:, :, None] if one.ndim == 2 else one for one in pictures])
    same = np.array_equal(preprocess(pixels, contents["tensor"]), wanted)
    print(f"images  {'ok' if same else 'FAILED'}: {len(pixels)} preprocessed, and compared with the stored input")
    return same


def check(folder: Path) -> bool:
    """Run the model on the stored input and compare; print a line for each image.

    Raises:
        ImportError: the runtime is not here.
    """
    import numpy as np

    contents = json.loads((folder / "preprocess.json").read_text(encoding="utf-8"))
    golden, output = contents["golden"], contents["output"]
    rows, wanted = stored(folder, golden["input"]), stored(folder, golden["output"])
    run = FORMATS[contents["model"]["format"]](folder / contents["model"]["file"], contents)
    passed = check_pictures(folder, contents, rows)
    for place, name in enumerate(golden["images"]):
        found = np.asarray(run(rows[place : place + 1]), np.float32).reshape(-1)
        if output["quantization"]:
            scale, zero = np.float32(output["quantization"]["scale"]), output["quantization"]["zero_point"]
            found = (found - np.float32(zero)) * scale
        off = distance(wanted[place], found)
        good = off <= golden["tolerance"]
        print(f"{name}  {'ok' if good else 'FAILED'}: off by {off:.2g}, allowed {golden['tolerance']:g}")
        passed = passed and good
    return passed


if __name__ == "__main__":
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    try:
        sys.exit(0 if check(place) else 1)
    except ImportError as reason:
        print(f"not checked: {reason}", file=sys.stderr)
        sys.exit(2)
