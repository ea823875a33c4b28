"""ONNX to TFLite through a TensorFlow SavedModel: called in the environment of onnx2tf, which has no torch."""

from __future__ import annotations

import contextlib
import io
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgesmith import StageFailed
from edgesmith.conversion import converting

PROBE = "calibration_image_sample_data_20x128x128x3_float32.npy"
"""What onnx2tf compares its operators on. It downloads one that isn't in the working directory."""

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_HINT = "take `backend: litert-torch`, or the ONNX export, which covers more"


def convert(onnx: str, file: str, layout: str, scheme: str, samples: str | None) -> None:
    """Write a TFLite file.

    Args:
        onnx: an ONNX file with one input, float32 [1, C, H, W], and one output.
        file: where to write.
        layout: of the file's input, `NHWC` or `NCHW`.
        scheme: `float`; `fp16` weights; `dynamic-int8` weights; or `int8` throughout, with float input and output.
        samples: for `int8`, a .npy file of inputs, float32 [N, ...] in `layout`, that the ranges follow from.
    """
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    with tempfile.TemporaryDirectory(prefix="edgesmith-") as work, contextlib.chdir(work):
        with converting("onnx2tf", "a TensorFlow model", _HINT), _no_exit():
            network = _to_keras(onnx, layout)
        with converting("TensorFlow", "a TFLite model", _HINT):
            _save(network, "saved_model")
            content = _to_tflite("saved_model", scheme, samples)
        Path(file).write_bytes(content)


def _to_keras(onnx: str, layout: str) -> Any:
    """Return the Keras model that onnx2tf makes: each operator compared with ONNX Runtime's, transposed if need be.

    Without that comparison (its `disable_strict_mode`) it is seven times as quick, and MobileViTv2 comes out wrong.
    """
    import numpy as np
    import onnx2tf

    np.save(PROBE, np.random.default_rng(0).random((20, 128, 128, 3), dtype=np.float32), allow_pickle=False)
    names = [_input_name(onnx)] if layout == "NCHW" else None
    return onnx2tf.convert(
        input_onnx_file_path=onnx,
        output_folder_path="onnx2tf",
        keep_ncw_or_nchw_or_ncdhw_input_names=names,
        not_use_onnxsim=True,
        # What it would save is made from Keras three times over, in minutes; see `_save`.
        disable_model_save=True,
        non_verbose=True,
        verbosity="error",
    )


def _input_name(file: str) -> str:
    import onnx

    return str(onnx.load(file).graph.input[0].name)


def _save(network: Any, folder: str) -> None:
    """Write a SavedModel of the graph alone: Keras' description of each layer, which nobody reads, takes a minute."""
    import tensorflow as tf

    module = tf.Module()
    module.call = tf.function(
        lambda image: {"logits": network(image)},
        input_signature=[tf.TensorSpec(network.inputs[0].shape, tf.float32, name="image")],
    )
    # Those that the graph reads: onnx2tf makes some that the Keras model does not list (GhostNetV2's).
    module.weights = list(module.call.get_concrete_function().variables)
    tf.saved_model.save(module, folder, signatures=module.call)


def _to_tflite(folder: str, scheme: str, samples: str | None) -> bytes:
    import numpy as np
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(folder)
    if scheme != "float":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if scheme == "fp16":
        converter.target_spec.supported_types = [tf.float16]
    if scheme == "int8":
        rows = np.load(str(samples), allow_pickle=False)
        converter.representative_dataset = lambda: ([row[None]] for row in rows)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return bytes(converter.convert())


@contextlib.contextmanager
def _no_exit() -> Iterator[None]:
    """Turn the exit that onnx2tf takes on an operator it doesn't know into an error, in the words that it printed."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            yield
    except SystemExit as error:
        lines = [line for line in _COLOURS.sub("", printed.getvalue()).splitlines() if line.strip()]
        told = next((line for line in lines if "ERROR" in line), lines[-1] if lines else "it gave no reason")
        raise StageFailed(f"onnx2tf could not make a TensorFlow model: {told.strip()[:400]}", hint=_HINT) from error
