"""Resizing, cropping and sampling of images (the last two dimensions)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from edgesmith import UserError
from edgesmith_stages.mil.call import Call, Kernel, Results
from edgesmith_stages.mil.kernels.precision import widened
from edgesmith_stages.mil.kernels.sampling import (
    PADDING_MODES,
    SAMPLING_MODES,
    axis_grid,
    grid,
    interpolated,
    sampled,
)
from edgesmith_stages.mil.room import room

if TYPE_CHECKING:
    from torch import Tensor

BOX_MODES = ("CORNERS_HEIGHT_FIRST", "CORNERS_WIDTH_FIRST", "CENTER_SIZE_HEIGHT_FIRST", "CENTER_SIZE_WIDTH_FIRST")
COORDINATES_MODES = ("unnormalized", "normalized_minus_one_to_one", "normalized_zero_to_one")


def upsample_nearest_neighbor(call: Call) -> Results:
    """Row i of the output is row floor(i * in / out) of x."""
    import torch

    x = call.tensor("x")
    sizes = _upsampled(call, x)
    room(call, [*x.shape[:-2], *sizes])
    for axis, count in zip((-2, -1), sizes, strict=True):
        x = x.index_select(axis, torch.arange(count) * x.shape[axis] // count)
    return x


def upsample_bilinear(call: Call) -> Results:
    """Corners aligned, else half-pixel centres; with neither (iOS16's half_pixel_centers), i * in / out.

    The scale is that of the sizes, as torch's recompute_scale_factor has it.
    """
    x = call.tensor("x")
    align = call.flag("align_corners", True)
    centers = call.flag("half_pixel_centers", not align)
    if align and centers:
        raise UserError(
            f"upsample_bilinear {call.name}: align_corners and half_pixel_centers are both true",
            hint="the MIL reference gives this no meaning",
        )
    mode = "STRICT_ALIGN_CORNERS" if align else "UNALIGN_CORNERS" if centers else "DEFAULT"
    return _linear(call, x, _upsampled(call, x), mode)


def _upsampled(call: Call, x: Tensor) -> list[int]:
    """Sizes after upsampling: the declared ones, else floor(size * scale) in single precision."""
    import torch

    sizes = []
    for axis, name in ((-2, "scale_factor_height"), (-1, "scale_factor_width")):
        declared = call.output.shape[axis] if len(call.output.shape) == x.dim() else None
        scale = torch.tensor(call.number(name, 1.0), dtype=torch.float32)
        sizes.append(int((scale * x.shape[axis]).floor()) if declared is None else declared)
    return sizes


def resize_nearest_neighbor(call: Call) -> Results:
    """Half-pixel centres, unlike upsample_nearest_neighbor: row i is row floor((i + 0.5) * in / out) of x."""
    return _nearest(call, call.tensor("x"), _target(call, "target_size_"), "DEFAULT")


def resize_bilinear(call: Call) -> Results:
    """Bilinear, sampled as `sampling_mode` says (see `grid`)."""
    mode = call.choice("sampling_mode", SAMPLING_MODES, "DEFAULT")
    return _linear(call, call.tensor("x"), _target(call, "target_size_"), mode)


def _target(call: Call, prefix: str) -> list[int]:
    return [call.int(f"{prefix}{side}", 1) for side in ("height", "width")]


def resize(call: Call) -> Results:
    """The last `resized_dims` dimensions resized to the last of `shape`; 0 keeps a size."""
    x, count = call.tensor("x"), call.int("resized_dims")
    wanted = call.ints("shape")[len(call.ints("shape")) - count :]
    sizes = [size or x.shape[axis - count] for axis, size in enumerate(wanted)]
    mode = call.choice("sampling_mode", SAMPLING_MODES, "DEFAULT")
    interpolation = call.choice("interpolation_mode", ("LINEAR", "NEAREST_NEIGHBOR"), "LINEAR")
    return (_linear if interpolation == "LINEAR" else _nearest)(call, x, sizes, mode)


def _linear(call: Call, x: Tensor, sizes: Sequence[int], mode: str) -> Tensor:
    """x with its last dimensions interpolated to these sizes; integers are rounded, of a tie to the even one."""
    room(call, [*x.shape[: -len(sizes)], *sizes])
    y = widened(x) if x.is_floating_point() else x.double()
    # The axis that shrinks most first, so that less is left to do.
    for axis in sorted(range(-len(sizes), 0), key=lambda axis: sizes[axis] / x.shape[axis]):
        if sizes[axis] != x.shape[axis] or mode == "OFFSET_CORNERS":
            y = interpolated(y, axis_grid(x.shape[axis], sizes[axis], mode), axis)
    return y if x.is_floating_point() else y.round().to(x.dtype)


def _nearest(call: Call, x: Tensor, sizes: Sequence[int], mode: str) -> Tensor:
    """x with its last dimensions resized to the nearest pixels, of a tie the later one.

    DEFAULT means half-pixel centres here: so resize does what resize_nearest_neighbor did.
    """
    room(call, [*x.shape[: -len(sizes)], *sizes])
    for axis in range(-len(sizes), 0):
        at = axis_grid(x.shape[axis], sizes[axis], "UNALIGN_CORNERS" if mode == "DEFAULT" else mode)
        x = x.index_select(axis, (at + 0.5).floor().long().clamp(max=x.shape[axis] - 1))
    return x


def crop(call: Call) -> Results:
    """Without the first and last rows (crop_height) and columns (crop_width)."""
    x = call.tensor("x")
    (top, bottom), (left, right) = call.ints("crop_height"), call.ints("crop_width")
    return x[..., top : x.shape[-2] - bottom, left : x.shape[-1] - right]


def crop_resize_roi(call: Call) -> Results:
    """iOS15 and 16: boxes as roi (n, 1, 4, 1, 1) from every image, or (n, 1, 5, 1, 1) led by an image's index.

    Gives (n, b, c, h, w), or (n, 1, c, h, w) with indices.
    """
    roi = call.tensor("roi").flatten(1)
    images = [None if roi.shape[1] == 4 else int(box[0]) for box in roi]
    return _crops(call, roi[:, -4:], images)


def crop_resize(call: Call) -> Results:
    """iOS17: boxes (n, 4), each from the image that box_indices names, by default the one of its own number."""
    boxes = call.tensor("boxes")
    images = call.ints("box_indices", list(range(len(boxes))))
    return _crops(call, boxes, images).squeeze(1)


def _crops(call: Call, boxes: Tensor, images: Sequence[int | None]) -> Tensor:
    """Boxes of images, resized bilinearly; what a grid point outside of the image gives is pad_value."""
    import torch

    x = widened(call.tensor("x"))
    limits = [size - 1 for size in x.shape[-2:]]
    corners = _corners(boxes.double(), call.choice("box_coordinate_mode", BOX_MODES, "CORNERS_HEIGHT_FIRST"))
    corners = corners * call.number("spatial_scale", 1.0)
    if call.flag("normalized_coordinates", False):
        corners = corners * torch.tensor(limits * 2, dtype=torch.float64)
    mode, (height, width) = call.choice("sampling_mode", SAMPLING_MODES, "DEFAULT"), _target(call, "target_")
    rows = grid(corners[:, 0], corners[:, 2], height, mode)
    columns = grid(corners[:, 1], corners[:, 3], width, mode)
    per_box = x.shape[0] if None in images else 1
    room(call, [len(images), per_box, x.shape[1], height, width])
    crops = x.new_empty(len(images), per_box, x.shape[1], height, width)
    for at, image in enumerate(images):
        found = x if image is None else x[image : image + 1]
        inside = []
        for axis, points, limit in ((-2, rows[at], limits[0]), (-1, columns[at], limits[1])):
            found = interpolated(found, points.clamp(0, limit), axis)
            inside.append((points >= 0) & (points <= limit))
        both = inside[0][:, None] & inside[1]
        crops[at] = found.masked_fill(~both, call.number("pad_value", 0.0))
    return crops


def _corners(boxes: Tensor, mode: str) -> Tensor:
    """Boxes (n, 4) as first row, first column, last row, last column."""
    import torch

    if mode.endswith("WIDTH_FIRST"):
        boxes = boxes[:, [1, 0, 3, 2]]
    if mode.startswith("CENTER"):
        center, size = boxes[:, :2], boxes[:, 2:]
        boxes = torch.cat([center - size / 2, center + size / 2], dim=1)
    return boxes


def resample(call: Call) -> Results:
    """x at coordinates (b, h, w, 2), each a column and a row."""
    x = widened(call.tensor("x"))
    mode, align = call.choice("coordinates_mode", COORDINATES_MODES), call.flag("align_corners")
    room(call, [*x.shape[:2], *call.tensor("coordinates").shape[1:3]])
    columns, rows = (
        _pixel(call.tensor("coordinates")[..., at].double(), x.shape[-1 - at], mode, align) for at in (0, 1)
    )
    return _sample(call, x, rows, columns)


def affine(call: Call) -> Results:
    """The image at (a0 x + a1 y + a2, b0 x + b1 y + b2) for each (x, y) of the output, in -1 to 1.

    Unlike those of resample, its modes may be written in capitals.
    """
    import torch

    x, align = widened(call.tensor("x")), call.flag("align_corners")
    sides, target = [], _target(call, "output_")
    room(call, [*x.shape[:2], *target])
    for count in target:
        side = torch.linspace(-1, 1, count, dtype=torch.float64) if count > 1 else torch.zeros(1, dtype=torch.float64)
        sides.append(side if align else side * (count - 1) / count)
    down, right = torch.meshgrid(*sides, indexing="ij")
    matrix = call.tensor("transform_matrix").double().expand(len(x), -1)[..., None, None]
    mode = call.choice("coordinates_mode", COORDINATES_MODES, lower=True)
    columns, rows = (
        _pixel(matrix[:, 3 * at] * right + matrix[:, 3 * at + 1] * down + matrix[:, 3 * at + 2], size, mode, align)
        for at, size in ((0, x.shape[-1]), (1, x.shape[-2]))
    )
    return _sample(call, x, rows, columns, lower=True)


def _pixel(at: Tensor, size: int, mode: str, align: bool) -> Tensor:
    """Coordinates along an axis in pixels; `align` puts the ends of a range on centres of pixels, else on edges."""
    if mode == "unnormalized":
        return at
    if mode == "normalized_minus_one_to_one":
        at = (at + 1) / 2
    return at * (size - 1) if align else at * size - 0.5


def _sample(call: Call, x: Tensor, rows: Tensor, columns: Tensor, *, lower: bool = False) -> Tensor:
    nearest = call.choice("sampling_mode", ("bilinear", "nearest"), lower=lower) == "nearest"
    padding, value = call.choice("padding_mode", PADDING_MODES, lower=lower), call.number("padding_value", 0.0)
    return sampled(x, rows, columns, nearest=nearest, padding=padding, value=value)


KERNELS: Mapping[tuple[str, int], Kernel] = {
    ("affine", 5): affine,
    ("crop", 5): crop,
    ("crop_resize", 5): crop_resize_roi,
    ("crop_resize", 7): crop_resize,
    ("resample", 5): resample,
    ("resize", 7): resize,
    ("resize_bilinear", 5): resize_bilinear,
    ("resize_nearest_neighbor", 5): resize_nearest_neighbor,
    ("upsample_bilinear", 5): upsample_bilinear,
    ("upsample_nearest_neighbor", 5): upsample_nearest_neighbor,
}
