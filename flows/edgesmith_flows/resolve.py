"""Look up everything a pipeline names and check it, before anything runs; all problems are reported together."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edgesmith.artifacts import Artifact
from edgesmith.errors import EdgesmithError, unknown
from edgesmith.ports import Port, as_port
from edgesmith.refs import DatasetRef, PipelineRef, TargetRef
from edgesmith.stage import Stage, Toolchain
from edgesmith.target import Target
from edgesmith_flows import recipe_code
from edgesmith_flows.blame import blamed, expect
from edgesmith_flows.document import NodeDocument, PipelineDocument, parse_document, problems_of
from edgesmith_flows.interpolate import Interpolator
from edgesmith_flows.matrix import Combinations, combinations
from edgesmith_flows.order import sort_topologically
from edgesmith_flows.overrides import apply_overrides
from edgesmith_flows.pipeline import DatasetUse, Need, Node, Pipeline, PipelineUse
from edgesmith_flows.references import References, files_of
from edgesmith_flows.registry import Registry
from edgesmith_flows.subpipelines import Opener, View
from edgesmith_flows.yaml_source import KeyPath, PipelineError, Problem, YamlSource


def resolve(
    source: YamlSource,
    registry: Registry,
    overrides: Mapping[str, Any] | None = None,
    document: PipelineDocument | None = None,
    opener: Opener | None = None,
) -> Pipeline:
    """Check a pipeline file against the installed plugins.

    Args:
        source: the file.
        registry: what plugins bring.
        overrides: `--set` values, by `PARAM` or `NODE.PARAM`.
        document: what `parse_document` gave for `source`, where that is known.
        opener: opens the pipelines that this one names.

    Raises:
        PipelineError: with all problems found.
    """
    document = apply_overrides(document or parse_document(source), overrides or {})
    return _Resolver(source, document, registry, set(overrides or {}), opener or Opener(registry)).run()


class _Resolver:
    def __init__(
        self,
        source: YamlSource,
        document: PipelineDocument,
        registry: Registry,
        overridden: set[str],
        opener: Opener,
    ) -> None:
        self.source = source
        self.document = document
        self.registry = registry
        self.overridden = overridden
        self.problems: dict[tuple[str, str], Problem] = {}
        self.complaints = 0
        self.used: set[str] = {"seed"}
        self.references = References(source, registry, opener, self._gather)
        self.params = Interpolator({"env": os.environ}, self.complain, self.used).value(
            dict(document.params), ("params",)
        )
        self.nodes: dict[str, Node] = {}
        self.combos: dict[str, Combinations] = {}
        self.broken: set[str] = set()

    def complain(self, path: KeyPath, message: str) -> None:
        self._gather([self.source.problem(path, message)])

    def _gather(self, problems: list[Problem]) -> None:
        self.complaints += len(problems)
        for problem in problems:
            self.problems.setdefault((problem.path, problem.message), problem)

    def run(self) -> Pipeline:
        stages = self.document.stages
        for base, entry in stages.items():
            self.combos[base] = Combinations(dict(combinations(base, self._matrix(base, entry))))
        needs = {base: self._needs(base, entry) for base, entry in stages.items()}
        for base in self._ordered(needs):
            for name, axes in self.combos[base].nodes.items():
                self._node(base, name, axes, stages[base], needs[base])
        seed = self.params.get("seed", 0)
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**32:
            self.complain(("params", "seed"), f"expected a whole number from 0 to 2**32 - 1, got {seed!r}")
        gates = tuple(
            str(self._interpolator({}).value(gate, ("gates", index))) for index, gate in enumerate(self.document.gates)
        )
        self._check_gates(gates)
        self._unused_params()
        if self.problems:
            raise PipelineError(self.source.file, list(self.problems.values()))
        told = self.document
        return Pipeline(told.name, told.description, self.source.file, self.nodes, gates, seed, told.runner)

    def _interpolator(self, axes: Mapping[str, Any]) -> Interpolator:
        names = {"params": self.params, "matrix": axes, "env": os.environ}
        return Interpolator(names, self.complain, self.used)

    def _matrix(self, base: str, entry: NodeDocument) -> dict[str, list[Any]]:
        path: KeyPath = ("stages", base, "matrix")
        matrix = self._interpolator({}).value(dict(entry.matrix), path)
        for axis, values in matrix.items():
            if not isinstance(values, list) or not values:
                self.complain((*path, axis), f"expected a list of values, got {values!r}")
                matrix[axis] = [None]
        return dict(matrix)

    def _needs(self, base: str, entry: NodeDocument) -> dict[str, list[tuple[str, KeyPath]]]:
        """Return, by input port, the references and where they stand; a bare one goes to the one required port."""
        path: KeyPath = ("stages", base, "needs")
        given = entry.needs
        if isinstance(given, Mapping):
            return {
                port: [(one, (*path, port, index)) for index, one in enumerate(refs)]
                if isinstance(refs, list)
                else [(refs, (*path, port))]
                for port, refs in given.items()
            }
        stage = self.registry.stages.get(entry.uses)
        inputs = stage.inputs if stage else {}
        ports = [name for name, spec in inputs.items() if not as_port(spec).optional] or list(inputs)
        if stage is not None and len(ports) != 1:
            self.complain(
                path,
                f"{entry.uses} has {len(inputs)} input ports ({', '.join(inputs)}); say which: {{PORT: NODE}}",
            )
            return {}
        port = ports[0] if ports else ""
        if isinstance(given, list):
            return {port: [(one, (*path, index)) for index, one in enumerate(given)]}
        return {port: [(given, path)]}

    def _base_of(self, reference: str) -> str | None:
        """Return the entry under `stages:` that a reference (`node`, `node.port`, `node@combination`) names."""
        node = reference
        if node not in self.combos and "." in node and "@" not in node:
            node = node.rpartition(".")[0]
        if node in self.combos:
            return node
        base = node.partition("@")[0]
        return base if base in self.combos else None

    def _ordered(self, needs: Mapping[str, Mapping[str, list[tuple[str, KeyPath]]]]) -> list[str]:
        """Order entries so that each stands after all that it needs; complain of dangling needs and cycles."""
        edges: dict[str, list[str]] = {base: [] for base in needs}
        for base, ports in needs.items():
            for reference, path in (one for references in ports.values() for one in references):
                found = self._base_of(reference)
                if found is None:
                    self.complain(path, unknown("node", reference, self.combos))
                    self.broken.add(base)
                else:
                    edges[base].append(found)
        order, loops = sort_topologically(edges)
        for loop in loops:
            self.complain(("stages", loop[0], "needs"), "a cycle: " + " needs ".join(loop))
            self.broken.update(loop)
        return order

    def _node(
        self,
        base: str,
        name: str,
        axes: Mapping[str, Any],
        entry: NodeDocument,
        needs: Mapping[str, list[tuple[str, KeyPath]]],
    ) -> None:
        here: KeyPath = ("stages", base)
        stage = self._stage(entry.uses, (*here, "uses"))
        before = self.complaints
        given = self._interpolator(axes).value(dict(entry.with_), (*here, "with"))
        if stage is None:
            self.broken.add(base)
            return
        params = self._params(stage, given, base) if self.complaints == before else None
        connected, kinds = self._connect(stage, base, axes, needs)
        if base in self.broken or params is None:
            self.broken.add(base)
            return
        before = self.complaints
        datasets = self._datasets(params, base)
        files = self._files(params, base)
        target = self._target(params, base)
        pipelines = self._pipelines(stage, params, base)
        if self.complaints > before:
            self.broken.add(base)
            return
        toolchain = Toolchain()
        output_kinds: Mapping[str, type[Artifact]] = {}
        try:
            with self._blamed("stages", stage.name, "check"):
                stage.check(params, kinds, {field: use.dataset for field, use in datasets.items()})
            with self._blamed("stages", stage.name, "toolchain"):
                toolchain = expect(Toolchain, stage.toolchain(params, kinds))
            with self._blamed("stages", stage.name, "gives"):
                views = {field: [View(one) for one in use.variants] for field, use in pipelines.items()}
                output_kinds = dict(stage.gives(params, kinds, views))
        except EdgesmithError as error:
            self.complain((*here, "with"), str(error))
        node = Node(
            name, base, stage, params, connected, kinds, output_kinds, toolchain, datasets, files, axes,
            entry.timeout, entry.retries, tuple(entry.resources), self.source.line(here),
            target, pipelines,
        )  # fmt: skip
        gives, sources = output_kinds.values(), self.registry.model_sources
        code = recipe_code.added(stage, node.own_params, gives, pipelines.values(), sources)
        code |= recipe_code.taken(connected, kinds, self.nodes)
        self.nodes[name] = replace(node, recipe_code=tuple(sorted(code)))

    def _blamed(self, table: str, name: str, doing: str) -> AbstractContextManager[None]:
        origin = self.registry.origins.get((table, name), "unknown")
        return blamed(f"{table.rstrip('s')} {name!r}", origin, doing)

    def _stage(self, name: str, path: KeyPath) -> type[Stage] | None:
        try:
            return self.registry.find("stage", self.registry.stages, name)
        except EdgesmithError as error:
            self.complain(path, str(error))
            return None

    def _params(self, stage: type[Stage], given: Mapping[str, Any], base: str) -> Any:
        """Validate `with:`, after filling fields that it leaves out from pipeline params of the same name."""
        inherited = {
            field: self.params[field]
            for field in stage.Params.model_fields
            if field in self.params and field not in given
        }
        self.used.update(inherited)
        # A param that only `--set NODE.PARAM` keeps from being used is no mistake of the file's.
        self.used.update(field for field in stage.Params.model_fields if f"{base}.{field}" in self.overridden)
        try:
            return stage.Params.model_validate({**inherited, **given})
        except ValidationError as error:
            where: KeyPath = ("stages", base, "with")
            self._gather(
                problems_of(
                    error, self.source, lambda field: ("params",) if field in inherited else where, stage.Params
                )
            )
            return None

    def _connect(
        self,
        stage: type[Stage],
        base: str,
        axes: Mapping[str, Any],
        needs: Mapping[str, list[tuple[str, KeyPath]]],
    ) -> tuple[dict[str, tuple[Need, ...]], dict[str, tuple[type[Artifact], ...]]]:
        connected: dict[str, tuple[Need, ...]] = {}
        kinds: dict[str, tuple[type[Artifact], ...]] = {}
        path: KeyPath = ("stages", base, "needs")
        ports = {name: as_port(spec) for name, spec in stage.inputs.items()}
        for given in needs:
            if given not in ports:
                what = unknown("input port", given, ports) if ports else f"{stage.name} takes no input"
                self.complain((*path, given), what)
                self.broken.add(base)
        for name, port in ports.items():
            found: list[tuple[Need, type[Artifact]]] = []
            for reference, where in needs.get(name, []):
                found.extend(self._reference(reference, where, port, axes, base))
            if not found and not port.optional and base not in self.broken:
                self.complain(path, f"the input port {name!r} ({port}) of {stage.name} is not connected")
                self.broken.add(base)
            if len(found) > 1 and not port.many:
                several = ", ".join(need.node for need, _ in found)
                self.complain((*path, name), f"takes one node, got {len(found)}: {several}")
                self.broken.add(base)
            connected[name] = tuple(need for need, _ in found)
            kinds[name] = tuple(kind for _, kind in found)
        return connected, kinds

    def _reference(
        self, reference: str, path: KeyPath, port: Port, axes: Mapping[str, Any], base: str
    ) -> list[tuple[Need, type[Artifact]]]:
        target = self._base_of(reference)
        if target is None:
            return []
        if target in self.broken:
            self.broken.add(base)
            return []
        output = None
        if reference in self.combos:
            names = self.combos[reference].matching(axes)
        elif reference in self.combos[target].nodes:
            names = [reference]
        elif reference.rpartition(".")[0] == target:
            names, output = self.combos[target].matching(axes), reference.rpartition(".")[2]
        else:
            names = []
            known = [one for group in self.combos.values() for one in group.nodes]
            self.complain(path, unknown("node", reference, known))
            self.broken.add(base)
        found = []
        for name in names:
            node = self.nodes.get(name)
            if node is None:
                self.broken.add(base)
                continue
            picked = self._output(node, output, port, path)
            if picked is None:
                self.broken.add(base)
            else:
                found.append((Need(name, picked), node.output_kinds[picked]))
        return found

    def _output(self, node: Node, wanted: str | None, port: Port, path: KeyPath) -> str | None:
        """Pick the output of `node` that fits an input port."""
        outputs = node.output_kinds
        if wanted is not None and wanted not in outputs:
            self.complain(path, unknown(f"output of {node.name}", wanted, outputs))
            return None
        candidates = [wanted] if wanted is not None else list(outputs)
        fitting = [name for name in candidates if port.accepts(outputs[name])]
        if len(fitting) == 1:
            return fitting[0]
        given = ", ".join(f"{name}: {outputs[name].kind}" for name in candidates) or "nothing"
        if fitting:
            self.complain(path, f"several outputs of {node.name} fit; say which, e.g. {node.name}.{fitting[0]}")
        else:
            self.complain(path, f"expected {port}, but {node.name} ({node.stage.name}) gives {given}")
        return None

    def _datasets(self, params: Any, base: str) -> dict[str, DatasetUse]:
        found: dict[str, DatasetUse] = {}
        for field in type(params).model_fields:
            ref = getattr(params, field)
            if isinstance(ref, DatasetRef):
                use = self.references.dataset(ref, self._place_of(field, base))
                if use is not None:
                    found[field] = use
        return found

    def _place_of(self, field: str, base: str) -> KeyPath:
        """Return where the file has a param's value: at the node, or among the pipeline's."""
        written = field in self.document.stages[base].with_
        return ("stages", base, "with", field) if written else ("params", field)

    def _target(self, params: Any, base: str) -> Target | None:
        ref = getattr(params, "target", None)
        return self.references.target(ref, self._place_of("target", base)) if isinstance(ref, TargetRef) else None

    def _pipelines(self, stage: type[Stage], params: Any, base: str) -> dict[str, PipelineUse]:
        found: dict[str, PipelineUse] = {}
        for field in type(params).model_fields:
            ref = getattr(params, field)
            if isinstance(ref, PipelineRef):
                use = self.references.pipeline(ref, stage, params, self._place_of(field, base))
                if use is not None:
                    found[field] = use
        return found

    def _files(self, params: Any, base: str) -> dict[str, Path]:
        found = files_of(params)
        for field, path in found.items():
            if not path.is_file():
                self.complain(("stages", base, "with", field), f"there is no file {str(path)!r}")
        return found

    def _unused_params(self) -> None:
        if self.broken:
            return
        for name in self.document.params:
            if name not in self.used:
                self.complain(
                    ("params", name),
                    "is used by no node: no ${params." + name + "}, and no stage here has a param of this name",
                )

    def _check_gates(self, gates: tuple[str, ...]) -> None:
        from edgesmith_flows.gates import names_in

        for index, gate in enumerate(gates):
            try:
                names = names_in(gate)
            except EdgesmithError as error:
                self.complain(("gates", index), error.message)
                continue
            for name in names:
                if name not in {spelling for base in self.combos for spelling in (base, base.replace("-", "_"))}:
                    self.complain(("gates", index), unknown("node", name, self.combos))
