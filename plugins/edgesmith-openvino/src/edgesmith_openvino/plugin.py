"""The entry point."""

from __future__ import annotations

from edgesmith import Artifact, Runtime, Stage, hookimpl

edgesmith_contract = 1
"""The version of edgesmith's plugin contract that this was written for."""


@hookimpl
def edgesmith_artifact_kinds() -> list[type[Artifact]]:
    """The kind `openvino`."""
    from edgesmith_openvino.model import OpenVinoModel

    return [OpenVinoModel]


@hookimpl
def edgesmith_stages() -> list[type[Stage]]:
    """The stages `export-openvino` and `quantize-openvino`."""
    from edgesmith_openvino.export import ExportOpenVino
    from edgesmith_openvino.quantize import QuantizeOpenVino

    return [ExportOpenVino, QuantizeOpenVino]


@hookimpl
def edgesmith_runtimes() -> list[type[Runtime]]:
    """The runtime `openvino`."""
    from edgesmith_openvino.runtime import OpenVino

    return [OpenVino]
