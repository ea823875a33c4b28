"""Pipelines that another pipeline names: found, read and checked, with any params."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesmith.artifacts import Artifact
from edgesmith.errors import EdgesmithError, UserError, unknown
from edgesmith_flows.document import PipelineDocument, parse_document
from edgesmith_flows.gates import names_in
from edgesmith_flows.registry import Registry, load_registry
from edgesmith_flows.settings import find_pipeline
from edgesmith_flows.yaml_source import PipelineError, YamlSource, load_yaml

if TYPE_CHECKING:
    from edgesmith_flows.pipeline import Pipeline


@dataclass(frozen=True)
class Opener:
    """Opens pipelines by name for the pipeline that names them.

    Attributes:
        registry: what that pipeline's plugins bring.
        plugins: the local plugin modules among them.
        folder: where local plugin modules are looked for.
        above: the files of the pipelines that led here, outermost first.
    """

    registry: Registry
    plugins: tuple[str, ...] = ()
    folder: Path | None = None
    above: tuple[Path, ...] = ()

    def open(self, name: str, by: Path) -> Opened:
        """Find and read a pipeline that the one in the file `by` names.

        Raises:
            UserError: there is none, it is no pipeline, or it runs itself.
        """
        file = find_pipeline(name)
        above = (*self.above, by.resolve())
        if file.resolve() in above:
            chain = " runs ".join(one.stem for one in (*above[above.index(file.resolve()) :], file))
            raise UserError(f"a pipeline can't run itself: {chain}")
        source = load_yaml(file)
        document = parse_document(source)
        plugins = tuple(dict.fromkeys([*self.plugins, *document.plugins]))
        registry = self.registry if set(plugins) == set(self.plugins) else load_registry(plugins, self.folder)
        return Opened(source, document, registry, Opener(registry, plugins, self.folder, above))


@dataclass(frozen=True)
class Opened:
    """A pipeline file that was read, to be checked with one set of params after another."""

    source: YamlSource
    document: PipelineDocument
    registry: Registry
    opener: Opener

    def at(self, params: Mapping[str, Any]) -> Pipeline:
        """Check it with params as `--set` takes them.

        Raises:
            UserError: they don't fit, or something else is wrong; in one line, with the first problem.
        """
        from edgesmith_flows.resolve import resolve  # which asks here for the pipelines that this one names

        where = f"the pipeline {self.document.name!r}"
        if params:
            where += " with " + ", ".join(f"{name}={value}" for name, value in params.items())
        try:
            return resolve(self.source, self.registry, params, self.document, self.opener)
        except PipelineError as error:
            first, *others = error.problems
            place = f"{self.source.file}:{first.line}: {first.path}" if first.path else f"{self.source.file}"
            more = f" (and {len(others)} more)" if others else ""
            raise UserError(f"{where}: {place}: {first.message}{more}") from error
        except EdgesmithError as error:
            raise UserError(f"{where}: {error.message.removeprefix('--set ')}", hint=error.hint) from error


@dataclass(frozen=True)
class View:
    """What a stage sees of a pipeline (`edgesmith.PipelineView`)."""

    pipeline: Pipeline

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return self.pipeline.name

    @property
    def gives(self) -> Mapping[str, Mapping[str, type[Artifact]]]:
        """By node, the kind of each output."""
        return {name: node.output_kinds for name, node in self.pipeline.nodes.items()}

    def check_expression(self, text: str) -> None:
        """Raise UserError unless `text` is an expression over the pipeline's nodes."""
        bases = list(dict.fromkeys(node.base for node in self.pipeline.nodes.values()))
        known = {spelling for base in bases for spelling in (base, base.replace("-", "_"))}
        for name in names_in(text):
            if name not in known:
                raise UserError(f"{text}: {unknown(f'node of {self.name}', name, bases)}")
