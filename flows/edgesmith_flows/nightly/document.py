"""A nightly's file: which pipelines to run, what to hold them against, and what counts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from edgesmith.errors import UserError
from edgesmith_flows.document import Name, problems_of
from edgesmith_flows.nightly.latency import LatencyRule
from edgesmith_flows.nightly.verdict import RULES, FigureRule
from edgesmith_flows.yaml_source import PipelineError, Problem, YamlSource

KEY = "nightly"
"""The top-level key that tells a nightly's file from a pipeline's, which has `stages`."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Entry(_Strict):
    """One pipeline of a nightly."""

    name: str = Field(min_length=1, description="the pipeline, by name or path")
    set: dict[str, Any] = Field(default_factory=dict, description="params, as `--set` takes them")


class LatencyOptions(_Strict):
    """When a change of latency or memory counts."""

    measured: bool = Field(default=True, description="false: neither is measured")
    at_least: float = Field(default=0.05, gt=0, le=1, description="the smallest change to find, as a share")
    certainty: float = Field(default=0.99, ge=0.8, le=0.9999, description="how sure each of the two tests has to be")
    pairs: int = Field(default=120, ge=10, le=1000, description="pairs of processes that a test may take")


class FigureOptions(_Strict):
    """How one figure is judged."""

    better: Literal["more", "less", "same", "ignored"] = Field(
        description="which way is up; `same`: any change counts; `ignored`: none does"
    )
    within: float = Field(default=0.0, ge=0, description="an absolute change for the worse that doesn't count")


class Rules(_Strict):
    """What counts as a regression."""

    latency: LatencyOptions = Field(default_factory=LatencyOptions, description="for latency and memory")
    figures: dict[str, FigureOptions] = Field(
        default_factory=dict, description="rules for figures, by their last name (`top1`), over the built-in ones"
    )
    warnings: bool = Field(default=True, description="whether a new warning counts")

    def figure_rules(self) -> dict[str, FigureRule]:
        """Return the built-in rules with these over them."""
        rules = dict(RULES)
        for name, given in self.figures.items():
            known = rules.pop(name, None)
            if given.better != "ignored":
                kind = known.kind if known else "figure"
                rules[name] = FigureRule(kind, given.better, given.within, known.counted if known else False)
        return rules

    def latency_rule(self) -> LatencyRule | None:
        """Return the rule for latency and memory, or None."""
        given = self.latency
        return LatencyRule(given.at_least, given.certainty, given.pairs) if given.measured else None


def _by_name(entry: Any) -> Any:
    return {"name": entry} if isinstance(entry, str) else entry


class NightlyPart(_Strict):
    """What stands below `nightly:`."""

    pipelines: list[Annotated[Entry, BeforeValidator(_by_name, json_schema_input_type=str | Entry)]] = Field(
        min_length=1, description="pipelines to run, one after another: names or paths, or these with params"
    )
    baseline: Name = Field(default="nightly", description="the baseline: the tags `BASELINE.PIPELINE`")
    rules: Rules = Field(default_factory=Rules)


class NightlyDocument(_Strict):
    """A nightly's file."""

    name: Name = Field(description="letters, digits, - and _; also the name of the Prefect flow")
    description: str = Field(default="", description="one line, shown by `edgesmith list`")
    nightly: NightlyPart


def is_nightly(source: YamlSource) -> bool:
    """Tell whether a file is a nightly's rather than a pipeline's."""
    return isinstance(source.data, dict) and KEY in source.data and "stages" not in source.data


def parse_nightly(source: YamlSource) -> NightlyDocument:
    """Check a nightly's file.

    Raises:
        PipelineError: with every unknown key, and every value of the wrong type.
    """
    if not is_nightly(source):
        raise PipelineError(source.file, [Problem("", 1, f"expected a nightly: a mapping with `name` and `{KEY}`")])
    try:
        return NightlyDocument.model_validate(source.data)
    except ValidationError as error:
        raise PipelineError(source.file, problems_of(error, source, lambda _: (), NightlyDocument)) from error


def load_nightly(name: str) -> NightlyDocument:
    """Find and read a nightly by its bare name or path.

    Raises:
        UserError: there is none of that name, the file isn't one, or a pipeline that it names isn't found, or is named
            twice.
    """
    from edgesmith_flows.settings import find_pipeline
    from edgesmith_flows.yaml_source import load_yaml

    source = load_yaml(find_pipeline(name))
    document, problems = parse_nightly(source), []
    files: list[Path] = []
    for place, entry in enumerate(document.nightly.pipelines):
        try:
            file = find_pipeline(entry.name).resolve()
        except UserError as error:
            problems.append(source.problem((KEY, "pipelines", place), error.message))
            continue
        if file in files:
            told = f"{entry.name} is there twice, and a nightly has one baseline a pipeline; write another nightly"
            problems.append(source.problem((KEY, "pipelines", place), f"{told}, with a `baseline` of its own"))
        files.append(file)
    if problems:
        raise PipelineError(source.file, problems)
    return document


def file_is_nightly(file: Path) -> bool:
    """Tell a nightly's file by a look at its lines: reading YAML would take longer than all the rest of `list`."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    lines = text.splitlines()
    return any(line.startswith(f"{KEY}:") for line in lines) and not any(line.startswith("stages:") for line in lines)
