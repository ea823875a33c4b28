"""All that can be made of an ONNX file, as tuning drives it: integers, and halves."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from edgesmith import OnnxModel
from edgesmith_stages.quantize.onnx import OnnxQuantiser
from edgesmith_stages.quantize.params import QuantizeParams


class OnnxSchemes(OnnxQuantiser):
    """The integer schemes of one file, and `fp16` of the whole of it.

    Halves choose by themselves what stays in single precision, and take no names to keep.
    """

    def write(self, scheme: str, keep: Collection[str], file: Path) -> dict[str, Any]:
        """Write the file under a scheme; return its figures."""
        if scheme != "fp16":
            return super().write(scheme, keep, file)
        from edgesmith_stages.quantize.onnx_half import halve_onnx

        with tempfile.TemporaryDirectory(dir=self._scratch) as name:
            scratch = Path(name)
            made = OnnxModel(scratch / "half")
            made.path.mkdir()
            params = QuantizeParams.model_validate({"scheme": scheme})
            figures = halve_onnx(self._source, made, params, self._source.golden()[0], scratch)
            made.file.replace(file)
        return figures
