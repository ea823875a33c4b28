"""`preprocess.json`: what to feed a model and what it answers, for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgesmith_stages.bundling.signature import Signature, Tensor

if TYPE_CHECKING:
    from edgesmith import InputContract, Model

RESIZE = (
    "scale = max(height / image height, width / image width), with this rule's height and width; the new sides are the "
    "old ones times scale, rounded to the nearest (half to even), and not under the crop's"
)
FILTER = "Pillow's: each source pixel is weighted by its distance, over a reach that grows with the reduction"
TRANSPARENT = "laid on white, before anything else"
CROP = "centred; left = (resized width - width) // 2, top = (resized height - height) // 2"


def describe(
    name: str, model: Model, file: str, found: Signature, classes: Sequence[str], golden: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the document.

    Args:
        name: the model's, for people.
        model: the model.
        file: its file's name in the bundle.
        found: the file's signature.
        classes: one name per output.
        golden: what `golden.write` returned, and the tolerance.
    """
    contract = model.contract
    height, width = contract.size
    filtering = {"filter": contract.resample} | ({} if contract.resample == "nearest" else {"meaning": FILTER})
    return {
        "format": 1,
        "name": name,
        "model": {"file": file, "format": found.format, "bytes": model.bytes(), "digest": model.digest},
        "image": {
            "color": contract.color,
            "transparent": TRANSPARENT,
            "resize": {"rule": RESIZE, **resized(contract), **filtering},
            "crop": {"rule": CROP, "height": height, "width": width},
        },
        "tensor": describe_tensor(found.input, contract),
        "output": {
            "name": found.output.name,
            "form": found.output.form,
            "dtype": found.output.dtype,
            "quantization": _quantization(found.output),
            "meaning": contract.output,
            "classes": list(classes),
        },
        "golden": dict(golden),
    }


def resized(contract: InputContract) -> dict[str, int]:
    """Return the height and width that an image must have at least before the crop."""
    height, width = (round(side / contract.crop_fraction) for side in contract.size)
    return {"height": height, "width": width}


def values(contract: InputContract) -> str:
    """Return what the tensor holds for a pixel: `normalised`, `pixel` or `pixel - 128`."""
    if contract.normalised_by == "host":
        return "normalised"
    return "pixel - 128" if contract.dtype == "int8" else "pixel"


def describe_tensor(tensor: Tensor, contract: InputContract) -> dict[str, Any]:
    """Return what the document says of the model's input."""
    kind = values(contract)
    sides = contract.size
    shape = [*sides, contract.channels] if contract.layout == "NHWC" else [contract.channels, *sides]
    host = {"rule": "(pixel / 255 - mean) / std, per channel, in float32", "scale": 1 / 255}
    host |= {"mean": list(contract.mean), "std": list(contract.std)}
    return {
        "name": tensor.name,
        "form": tensor.form,
        "layout": contract.layout,
        "shape": [1, *shape],
        "dtype": tensor.dtype,
        "values": kind,
        "normalised_by": contract.normalised_by,
        **(host if kind == "normalised" else {"rule": f"{kind}: the model normalises"}),
        "quantization": _quantization(tensor),
    }


def _quantization(tensor: Tensor) -> dict[str, Any] | None:
    quantization = tensor.quantization
    if quantization is None:
        return None
    rule = "real = scale * (integer - zero_point); integers are rounded to the nearest (half to even) and clipped"
    return {"rule": rule, "scale": quantization.scale, "zero_point": quantization.zero_point}
