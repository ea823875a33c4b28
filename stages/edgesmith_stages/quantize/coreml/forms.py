"""The forms that the weights of a mixed Core ML package can take, each weight its own."""

from __future__ import annotations

from edgesmith_stages.quantize.coreml.compress import FIRST_SYSTEM
from edgesmith_stages.quantize.options import target_needed
from edgesmith_stages.quantize.params import CompressionParams

FORMS = ("palettize-2", "palettize-3", "palettize-4", "linear-int4", "palettize-6", "linear-int8")
"""Schemes of `quantize`, from narrow to wide, each with that stage's defaults. `palettize-8` is not among them: it is
as large as `linear-int8` and as near, and its k-means takes longer than all others' together."""

PROBED = "palettize-4"
"""The form that sensitivity is measured with; every target that compressed weights need has it."""


def form_params(form: str) -> CompressionParams:
    """Return the params with which `quantize` makes a form."""
    return CompressionParams.model_validate({"scheme": form})


def fitting(version: int) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the forms that a package can have, and of the others why it can't.

    Args:
        version: the package's specification version.
    """
    missing = {}
    for form in FORMS:
        needed, what = target_needed(form_params(form))
        if version < needed:
            missing[form] = f"{what} need {FIRST_SYSTEM[needed]}, and this package was exported for an older target"
    return tuple(form for form in FORMS if form not in missing), missing
