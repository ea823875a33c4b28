"""An app's sources, filled in from `preprocess.json`'s contents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from edgesmith_stages.bundling.text import identifier, kotlin, swift

SUPPORT = {"bilinear": "1.0", "bicubic": "2.0", "lanczos": "3.0"}
"""Reach of each of Pillow's filters, in source pixels at scale 1."""

ONNX_TYPES = {"float32": "FLOAT", "uint8": "UINT8", "int8": "INT8"}


def sources(contents: Mapping[str, Any], package: str) -> dict[str, str]:
    """Return the sources by their path in the bundle: Swift for Core ML, else Kotlin.

    Args:
        contents: as `document.describe` returns them.
        package: of the Kotlin sources.
    """
    from edgesmith_stages.bundling.templates import (
        kotlin_classifier,
        kotlin_preprocessing,
        swift_classifier,
        swift_preprocessing,
    )

    language, literal = ("swift", swift) if contents["model"]["format"] == "coreml" else ("kotlin", kotlin)
    ending = {"swift": "swift", "kotlin": "kt"}[language]
    parts = {
        "swift": {"Preprocessing": swift_preprocessing, "Classifier": swift_classifier},
        "kotlin": {"Preprocessing": kotlin_preprocessing, "Classifier": kotlin_classifier},
    }[language]
    values = {**_values(contents), "package": package}
    stem = values["id"]
    return {
        f"{language}/{stem}{part}.{ending}": fill(module.TEMPLATE, values, literal) for part, module in parts.items()
    }


def fill(template: str, values: Mapping[str, Any], literal: Callable[[Any], str]) -> str:
    """Fill in a template; a value that it names and that is missing is an error.

    Args:
        template: for Jinja, with the filters `literal` and `float32`.
        values: by name.
        literal: turns a text (or what else the template gives it) into what stands for it there.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=False,  # these are no web pages: texts of users go through `literal`
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"literal": literal, "float32": float32}
    return environment.from_string(template).render(values)


def float32(number: float) -> str:
    """Return the shortest decimal that reads back as the same float32: `0.485`, `1e-05`."""
    import numpy as np

    return str(np.float32(number))


def _values(contents: Mapping[str, Any]) -> dict[str, Any]:
    image, tensor, output = contents["image"], contents["tensor"], contents["output"]
    crop, resize = image["crop"], image["resize"]
    return {
        "id": identifier(contents["name"]),
        "name": contents["name"],
        "file": contents["model"]["file"],
        "format": contents["model"]["format"],
        "height": crop["height"],
        "width": crop["width"],
        "channels": 3 if image["color"] == "RGB" else 1,
        "color": image["color"],
        "resize_height": resize["height"],
        "resize_width": resize["width"],
        "filter": resize["filter"],
        "support": SUPPORT.get(resize["filter"], ""),
        "input_name": tensor["name"],
        "onnx_type": ONNX_TYPES[tensor["dtype"]],
        "mean": tensor.get("mean", ()),
        "std": tensor.get("std", ()),
        **{key: tensor[key] for key in ("form", "layout", "shape", "dtype", "values", "quantization")},
        "output_name": output["name"],
        "output_form": output["form"],
        "output_dtype": output["dtype"],
        "output_quantization": output["quantization"],
        "output": output["meaning"],
        "classes": output["classes"],
        "golden": contents["golden"],
    }
