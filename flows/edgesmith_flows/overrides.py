"""`--set`: change a pipeline's params, or one node's, for one run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from edgesmith.errors import UserError, unknown
from edgesmith_flows.document import PipelineDocument
from edgesmith_flows.yaml_source import PipelineError, parse_yaml


def parse_overrides(texts: Iterable[str]) -> dict[str, Any]:
    """Parse `NAME=VALUE` texts; the value is YAML (`3`, `true`, `[a, b]`, `text`).

    Raises:
        UserError: a text has no `=`, isn't UTF-8, or its value isn't YAML.
    """
    found: dict[str, Any] = {}
    for text in texts:
        if not _is_text(text):
            told = os.fsencode(text)[:80].decode(errors="backslashreplace")
            raise UserError(f"--set {told}: not UTF-8; expected NAME=VALUE in UTF-8, as pipeline files are")
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise UserError(f"--set {text!r}: expected NAME=VALUE, e.g. --set image_size=128")
        try:
            found[name.strip()] = parse_yaml(value, Path("--set")).data if value else ""
        except PipelineError as error:
            message = error.problems[0].message.removeprefix("not YAML: ")
            raise UserError(f"--set {text[:80]!r}: the value is not YAML: {message}") from error
    return found


def _is_text(text: str) -> bool:
    """Tell whether an argument could be decoded; bytes that couldn't be are surrogates, which nothing can write."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def apply_overrides(document: PipelineDocument, overrides: Mapping[str, Any]) -> PipelineDocument:
    """Return the document with `PARAM` and `NODE.PARAM` values replaced.

    Raises:
        UserError: there is no such param or node.
    """
    params = dict(document.params)
    stages = dict(document.stages)
    for name, value in overrides.items():
        node, dot, field = name.partition(".")
        if name in params:
            params[name] = value
        elif dot and node in stages:
            entry = stages[node]
            stages[node] = entry.model_copy(update={"with_": {**entry.with_, field: value}})
        elif name == "seed":
            params[name] = value
        else:
            known = {*params, "seed"} if not dot else set(stages)
            what = "node" if dot else "param"
            raise UserError(f"--set {name}: " + unknown(what, node if dot else name, known))
    return document.model_copy(update={"params": params, "stages": stages})
