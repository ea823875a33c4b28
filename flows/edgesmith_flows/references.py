"""What params name outside the pipeline: datasets, targets, files and other pipelines, looked up and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import ValidationError

from edgesmith.dataset import Dataset
from edgesmith.errors import EdgesmithError
from edgesmith.refs import FILE_MARKER, DatasetRef, PipelineRef, TargetRef
from edgesmith.stage import Stage
from edgesmith.target import Target, make_target
from edgesmith_flows.blame import blamed
from edgesmith_flows.document import problems_of
from edgesmith_flows.pipeline import DatasetUse, PipelineUse
from edgesmith_flows.registry import Registry
from edgesmith_flows.subpipelines import Opener
from edgesmith_flows.yaml_source import KeyPath, Problem, YamlSource

Made = TypeVar("Made", Dataset, Target)


@dataclass
class References:
    """Looks up what the params of one pipeline file name; each mistake goes to `gather`, and None comes back."""

    source: YamlSource
    registry: Registry
    opener: Opener
    gather: Callable[[list[Problem]], None]
    _datasets: dict[str, DatasetUse] = field(default_factory=dict)

    def dataset(self, ref: DatasetRef, path: KeyPath) -> DatasetUse | None:
        """Make the dataset that a param names; the same one for the same reference."""
        known = self._datasets.get(ref.model_dump_json())
        if known is not None:
            return known

        def make(cls: type[Dataset]) -> Dataset:
            return cls(cls.Params(**ref.params))

        dataset = self._made("dataset", self.registry.datasets, ref, path, make)
        if dataset is None:
            return None
        use = DatasetUse(ref, dataset)
        self._datasets[ref.model_dump_json()] = use
        return use

    def target(self, ref: TargetRef, path: KeyPath) -> Target | None:
        """Make the target that a param names."""
        return self._made("target", self.registry.targets, ref, path, lambda cls: make_target(cls, ref.params))

    def pipeline(self, ref: PipelineRef, stage: type[Stage], params: Any, path: KeyPath) -> PipelineUse | None:
        """Check the pipeline that a param names with every set of params that the stage says it may run it with."""
        origin = self.registry.origins.get(("stages", stage.name), "unknown")
        try:
            opened = self.opener.open(ref.name, self.source.file)
            with blamed(f"stage {stage.name!r}", origin, "variants"):
                variants = [dict(one) for one in stage.variants(params)]
            found = tuple(opened.at({**ref.params, **one}) for one in variants)
        except EdgesmithError as error:
            self.gather([self.source.problem(path, str(error))])
            return None
        return PipelineUse(ref, opened.registry, found, opened.at)

    def _made(
        self,
        what: str,
        table: Mapping[str, type[Made]],
        ref: DatasetRef | TargetRef,
        path: KeyPath,
        make: Callable[[type[Made]], Made],
    ) -> Made | None:
        cls: type[Made] | None = None
        try:
            cls = self.registry.find(what, table, ref.name)
            cls.Params(**ref.params)  # a user's mistake, not the plugin's
            with blamed(f"{what} {ref.name!r}", self.registry.origins.get((f"{what}s", ref.name), "unknown"), "check"):
                made = make(cls)
                made.check()
        except ValidationError as error:
            model = cls.Params if cls is not None else Stage.Params
            self.gather(problems_of(error, self.source, lambda _: path, model))
            return None
        except EdgesmithError as error:
            self.gather([self.source.problem(path, str(error))])
            return None
        return made


def files_of(params: Any) -> dict[str, Path]:
    """Return the files that params name (`FileRef`), by field."""
    values = {field: getattr(params, field) for field in type(params).model_fields}
    return {
        field: Path(values[field])
        for field, info in type(params).model_fields.items()
        if values[field] is not None and (FILE_MARKER in info.metadata or _is_marked(info.annotation))
    }


def _is_marked(annotation: Any) -> bool:
    return any(FILE_MARKER in getattr(part, "__metadata__", ()) or _is_marked(part) for part in get_args(annotation))
