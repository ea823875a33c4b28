"""Param types that name something outside the pipeline: its content, not its name, goes into the key."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _PluginRef(BaseModel):
    """A plugin by name, with its own params beside the name."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str = Field(description="as `edgesmith` lists it; params of its own stand beside it")

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @property
    def params(self) -> dict[str, Any]:
        """The plugin's own params, as the user gave them."""
        return dict(self.model_extra or {})


class DatasetRef(_PluginRef):
    """A dataset: `digits`, or `{name: folder, path: photos}` with the dataset's own params beside the name."""


class TargetRef(_PluginRef):
    """A target: `host`, or `{name: lab, board: 3}` with the target's own params beside the name."""


class PipelineRef(_PluginRef):
    """A pipeline: `smoke`, or `{name: smoke, teacher.epochs: 2}` with params as `--set` takes them."""


class _FileMarker:
    """Marks a string field as the path of an input file."""


FILE_MARKER = _FileMarker()

FileRef = Annotated[str, FILE_MARKER, Field(description="path of a file; its content goes into the key")]
"""A path given by the user (relative to the working directory); the file's digest goes into the key."""
