"""Stages: typed inputs, typed outputs, params, and `run`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from edgesmith.ports import PortSpec, as_port, output_kind

if TYPE_CHECKING:
    from edgesmith.artifacts import Artifact
    from edgesmith.context import Context
    from edgesmith.dataset import Dataset
    from edgesmith.pipelines import PipelineView

Kinds = Mapping[str, "tuple[type[Artifact], ...]"]


@dataclass(frozen=True)
class Toolchain:
    """What a stage needs installed: PEP 508 requirements, met by this environment or by an isolated one.

    Attributes:
        requirements: what the stage imports; their resolved versions go into the key.
        exclude_newer: resolve an isolated environment as of this date (ISO), so that it stays the same.
        overrides: requirements that hold whatever other packages ask for, for a pin of theirs that is too narrow.
        constraints: requirements on packages that come in only if another one asks for them.
        python: version (`3.12`) or specifier (`>=3.12,<3.14`) of the interpreter; any that runs edgesmith if None.
    """

    requirements: tuple[str, ...] = ()
    exclude_newer: str | None = None
    overrides: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    python: str | None = None


class Stage:
    """One step of a pipeline.

    A subclass sets `name`, `version` (raise it when results change for a reason that its source doesn't show),
    `inputs`, `outputs`, `requirements` and `Params`, and implements `run`. Heavy imports live inside `run`.

    Class attributes:
        runs_models: the stage opens models through `ctx.open`; their runtimes' identities go into the key.
        measures: results depend on the machine (`target`), whose identity goes into the key.
        deterministic: whether the same inputs give the same bytes; a stage that can't promise it says so here, and
            its results carry the note (`edgesmith cache show`).
    """

    name: ClassVar[str] = ""
    version: ClassVar[str] = "1"
    inputs: ClassVar[Mapping[str, PortSpec]] = {}
    outputs: ClassVar[Mapping[str, PortSpec]] = {}
    requirements: ClassVar[tuple[str, ...]] = ()
    runs_models: ClassVar[bool] = False
    measures: ClassVar[bool] = False
    deterministic: ClassVar[bool] = True

    class Params(BaseModel):
        """Base of every stage's params: unknown names are refused.

        Class attributes:
            elsewhere: names that people look for here in vain -> where they are; told to whoever writes one.
        """

        model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

        elsewhere: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def toolchain(cls, params: Any, kinds: Kinds) -> Toolchain:
        """Return what this call of the stage needs; override where it depends on params or input kinds."""
        return Toolchain(cls.requirements)

    @classmethod
    def tools(cls, params: Any, kinds: Kinds) -> Mapping[str, Toolchain]:
        """Return further toolchains by name: `run` calls functions in them through `ctx.tool(name)`.

        For a step that can't share a process with the rest, as its pins fight with theirs.
        """
        return {}

    @classmethod
    def check(cls, params: Any, kinds: Kinds, datasets: Mapping[str, Dataset]) -> None:
        """Raise UserError for what can be seen to be wrong before the run.

        Args:
            params: the validated params.
            kinds: by input port, the kind of each connected artifact.
            datasets: by param name, the dataset that it names.
        """

    @classmethod
    def variants(cls, params: Any) -> Sequence[Mapping[str, Any]]:
        """Return sets of params of the pipelines that params name (`PipelineRef`), as `--set` takes them.

        A stage that runs pipelines with other params than the reference's own returns a set for each value that any
        param may take: all are checked before the run, and what they bring is part of the key.
        """
        return [{}]

    @classmethod
    def gives(
        cls, params: Any, kinds: Kinds, pipelines: Mapping[str, Sequence[PipelineView]]
    ) -> Mapping[str, type[Artifact]]:
        """Return the kind of each output; override where it depends on params or on a pipeline (`decided`).

        Args:
            params: the validated params.
            kinds: by input port, the kind of each connected artifact.
            pipelines: by param name, the pipeline that it names, once for each of `variants`.

        Raises:
            UserError: what params say of a pipeline is wrong.
        """
        ports = {port: spec for port, spec in cls.outputs.items() if not as_port(spec).decided}
        return {port: output_kind(spec, kinds) for port, spec in ports.items()}

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any] | None:
        """Do the work: read `inputs`, fill `ctx.out(port)` for every output.

        Args:
            ctx: the run's services.
            inputs: by port, an Artifact; a list of them for a `many` port; None for an optional one left out.
            params: an instance of `Params`.

        Returns:
            Figures as JSON values; gates and tables see them as `node.figure`. Under the name of a `many` port,
            a list with one mapping per input becomes `node.figure["input node"]`.
        """
        raise NotImplementedError
