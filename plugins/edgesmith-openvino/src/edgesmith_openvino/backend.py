"""OpenVINO and NNCF: the versions that are asked for, how they are imported, how the CPU runs a model."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

OPENVINO = ("openvino>=2026.4,<2027", "numpy>=2")
NNCF = (*OPENVINO, "nncf>=3.4,<4")


def openvino() -> Any:
    """Import OpenVINO, without its telemetry, and return the module."""
    _no_telemetry()
    import openvino

    return openvino


def nncf() -> Any:
    """Import NNCF, without its telemetry and below warnings silent, and return the module."""
    _no_telemetry()
    import logging

    import nncf

    nncf.set_log_level(logging.WARNING)
    return nncf


def _no_telemetry() -> None:
    """Make `openvino_telemetry` look uninstalled, which both libraries allow for.

    Without asking, either library writes ~/intel when it is imported, and NNCF sends events to Google Analytics.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


def cpu_options(threads: int) -> Mapping[str, Any]:
    """Return the CPU device's properties for single-stream inference on `threads` threads, in float32.

    By default the device computes in bfloat16 where the processor can, quantises activations of compressed layers by
    itself, and binds threads to cores, which in a container may be cores that others have.
    """
    return {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
        "ENABLE_CPU_PINNING": False,
    }


def gist(error: BaseException) -> str:
    """Return the telling line of an error: the one that names unknown operators, else the last.

    The first lines of OpenVINO's errors name places in its own source, and after an unknown operator all those behind
    it fail too.
    """
    lines = [line.strip("- ") for line in str(error).splitlines() if line.strip("- ")]
    unknown = [line for line in lines if line.startswith("No conversion rule found")]
    return (unknown or lines[-1:] or [type(error).__name__])[0][:400]
