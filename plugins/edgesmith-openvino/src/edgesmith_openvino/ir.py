"""OpenVINO IR files whose bytes depend on the model alone."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

_NUMBERED = re.compile(r"(?<![A-Za-z0-9])([A-Z][A-Za-z0-9]*)_(\d+)(?![A-Za-z0-9])")
"""What OpenVINO calls a node that has no name: its type, and a count of the nodes that the process has made so far."""

_KEPT_INFO = "runtime_options"
"""The one entry of the model's own information that devices read; others tell versions, paths and how it was made."""


def save(model: Any, xml: Path, *, half: bool = False) -> None:
    """Write an `openvino.Model` to `xml`, with its weights beside it; equal models are equal bytes.

    Args:
        model: the model; it stays as it is.
        xml: the graph's file, `*.xml`; the folder is made.
        half: keep float32 weights as float16, to be widened when the model is loaded.
    """
    from edgesmith_openvino.backend import openvino

    xml.parent.mkdir(parents=True, exist_ok=True)
    openvino().save_model(model, xml, compress_to_fp16=half)
    xml.write_bytes(tidy(xml.read_bytes()))


def tidy(xml: bytes) -> bytes:
    """Return the graph without versions, paths and counters, and without the white space of a third of its size."""
    from xml.etree import ElementTree

    root = ElementTree.fromstring(xml)
    for info in root.findall("rt_info"):
        for entry in [one for one in info if one.tag != _KEPT_INFO]:
            info.remove(entry)
        if len(info) == 0:
            root.remove(info)
    for element in root.iter():
        element.text = (element.text or "").strip() or None
        element.tail = None
    _number_anew(root)
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _number_anew(root: Any) -> None:
    """Count nameless nodes by their order in the file: as many names as before, so that none is given twice."""
    numbers: dict[str, dict[str, int]] = defaultdict(dict)

    def anew(match: re.Match[str]) -> str:
        known = numbers[match[1]]
        return f"{match[1]}_{known.setdefault(match[2], len(known))}"

    for layer in root.iter("layer"):
        if layer.get("type") not in ("Parameter", "Result"):
            layer.set("name", _NUMBERED.sub(anew, layer.get("name", "")))


def types(model: Any) -> list[str]:
    """Return the type of every operation of an `openvino.Model`, constants, inputs and outputs left out."""
    found = [str(op.get_type_name()) for op in model.get_ordered_ops()]
    return [name for name in found if name not in ("Constant", "Parameter", "Result")]
