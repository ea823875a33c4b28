"""edgesmith: all that a plugin author imports.

Names are loaded at first use, so that `import edgesmith` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgesmith.artifacts import Artifact as Artifact
    from edgesmith.artifacts import CoreMLModel as CoreMLModel
    from edgesmith.artifacts import Model as Model
    from edgesmith.artifacts import OnnxModel as OnnxModel
    from edgesmith.artifacts import Report as Report
    from edgesmith.artifacts import TfliteModel as TfliteModel
    from edgesmith.artifacts import TorchModel as TorchModel
    from edgesmith.context import Context as Context
    from edgesmith.conversion import converting as converting
    from edgesmith.dataset import Dataset as Dataset
    from edgesmith.dataset import Split as Split
    from edgesmith.errors import Cancelled as Cancelled
    from edgesmith.errors import EdgesmithError as EdgesmithError
    from edgesmith.errors import RuntimeUnavailable as RuntimeUnavailable
    from edgesmith.errors import StageFailed as StageFailed
    from edgesmith.errors import UserError as UserError
    from edgesmith.golden import carry as carry
    from edgesmith.golden import read_golden as read_golden
    from edgesmith.golden import write_golden as write_golden
    from edgesmith.hooks import hookimpl as hookimpl
    from edgesmith.input_contract import InputContract as InputContract
    from edgesmith.model_source import ModelSource as ModelSource
    from edgesmith.parity import Parity as Parity
    from edgesmith.parity import outputs_of as outputs_of
    from edgesmith.parity import probe_images as probe_images
    from edgesmith.pipelines import PipelineRun as PipelineRun
    from edgesmith.pipelines import PipelineView as PipelineView
    from edgesmith.ports import decided as decided
    from edgesmith.ports import like as like
    from edgesmith.ports import many as many
    from edgesmith.ports import optional as optional
    from edgesmith.process import Launch as Launch
    from edgesmith.process import ModelProcess as ModelProcess
    from edgesmith.refs import DatasetRef as DatasetRef
    from edgesmith.refs import FileRef as FileRef
    from edgesmith.refs import PipelineRef as PipelineRef
    from edgesmith.refs import TargetRef as TargetRef
    from edgesmith.runtime import Runtime as Runtime
    from edgesmith.runtime import Tap as Tap
    from edgesmith.session import Session as Session
    from edgesmith.session import Timing as Timing
    from edgesmith.stage import Stage as Stage
    from edgesmith.stage import Toolchain as Toolchain
    from edgesmith.target import Target as Target
    from edgesmith.target import WorkPool as WorkPool
    from edgesmith.tool import Tool as Tool

CONTRACT = 1
"""Version of the plugin contract: raised when a plugin written for the one before may need a change."""

COMPUTING = frozenset({"artifacts", "calibration", "estimates", "golden", "input_contract", "parity", "turns"})
"""Modules of the contract whose code shapes artifacts: a change changes the keys of stages that import from them."""

_HOMES = {
    "artifacts": ("Artifact", "CoreMLModel", "Model", "OnnxModel", "Report", "TfliteModel", "TorchModel"),
    "context": ("Context",),
    "conversion": ("converting",),
    "dataset": ("Dataset", "Split"),
    "errors": ("Cancelled", "EdgesmithError", "RuntimeUnavailable", "StageFailed", "UserError"),
    "golden": ("carry", "read_golden", "write_golden"),
    "hooks": ("hookimpl",),
    "input_contract": ("InputContract",),
    "model_source": ("ModelSource",),
    "parity": ("Parity", "outputs_of", "probe_images"),
    "pipelines": ("PipelineRun", "PipelineView"),
    "ports": ("decided", "like", "many", "optional"),
    "process": ("Launch", "ModelProcess"),
    "refs": ("DatasetRef", "FileRef", "PipelineRef", "TargetRef"),
    "runtime": ("Runtime", "Tap"),
    "session": ("Session", "Timing"),
    "stage": ("Stage", "Toolchain"),
    "target": ("Target", "WorkPool"),
    "tool": ("Tool",),
}
_LEAVING: dict[str, tuple[str, int]] = {}
"""Names on their way out: what to use instead, and the contract version that no longer has them (docs/contract.md)."""

_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["CONTRACT", *sorted(_HOME_OF)]


def home_of(name: str) -> str:
    """Return the module of the contract that defines one of its names; a name that none defines is a module's own."""
    return _HOME_OF.get(name, name)


def __getattr__(name: str) -> Any:
    if name in _LEAVING:
        from edgesmith.deprecation import deprecated

        instead, until = _LEAVING[name]
        deprecated(f"edgesmith.{name}", f"edgesmith.{instead}", until)
        return __getattr__(instead)
    if name not in _HOME_OF:
        raise AttributeError(f"module 'edgesmith' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"edgesmith.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value
