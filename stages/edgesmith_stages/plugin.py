"""The built-in plugin: everything here reaches the flows through the same entry point as anybody's."""

from __future__ import annotations

from edgesmith import Artifact, Dataset, Runtime, Stage, Target, hookimpl


@hookimpl
def edgesmith_stages() -> list[type[Stage]]:
    """All built-in stages."""
    from edgesmith_stages.benchmark import Benchmark
    from edgesmith_stages.bundle import MakeBundle
    from edgesmith_stages.compare import Compare
    from edgesmith_stages.distill import Distill
    from edgesmith_stages.equalize import Equalize
    from edgesmith_stages.evaluate import Evaluate
    from edgesmith_stages.export_coreml import ExportCoreML
    from edgesmith_stages.export_onnx import ExportOnnx
    from edgesmith_stages.export_tflite import ExportTflite
    from edgesmith_stages.fuse import Fuse
    from edgesmith_stages.prune import Prune
    from edgesmith_stages.pruning.tune import TunePruning
    from edgesmith_stages.qat import Qat
    from edgesmith_stages.quantize.sensitivity import Sensitivity
    from edgesmith_stages.quantize.stage import Quantize
    from edgesmith_stages.quantize.tune import TunePrecision
    from edgesmith_stages.search import Search
    from edgesmith_stages.teacher_logits import AskTeacher
    from edgesmith_stages.train import Train

    return [
        Train,
        AskTeacher,
        Distill,
        TunePruning,
        Prune,
        Fuse,
        Equalize,
        ExportOnnx,
        ExportCoreML,
        ExportTflite,
        Quantize,
        Sensitivity,
        TunePrecision,
        Qat,
        Search,
        Evaluate,
        Benchmark,
        Compare,
        MakeBundle,
    ]


@hookimpl
def edgesmith_runtimes() -> list[type[Runtime]]:
    """All built-in runtimes."""
    from edgesmith_stages.runtimes.coreml import CoreML
    from edgesmith_stages.runtimes.coreml_reference import CoreMLReference
    from edgesmith_stages.runtimes.litert import LiteRT
    from edgesmith_stages.runtimes.onnxruntime import OnnxRuntime
    from edgesmith_stages.runtimes.torch_int8 import TorchInt8Runtime
    from edgesmith_stages.runtimes.torch_runtime import TorchRuntime

    return [TorchRuntime, TorchInt8Runtime, OnnxRuntime, LiteRT, CoreML, CoreMLReference]


@hookimpl
def edgesmith_targets() -> list[type[Target]]:
    """All built-in targets."""
    from edgesmith_stages.targets.adb.target import Adb
    from edgesmith_stages.targets.coreml import CoreMLUnits
    from edgesmith_stages.targets.host import Host
    from edgesmith_stages.targets.pool import Pool

    return [Host, Adb, CoreMLUnits, Pool]


@hookimpl
def edgesmith_datasets() -> list[type[Dataset]]:
    """All built-in datasets."""
    from edgesmith_stages.datasets.cifar import Cifar10, Cifar100
    from edgesmith_stages.datasets.digits import Digits
    from edgesmith_stages.datasets.folder import Folder
    from edgesmith_stages.datasets.random_images import RandomImages

    return [Digits, Folder, Cifar10, Cifar100, RandomImages]


@hookimpl
def edgesmith_artifact_kinds() -> list[type[Artifact]]:
    """The kinds beside those of the contract."""
    from edgesmith_stages.bundling.artifact import Bundle
    from edgesmith_stages.distillation.artifact import TeacherLogits
    from edgesmith_stages.quantize.torch_pt2e.artifact import QuantizedTorchModel

    return [QuantizedTorchModel, Bundle, TeacherLogits]
