"""The hooks: what a plugin may bring. Every hook returns classes.

A plugin is a module named by an entry point in the group `edgesmith`, or by `plugins:` in a pipeline.
"""

from __future__ import annotations

import pluggy

from edgesmith.artifacts import Artifact
from edgesmith.dataset import Dataset
from edgesmith.model_source import ModelSource
from edgesmith.runtime import Runtime
from edgesmith.stage import Stage
from edgesmith.target import Target

PROJECT = "edgesmith"
ENTRY_POINT_GROUP = "edgesmith"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def edgesmith_stages() -> list[type[Stage]]:  # type: ignore[empty-body]
    """Return stage classes.

    A whole plugin::

        from edgesmith import OnnxModel, Stage, carry, hookimpl

        class Strip(Stage):
            \"\"\"Copy an ONNX model without its metadata.\"\"\"
            name, version = "strip", "1"
            inputs = {"model": OnnxModel}
            outputs = {"model": OnnxModel}
            requirements = ("onnx>=1.17",)

            class Params(Stage.Params):
                producer: str = "edgesmith"

            def run(self, ctx, inputs, params):
                import onnx
                model = onnx.load(inputs["model"].file)
                del model.metadata_props[:]
                model.producer_name = params.producer
                onnx.save(model, ctx.out("model") / OnnxModel.main)
                carry(inputs["model"], ctx.out("model"))
                return {"nodes": len(model.graph.node)}

        @hookimpl
        def edgesmith_stages():
            return [Strip]
    """


@hookspec
def edgesmith_runtimes() -> list[type[Runtime]]:  # type: ignore[empty-body]
    """Return runtime classes.

    A whole plugin::

        from edgesmith import OnnxModel, Runtime, hookimpl

        class OnnxReference(Runtime):
            \"\"\"ONNX's own reference evaluator: slow, and independent of ONNX Runtime.\"\"\"
            name, accepts = "onnx-reference", (OnnxModel,)
            requirements = ("onnx>=1.17",)

            def load(self, model, threads):
                from onnx.reference import ReferenceEvaluator
                self.session = ReferenceEvaluator(str(model.file))

            def predict(self, batch):
                return self.session.run(None, {self.session.input_names[0]: batch})[0]

        @hookimpl
        def edgesmith_runtimes():
            return [OnnxReference]
    """


@hookspec
def edgesmith_targets() -> list[type[Target]]:  # type: ignore[empty-body]
    """Return target classes.

    A whole plugin::

        from edgesmith import ModelProcess, Target, hookimpl

        class Nice(Target):
            \"\"\"This machine, and its name for the key.\"\"\"
            name = "here"

            def identity(self):
                import platform
                return {"machine": platform.machine(), "system": platform.system()}

            def open(self, launch, model, threads):
                return ModelProcess(launch, model, threads)

        @hookimpl
        def edgesmith_targets():
            return [Nice]
    """


@hookspec
def edgesmith_datasets() -> list[type[Dataset]]:  # type: ignore[empty-body]
    """Return dataset classes.

    A whole plugin::

        from edgesmith import Dataset, hookimpl

        class Grey:
            def __init__(self, count):
                import numpy as np
                self.labels = np.arange(count, dtype=np.int64) % 2

            def __len__(self):
                return len(self.labels)

            def image(self, index):
                from PIL import Image
                return Image.new("L", (32, 32), 255 * int(self.labels[index]))

        class BlackOrWhite(Dataset):
            \"\"\"Two classes nobody gets wrong.\"\"\"
            name = "black-or-white"
            classes = ("black", "white")

            def count(self, split):
                return 64

            def fingerprint(self, digest):
                return {"images": 64}

            def split(self, name):
                return Grey(64)

        @hookimpl
        def edgesmith_datasets():
            return [BlackOrWhite]
    """


@hookspec
def edgesmith_artifact_kinds() -> list[type[Artifact]]:  # type: ignore[empty-body]
    """Return artifact kinds.

    A whole plugin::

        from dataclasses import dataclass
        from edgesmith import Model, hookimpl

        @dataclass(frozen=True)
        class AcmeModel(Model):
            \"\"\"A model compiled for Acme's accelerator.\"\"\"
            kind, main = "acme", "model.acme"

        @hookimpl
        def edgesmith_artifact_kinds():
            return [AcmeModel]
    """


@hookspec
def edgesmith_model_sources() -> list[type[ModelSource]]:  # type: ignore[empty-body]
    """Return model sources.

    A whole plugin (in a module `acme_models`)::

        from edgesmith import ModelSource, hookimpl

        def make(model, num_classes=10):
            from torch import nn
            return nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
                                 nn.Flatten(), nn.Linear(8, num_classes))

        class Acme(ModelSource):
            \"\"\"`model: acme/small` in a pipeline.\"\"\"
            name, factory = "acme", "acme_models:make"

        @hookimpl
        def edgesmith_model_sources():
            return [Acme]
    """
