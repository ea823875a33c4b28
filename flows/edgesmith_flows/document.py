"""The pipeline file as written: its shape, before anything in it is looked up."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from edgesmith.errors import suggestion
from edgesmith_flows.yaml_source import KeyPath, PipelineError, Problem, YamlSource

NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
_DURATION = re.compile(r"^\s*([0-9]+(?:\.[0-9]+)?)\s*(s|m|h)?\s*$")
_UNITS = {None: 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_RUNNER = re.compile(r"threads|dask(:(tcp|tls|ucx)://[^\s/]+:[0-9]+)?")
Name = Annotated[str, Field(pattern=NAME)]


class NodeDocument(BaseModel):
    """One entry under `stages:`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    uses: str = Field(description="the stage that makes this node")
    needs: dict[str, str | list[str]] | list[str] | str = Field(
        default_factory=dict, description="by input port, the node (or nodes) whose output goes in"
    )
    with_: dict[str, Any] = Field(default_factory=dict, alias="with", description="the stage's params")
    matrix: dict[str, list[Any] | str] = Field(
        default_factory=dict, description="make one node per combination; `${matrix.NAME}` is its value"
    )
    timeout: float | None = Field(
        default=None, allow_inf_nan=False, description="seconds, or a text such as `90s`, `10m`, `2h`"
    )
    resources: list[str] = Field(
        default_factory=list, description="names of Prefect's global concurrency limits that it holds while it runs"
    )
    retries: int = Field(default=0, ge=0, le=100, description="how often a failed try is repeated")

    @field_validator("needs", mode="before")
    @classmethod
    def _references(cls, value: Any) -> Any:
        ports = value.values() if isinstance(value, dict) else [value]
        if not all(isinstance(one, str) or _is_list_of_texts(one) for one in ports):
            raise ValueError("expected a node, a list of nodes, or a mapping from input ports to them")
        return value

    @field_validator("timeout", mode="before")
    @classmethod
    def _seconds(cls, value: Any) -> Any:
        if isinstance(value, str):
            match = _DURATION.match(value)
            if match is None:
                raise ValueError("expected seconds or a duration such as '90s', '10m', '2h'")
            return float(match.group(1)) * _UNITS[match.group(2)]
        return value

    @field_validator("timeout")
    @classmethod
    def _positive(cls, value: float | None) -> float | None:
        if value is not None and value <= 0:
            raise ValueError("expected more than 0 seconds")
        return value

    @field_validator("matrix")
    @classmethod
    def _not_empty(cls, value: dict[str, list[Any] | str]) -> dict[str, list[Any] | str]:
        for axis, values in value.items():
            if not values:
                raise ValueError(f"the axis {axis!r} has no values")
        return value


class PipelineDocument(BaseModel):
    """A pipeline file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = Field(description="letters, digits, - and _; also the name of the Prefect flow")
    description: str = Field(default="", description="one line, shown by `edgesmith list`")
    params: dict[str, Any] = Field(
        default_factory=dict,
        description="values for `${params.NAME}`; also the default of every stage param of the same name",
    )
    runner: str = Field(
        default="threads",
        description="where nodes run: `threads` of this machine; `dask`, processes of this machine; or "
        "`dask:tcp://HOST:PORT`, a Dask scheduler's workers, which share the remote store",
    )
    plugins: list[str] = Field(default_factory=list, description="local plugin modules to load")
    stages: dict[Name, NodeDocument] = Field(min_length=1, description="the nodes, by name")
    gates: list[str] = Field(default_factory=list, description="expressions that must hold at the end")

    @field_validator("runner")
    @classmethod
    def _known_runner(cls, value: str) -> str:
        return parse_runner(value)


def parse_runner(text: str) -> str:
    """Check a runner's name; raise ValueError for one that isn't known."""
    if not _RUNNER.fullmatch(text):
        raise ValueError(f"expected threads, dask, or dask:tcp://HOST:PORT, got {text!r}")
    return text


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def parse_document(source: YamlSource) -> PipelineDocument:
    """Check the file's shape.

    Raises:
        PipelineError: with every unknown key and every value of the wrong type.
    """
    if not isinstance(source.data, dict):
        raise PipelineError(source.file, [Problem("", 1, "expected a mapping with `name` and `stages`")])
    if "nightly" in source.data and "stages" not in source.data:
        line = source.line(("nightly",))
        message = f"this is a nightly, not a pipeline: `{_nightly_command(source.file)}` runs it"
        raise PipelineError(source.file, [Problem("nightly", line, message)])
    try:
        return PipelineDocument.model_validate(source.data)
    except ValidationError as error:
        raise PipelineError(source.file, problems_of(error, source, lambda _: (), PipelineDocument)) from error


def problems_of(
    error: ValidationError, source: YamlSource, base: Callable[[str], KeyPath], model: type[BaseModel]
) -> list[Problem]:
    """Turn pydantic's findings into problems with lines, expectations and nearest names.

    Args:
        base: gives, for the name of a top-level field, the key path under which the file has it.
    """
    found: dict[tuple[str, str], Problem] = {}
    wanted: dict[KeyPath, list[str]] = {}
    given: dict[KeyPath, tuple[int, Any]] = {}
    for detail in error.errors(include_url=False):
        location = tuple(part for part in detail["loc"] if part != "[key]")
        root = base(str(location[0])) if location else base("")
        path = (*root, *_existing(location, source, root))
        message = detail["msg"].removeprefix("Value error, ")
        if message.startswith("Input should be "):
            # A union complains once per member: the user is told once, with what the outermost one was given.
            wanted.setdefault(path, []).append(_expected(detail))
            given[path] = min(given.get(path, (len(location), detail["input"])), (len(location), detail["input"]),
                              key=lambda pair: pair[0])  # fmt: skip
            continue
        if detail["type"] == "extra_forbidden":
            name = str(location[-1])
            known = _fields_at(model, location[:-1])
            told = getattr(model, "elsewhere", {}).get(name) if len(location) == 1 else None
            message = (
                f"unknown key: {told}" if told else f"unknown key{suggestion(name, known)} (known: {', '.join(known)})"
            )
        elif detail["type"] == "missing":
            path, message = (*root, *location), "is required and missing"
        elif detail["type"] == "string_pattern_mismatch":
            message = f"expected letters, digits, - and _, got {detail['input']!r}"
        elif detail["type"] not in {"value_error", "too_short", "too_long"}:
            message = f"{message[0].lower()}{message[1:]}, got {detail['input']!r}"
        problem = source.problem(path, message)
        found.setdefault((problem.path, problem.message), problem)
    for path, options in wanted.items():
        value = given[path][1]
        problem = source.problem(path, f"expected {' or '.join(dict.fromkeys(options))}, got {value!r}")
        found.setdefault((problem.path, problem.message), problem)
    return list(found.values())


def _expected(detail: ErrorDetails) -> str:
    """Say what pydantic expected, and which of the allowed texts is nearest to what was given."""
    text = detail["msg"].removeprefix("Input should be ")
    if detail["type"] in {"model_type", "dict_type"}:
        return "a mapping"
    if detail["type"] in {"literal_error", "enum"}:
        return text + suggestion(str(detail["input"]), re.findall(r"'([^']*)'", text))
    return text


def _existing(location: KeyPath, source: YamlSource, base: KeyPath) -> KeyPath:
    """Drop the tail that pydantic added for union members, which the file doesn't have."""
    for end in range(len(location), 0, -1):
        if (*base, *location[:end]) in source.lines:
            return location[:end]
    return location


def _fields_at(model: type[BaseModel], location: KeyPath) -> list[str]:
    """Names of the fields that were allowed where an unknown one was found."""
    current: Any = model
    if location[:1] == ("stages",) and len(location) >= 2 and model is PipelineDocument:
        current = NodeDocument
        location = location[2:]
    for part in location:
        field = getattr(current, "model_fields", {}).get(part)
        nested = getattr(field, "annotation", None)
        current = nested if isinstance(nested, type) and issubclass(nested, BaseModel) else current
    return sorted(field.alias or name for name, field in current.model_fields.items())


def _nightly_command(file: Path) -> str:
    """Return the command that runs a nightly: by its name, where that finds it."""
    from edgesmith_flows.settings import known_pipelines

    name = file.stem if known_pipelines().get(file.stem) == file else str(file)
    return "edgesmith nightly" if name == "nightly" else shlex.join(["edgesmith", "nightly", name])
