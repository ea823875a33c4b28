"""How OpenVINO and NNCF are imported, and how their errors read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgesmith import StageFailed, converting
from edgesmith_openvino.backend import cpu_options, gist

OPENVINO_SAYS = """Check 'false' failed at src/frontends/common_translators/src/unconverted_ops_report.cpp:151:
FrontEnd API failed with OpConversionFailure:
Model wasn't fully converted.
Summary:
-- No conversion rule found for operations: acme.Bessel
-- Conversion is failed for: Conv-20, ReduceMean-20
"""


@pytest.mark.slow
def test_neither_library_writes_to_the_home_folder(tmp_path: Path) -> None:
    """By themselves they make ~/intel with an identifier at import, and NNCF sends events to an analytics service."""
    code = "from edgesmith_openvino.backend import nncf, openvino; openvino(); nncf()"
    home = {"HOME": str(tmp_path), "PATH": ""}
    subprocess.run([sys.executable, "-c", code], env=home, check=True, timeout=120)
    assert not (tmp_path / "intel").exists()


def test_the_telling_line_of_an_error_names_the_unknown_operator() -> None:
    """Else it is the last: those before it name places in OpenVINO's source."""
    assert gist(RuntimeError(OPENVINO_SAYS)) == "No conversion rule found for operations: acme.Bessel"
    assert gist(RuntimeError("Exception from core.cpp:132:\nno such file\n\n")) == "no such file"
    assert gist(KeyError()) == "KeyError"


def test_that_line_is_what_the_user_is_told() -> None:
    """With a hint, and no traceback."""
    told = r"OpenVINO could not make a model: No conversion rule.*acme\.Bessel\n  hint: another"
    with pytest.raises(StageFailed, match=told), converting("OpenVINO", "a model", "another", telling=gist):
        raise RuntimeError(OPENVINO_SAYS)


def test_the_cpu_computes_in_float32_on_the_threads_given() -> None:
    """Its default is bfloat16 where the processor can, which would decide parity by machine."""
    options = cpu_options(3)
    assert (options["INFERENCE_NUM_THREADS"], options["INFERENCE_PRECISION_HINT"]) == (3, "f32")
