"""The `adb` target: an Android device, measured by LiteRT's `benchmark_model`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from edgesmith import Launch, Model, RuntimeUnavailable, Target, TfliteModel, UserError
from edgesmith_stages.targets.adb.client import find_adb, find_device
from edgesmith_stages.targets.adb.session import ToolSession
from edgesmith_stages.targets.adb.state import identity

TOOL_VARIABLE = "EDGESMITH_BENCHMARK_MODEL"
_FLAGS: Mapping[str, tuple[str, ...]] = {
    "cpu": (),
    "xnnpack": ("--use_xnnpack=true",),
    "gpu": ("--use_gpu=true",),
    "nnapi": ("--use_nnapi=true",),
}


class Adb(Target):
    """An Android device over adb: TFLite models, measured by LiteRT's own `benchmark_model` (docs/targets.md).

    The model and the tool are pushed once, by digest, and the tool is run there with its own random inputs. It gives
    timings and memory, no outputs: accuracy is for `evaluate`.
    """

    name, version = "adb", "1"
    own_runtime = True

    class Params(Target.Params):
        """Which device, which tool, which delegate."""

        serial: str | None = Field(
            None, description="the device, as `adb devices` has it; by default ANDROID_SERIAL's, or the only one"
        )
        delegate: Literal["cpu", "xnnpack", "gpu", "nnapi"] = Field(
            "cpu", description="what runs the graph: the tool's default on the CPU, or a delegate that is asked for"
        )
        benchmark_model: str | None = Field(
            None, description=f"path of the tool, built for the device; by default {TOOL_VARIABLE}'s"
        )
        folder: str = Field(
            "/data/local/tmp/edgesmith", pattern="^/", description="where files go on the device; it can run programs"
        )
        max_seconds: float = Field(
            150.0, gt=0, allow_inf_nan=False, description="most that the runs of a model may take, and its warm-up"
        )

    def check(self) -> None:
        """Refuse a run without the tool."""
        self._tool()

    def identity(self) -> Mapping[str, Any]:
        """Return what the device is, the delegate, and the tool's digest."""
        find_adb()
        # Before the device, as asking for one starts adb's server.
        tool = hashlib.sha256(self._tool().read_bytes()).hexdigest()
        told = identity(find_device(self.params.serial))
        return {**told, "delegate": self.params.delegate, "benchmark_model": tool}

    def open(self, launch: Launch | None, model: Model, threads: int) -> ToolSession:
        """Bring the tool and the model to the device."""
        if not isinstance(model, TfliteModel):
            raise RuntimeUnavailable(f"{self.name} runs tflite models, not {model.kind}")
        device = find_device(self.params.serial)
        tool = device.put(self._tool(), self.params.folder, executable=True)
        graph = device.put(model.file, self.params.folder)
        flags = _FLAGS[self.params.delegate]
        return ToolSession(device, model, tool, graph, threads, flags, self.params.max_seconds)

    def _tool(self) -> Path:
        given = self.params.benchmark_model or os.environ.get(TOOL_VARIABLE)
        hint = (
            "download android_arm64's benchmark_model (https://ai.google.dev/edge/litert/next/benchmark), or build it, "
            f"and name it: `target: {{name: adb, benchmark_model: PATH}}`, or {TOOL_VARIABLE}=PATH"
        )
        if not given:
            raise UserError("LiteRT's benchmark_model is needed for Android devices, and none is named", hint=hint)
        if not Path(given).is_file():
            raise UserError(f"there is no benchmark_model at {given!r}", hint=hint)
        return Path(given)
