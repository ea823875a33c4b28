"""IR files: equal models are equal bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from edgesmith import OnnxModel
from edgesmith.testing import folder_digest
from edgesmith_openvino.ir import tidy, types
from edgesmith_openvino.model import OpenVinoModel

GRAPH = b"""<?xml version="1.0"?>
<net name="Model7" version="11">
  <layers>
    <layer id="0" name="Image_5" type="Parameter" version="opset1"/>
    <layer id="1" name="Constant_1995_compressed" type="Const" version="opset1"/>
    <layer id="2" name="Convert_17" type="Convert" version="opset1">
      <rt_info><attribute name="decompression" version="0"/></rt_info>
    </layer>
    <layer id="3" name="Constant_7485" type="Const" version="opset1"/>
    <layer id="4" name="Constant_1995/copy" type="Const" version="opset1"/>
    <layer id="5" name="node_conv2d_3" type="Add" version="opset1"/>
  </layers>
  <rt_info>
    <Runtime_version value="2026.4.1"/>
    <conversion_parameters><input_model value="/home/me/model.onnx"/></conversion_parameters>
    %s
  </rt_info>
</net>"""


def names(xml: bytes) -> list[str | None]:
    """The layers' names, in order."""
    return [layer.get("name") for layer in ElementTree.fromstring(xml).iter("layer")]


def test_nameless_nodes_are_numbered_by_their_order() -> None:
    """The process' count of all nodes ever made is gone; inputs, and names that a converter gave, stay."""
    wanted = ["Image_5", "Constant_0_compressed", "Convert_0", "Constant_1", "Constant_0/copy", "node_conv2d_3"]
    assert names(tidy(GRAPH % b"")) == wanted


def test_versions_paths_and_white_space_are_gone() -> None:
    """What tells a device how to compute stays: marks of layers, and options of the model."""
    tidied = tidy(GRAPH % b"")
    assert b"2026" not in tidied and b"/home/me" not in tidied and b"\n  " not in tidied
    assert b'name="decompression"' in tidied
    assert b"KV_CACHE" in tidy(GRAPH % b'<runtime_options><KV_CACHE value="u8"/></runtime_options>')


def test_tidying_twice_changes_nothing() -> None:
    """A quantised model is made from a tidy one."""
    once = tidy(GRAPH % b"")
    assert tidy(once) == once


def test_a_model_made_again_is_the_same_bytes(
    make_onnx: Callable[..., OnnxModel], convert: Callable[..., OpenVinoModel], tmp_path: Path
) -> None:
    """Although OpenVINO counts on, and the source lies elsewhere."""
    first, second = (convert(make_onnx(tmp_path / name / "onnx"), tmp_path / name / "ir") for name in ("a", "b"))
    assert folder_digest(first.path) == folder_digest(second.path)
    assert sorted(p.name for p in first.file.iterdir()) == ["model.bin", "model.xml"]


def test_both_files_are_the_models_bytes(float_model: OpenVinoModel) -> None:
    """Tables show the sum."""
    assert float_model.bytes() == sum(float_model.xml.with_suffix(end).stat().st_size for end in (".xml", ".bin"))


def test_half_the_bytes_in_half_precision(
    onnx_model: OnnxModel, float_model: OpenVinoModel, convert: Callable[..., OpenVinoModel], tmp_path: Path
) -> None:
    """Of the weights."""
    half = convert(onnx_model, tmp_path / "half", half=True).xml.with_suffix(".bin").stat().st_size
    assert half < 0.55 * float_model.xml.with_suffix(".bin").stat().st_size


def test_types_leave_constants_inputs_and_outputs_out(float_model: OpenVinoModel) -> None:
    """They are no operations."""
    from edgesmith_openvino.backend import openvino

    found = types(openvino().Core().read_model(float_model.xml))
    assert found.count("Convolution") == 2 and found.count("MatMul") == 1
    assert not {"Constant", "Parameter", "Result"} & set(found)
