"""The model card: what is known of a model, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgesmith_stages.bundling.measured import Measured, shown
from edgesmith_stages.bundling.sources import fill
from edgesmith_stages.bundling.text import markdown

if TYPE_CHECKING:
    from edgesmith import Model

SAID = ("author", "license", "version")
SOURCE = "edgesmith.source"
"""Key of a Core ML package's metadata that holds the digest of the torch model."""


def card(
    contents: Mapping[str, Any],
    model: Model,
    params: Any,
    parity: Mapping[str, float],
    runtime: str,
    golden_images: int,
    caught: Mapping[str, bool],
    measured: Sequence[Measured],
) -> str:
    """Return the card in Markdown.

    Args:
        contents: of `preprocess.json`.
        model: the model.
        params: of the stage.
        parity: `sqnr_db` and `agreement` against the source model, on the golden images.
        runtime: what ran the model.
        golden_images: how many of the images are no noise.
        caught: by mistake, whether the check notices it.
        measured: what reports say.
    """
    from edgesmith_stages.bundling.templates.card import TEMPLATE

    metadata = _metadata(model) if contents["model"]["format"] == "coreml" else {}
    said = {key: getattr(params, key) or metadata.get(key, "") for key in SAID}
    lineage = [("model", model.digest), ("made from", _digest(metadata.get(SOURCE, "")))]
    lineage += [("report", one.digest) for one in measured]
    values = {
        "name": contents["name"],
        "description": params.description or metadata.get("description", ""),
        "contents": contents,
        "said": {key: value for key, value in said.items() if value},
        "golden_images": golden_images,
        "runtime": runtime,
        "parity": parity,
        "measured": measured,
        "crop": contents["image"]["crop"],
        "caught": [name.replace("_", " ") for name, noticed in caught.items() if noticed],
        "missed": [name.replace("_", " ") for name, noticed in caught.items() if not noticed],
        "lineage": [(key, value) for key, value in lineage if value],
    }
    return fill(TEMPLATE, values, lambda value: markdown(shown(value)))


def _metadata(model: Model) -> dict[str, str]:
    """Return what a Core ML package says of itself."""
    from edgesmith_stages.mil.package import Package

    found = Package.open(model.file).spec.description.metadata
    return {
        "author": found.author,
        "license": found.license,
        "version": found.versionString,
        "description": found.shortDescription,
        **found.userDefined,
    }


def _digest(text: str) -> str:
    """Return a digest, or "" for anything else that a package may carry there."""
    return text if re.fullmatch(r"[A-Za-z0-9:-]{1,200}", text) else ""
