"""The `search` stage: a pipeline, run over a space of its params."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from edgesmith import Context, Model, PipelineRef, PipelineRun, Report, Stage, StageFailed, UserError, decided
from edgesmith.errors import unknown
from edgesmith_stages.searching.space import Space, variants_of
from edgesmith_stages.searching.trials import Sampler, Trial

if TYPE_CHECKING:
    from edgesmith import Artifact, PipelineView
    from edgesmith_stages.searching.trials import Search as Searching


class Objective(BaseModel):
    """What to make as great, or as small, as can be: an expression over the pipeline's figures, as gates are."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    maximize: str | None = Field(default=None, description="an expression that is best where it is greatest")
    minimize: str | None = Field(default=None, description="an expression that is best where it is smallest")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.maximize is None) == (self.minimize is None):
            raise ValueError("expected either `maximize` or `minimize`")
        return self

    @property
    def expression(self) -> str:
        """The expression."""
        return self.maximize or self.minimize or ""

    @property
    def greater(self) -> bool:
        """Whether greater is better."""
        return self.maximize is not None


class Search(Stage):
    """Run a pipeline over a space of its params, and find the Pareto front of what it gives.

    Points are drawn by Optuna's samplers (Akiba et al., 2019). Each trial is a run of the pipeline whose nodes are
    cached like any: a search that was interrupted goes on, and a larger budget runs new trials only. A trial whose
    gates or constraints don't hold is never chosen; one that fails is noted, and the search goes on.
    """

    name, version = "search", "1"
    outputs = {"report": Report, "model": decided(Model)}
    requirements = ("optuna>=4.6,<5",)

    class Params(Stage.Params):
        """The pipeline, the space, and what is wanted."""

        pipeline: PipelineRef = Field(description="the pipeline to run; params beside its name hold for all trials")
        space: Space = Field(
            description="by param of the pipeline (`NAME` or `NODE.NAME`, as for `--set`): a list of values, or a "
            "range `{low, high, step, log}`"
        )
        objectives: dict[str, Objective] = Field(
            min_length=1, description="by any name, `{maximize: EXPRESSION}` or `{minimize: EXPRESSION}`, as gates are"
        )
        order: tuple[str, ...] = Field(
            default=(),
            validate_default=True,
            description="names of objectives, in the order in which they decide and reports show them; those left out "
            "follow as they are written",
        )
        constraints: tuple[str, ...] = Field(
            default=(), description="expressions that must hold, beside the pipeline's own gates"
        )
        trials: int = Field(default=20, ge=1, description="points to try")
        sampler: Sampler = Field(
            default="tpe", description="tpe: towards what was good; nsga2: evolution; random; all: every combination"
        )
        choose: str | None = Field(
            default=None, description="the objective in which the chosen trial is best; the first of `order` by default"
        )
        deliver: str | None = Field(default=None, description="the node whose model the chosen trial delivers")

        @field_validator("order")
        @classmethod
        def _in_full(cls, given: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
            # A key doesn't know in which order a mapping was written, and here that decides: so it is a value, too.
            known = info.data.get("objectives")
            if known is None:  # it is wrong itself, and told so
                return given
            if odd := [name for name in given if name not in known]:
                raise ValueError(unknown("objective", odd[0], known))
            return tuple(dict.fromkeys((*given, *known)))

        @property
        def ordered(self) -> dict[str, Objective]:
            """The objectives in order."""
            return {name: self.objectives[name] for name in self.order}

        @model_validator(mode="after")
        def _check(self) -> Self:
            if self.choose is not None and self.choose not in self.objectives:
                raise ValueError(f"choose: {unknown('objective', self.choose, self.objectives)}")
            if self.sampler == "all":
                from edgesmith_stages.searching.space import size_of

                if size_of(self.space) == float("inf"):
                    raise ValueError("sampler: all: a range of the space has no `step`, so there is no end to it")
            return self

    @classmethod
    def variants(cls, params: Any) -> Sequence[Mapping[str, Any]]:
        """Return each value that a param may take, and the bounds of ranges."""
        return variants_of(params.space)

    @classmethod
    def gives(
        cls, params: Any, kinds: Any, pipelines: Mapping[str, Sequence[PipelineView]]
    ) -> Mapping[str, type[Artifact]]:
        """Check expressions against the pipeline's nodes; return the kind of the delivered model."""
        view = pipelines["pipeline"][0]
        for expression in (*(one.expression for one in params.objectives.values()), *params.constraints):
            view.check_expression(expression)
        found: dict[str, type[Artifact]] = {"report": Report}
        if params.deliver is not None:
            found["model"] = _model_kind(view, params.deliver)
        return found

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Try points, choose, and write."""
        from edgesmith_stages.searching import trials
        from edgesmith_stages.searching.outcome import document, figures
        from edgesmith_stages.searching.space import axes_of

        greater = [one.greater for one in params.ordered.values()]
        search = trials.Search(axes_of(params.space), greater, params.sampler, ctx.seed)
        runs: dict[int, PipelineRun] = {}
        names = list(params.order)

        def attempt(number: int, point: Mapping[str, Any]) -> Trial:
            ctx.progress(number - 1, params.trials, trial=f"{number}: {_told(point)}")
            try:
                runs[number] = ctx.pipeline(params.pipeline, point, ask=_asked(params))
            except UserError as error:
                runs[number] = PipelineRun(failed=(error.message,))
            return _judged(number, point, runs[number], params)

        for trial in search.run(params.trials, attempt):
            ctx.log.info("trial %d (%s): %s", trial.number, _told(trial.params), _said(trial, names))
            if trial.failed and not runs[trial.number].failed and not any(one.values for one in search.trials):
                raise UserError(
                    f"the first whole trial has no figure for an objective: {trial.failed}",
                    hint="mend `objectives`; the trial's nodes are cached",
                )
        ctx.progress(len(search.trials), len(search.trials))
        best = search.best(names.index(params.choose or names[0]))
        if best is None:
            raise _none_is_allowed(search)
        ctx.log.info("chosen: trial %d (%s)", best.number, _told(best.params))
        (ctx.out("report") / "report.json").write_text(json.dumps(document(search, best, names), indent=1) + "\n")
        if params.deliver is not None:
            model = next(one for one in runs[best.number].artifacts[params.deliver].values() if isinstance(one, Model))
            shutil.copytree(model.path, ctx.out("model"), dirs_exist_ok=True)
        return figures(search, best, names)


def _model_kind(view: PipelineView, node: str) -> type[Model]:
    if node not in view.gives:
        raise UserError(f"deliver: {unknown(f'node of {view.name}', node, view.gives)}")
    models = [kind for kind in view.gives[node].values() if issubclass(kind, Model)]
    if not models:
        raise UserError(f"deliver: the node {node!r} of {view.name} gives no model")
    return models[0]


def _asked(params: Any) -> list[str]:
    return [*(one.expression for one in params.ordered.values()), *params.constraints]


def _judged(number: int, point: Mapping[str, Any], run: PipelineRun, params: Any) -> Trial:
    count = len(params.objectives)
    if run.failed:
        return Trial(number, point, failed="; ".join(run.failed))
    wrong = [
        f"{name}: {run.reasons.get(place) or f'gives {run.values[place]!r}, expected a number'}"
        for place, name in enumerate(params.order)
        if not isinstance(run.values[place], (int, float))
    ]
    if wrong:
        return Trial(number, point, failed="; ".join(wrong))
    missed = [
        f"{text}: {run.reasons.get(count + place, 'does not hold')}"
        for place, text in enumerate(params.constraints)
        if run.values[count + place] is not True
    ]
    values = tuple(float(one) for one in run.values[:count])
    return Trial(number, point, values, missed=(*run.missed, *missed))


def _none_is_allowed(search: Searching) -> StageFailed:
    trials = search.trials
    failed = [one for one in trials if one.failed]
    reasons = list(dict.fromkeys(one.failed or one.missed[0] for one in trials))
    return StageFailed(
        f"none of {len(trials)} trials can be chosen: {len(failed)} failed, {len(trials) - len(failed)} miss gates or "
        f"constraints; among the reasons: {'; '.join(reasons[:3])}",
        hint="widen `space`, loosen `constraints` or the pipeline's gates, or try more `trials`: those made are cached",
    )


def _told(point: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in point.items())


def _said(trial: Trial, names: Sequence[str]) -> str:
    if trial.failed:
        return f"failed: {trial.failed}"
    told = ", ".join(f"{name} {value:.4g}" for name, value in zip(names, trial.values, strict=True))
    return f"{told}; missed: {'; '.join(trial.missed)}" if trial.missed else told
