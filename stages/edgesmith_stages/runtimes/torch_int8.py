"""Run quantised torch artifacts with torch itself."""

from __future__ import annotations

from edgesmith import Toolchain
from edgesmith_stages.quantize.torch_pt2e.artifact import RESOLVED, QuantizedTorchModel
from edgesmith_stages.runtimes.torch_runtime import TorchRuntime


class TorchInt8Runtime(TorchRuntime):
    """Eager torch on the CPU, in float32, with every int8 tensor rounded as the integer kernels of phones round it.

    Its answers are those of the model on a phone, but for the roundings of accumulators; its speed says nothing.
    """

    name = "torch-int8"
    accepts = (QuantizedTorchModel,)
    requirements = QuantizedTorchModel.requirements

    @classmethod
    def toolchain(cls) -> Toolchain:
        """torchao, as of a date."""
        return Toolchain(cls.requirements, exclude_newer=RESOLVED)
