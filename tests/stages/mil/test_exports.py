"""What coremltools' options make of a small network: sizes, colours, functions, state, compressed weights."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from edgesmith import UserError
from edgesmith_stages.mil.interpret import Interpreter

pytestmark = pytest.mark.slow


class Network(nn.Module):
    """Convolutions, a bilinear resize and a classifier, for images of any size."""

    def __init__(self, channels: int = 3, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.first = nn.Conv2d(channels, 16, 3, 2, 1)
        self.second = nn.Conv2d(16, 32, 3, padding=1)
        self.head = nn.Linear(32, 5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        inner = self.second(self.first(image).relu())
        wide = nn.functional.interpolate(inner, scale_factor=2, mode="bilinear")
        return self.head(wide.mean((2, 3)))


class Sum(nn.Module):
    """Adds what it is given to a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(2, 3, dtype=torch.float16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.total.add_(x)
        return self.total * 2


@pytest.fixture(scope="module")
def coremltools() -> Any:
    """coremltools, silent."""
    logging.getLogger("coremltools").setLevel(logging.ERROR)
    import coremltools

    return coremltools


@pytest.fixture
def convert(coremltools: Any, tmp_path: Path) -> Callable[..., Any]:
    """Convert a network with one input, x; save it as `name`."""

    def make(module: nn.Module, given: Any, target: str = "iOS17", name: str = "model", **options: Any) -> Any:
        example = options.pop("example", None)
        if example is None:
            example = torch.rand(1, module.first.in_channels, 32, 48)  # type: ignore[union-attr, arg-type]
        made = coremltools.convert(
            torch.jit.trace(module.eval(), example, check_trace=False),
            inputs=[given],
            minimum_deployment_target=getattr(coremltools.target, target),
            compute_precision=coremltools.precision.FLOAT32,
            skip_model_load=True,
            **options,
        )
        made.save(str(tmp_path / f"{name}.mlpackage"))
        return made

    return make


def first(made: Interpreter, x: Any, **options: Any) -> Any:
    return next(iter(made.run({"x": x}, **options).values()))


def check(package: Path, module: nn.Module, x: Any, wanted: torch.Tensor) -> None:
    with torch.inference_mode():
        np.testing.assert_allclose(first(Interpreter(package), x), module(wanted).numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["range", "enumerated"])
def test_sizes(convert: Any, coremltools: Any, tmp_path: Path, kind: str) -> None:
    """Valid ones run; others are refused with the valid ones named."""
    shape = coremltools.EnumeratedShapes([(1, 3, 32, 48), (1, 3, 64, 40)])
    if kind == "range":
        shape = (1, 3, coremltools.RangeDim(16, 64), coremltools.RangeDim(16, 64))
    module = Network()
    convert(module, coremltools.TensorType(name="x", shape=shape))
    for height, width in ((32, 48), (64, 40)):
        image = torch.rand(1, 3, height, width)
        check(tmp_path / "model.mlpackage", module, image.numpy(), image)
    expected = r"16 to 64, 16 to 64" if kind == "range" else r"\[1, 3, 32, 48\] or \[1, 3, 64, 40\]"
    with pytest.raises(UserError, match=expected):
        first(Interpreter(tmp_path / "model.mlpackage"), np.zeros((1, 3, 80, 40), np.float32))


@pytest.mark.parametrize("color", ["RGB", "BGR", "GRAYSCALE"])
def test_images(convert: Any, coremltools: Any, tmp_path: Path, color: str) -> None:
    """Scale and bias are operations of the program; the channel order is the input's."""
    channels = 1 if color == "GRAYSCALE" else 3
    bias = [-0.1, -0.2, -0.3][:channels]
    module = Network(channels)
    layout = getattr(coremltools.colorlayout, color)
    given = coremltools.ImageType(
        name="x",
        shape=(1, channels, 32, 48),
        scale=1 / 255,
        bias=bias if channels == 3 else bias[0],
        color_layout=layout,
    )
    convert(module, given, "iOS15")
    pixels = np.random.default_rng(0).integers(0, 256, (1, 32, 48, channels), np.uint8)
    planes = torch.from_numpy(pixels.astype(np.float32)).permute(0, 3, 1, 2)
    planes = planes.flip(1) if color == "BGR" else planes
    check(tmp_path / "model.mlpackage", module, pixels, planes / 255 + torch.tensor(bias).view(1, -1, 1, 1))


def test_functions(convert: Any, coremltools: Any, tmp_path: Path) -> None:
    """Two networks in one package, with a default."""
    modules = {"alpha": Network(seed=1), "beta": Network(seed=2)}
    parts = coremltools.utils.MultiFunctionDescriptor()
    for name, module in modules.items():
        convert(module, coremltools.TensorType(name="x", shape=(1, 3, 32, 48)), "iOS18", name)
        parts.add_function(str(tmp_path / f"{name}.mlpackage"), "main", name)
    parts.default_function_name = "beta"
    coremltools.utils.save_multifunction(parts, str(tmp_path / "both.mlpackage"))
    image = torch.rand(1, 3, 32, 48)
    check(tmp_path / "both.mlpackage", modules["beta"], image.numpy(), image)
    found = first(Interpreter(tmp_path / "both.mlpackage", function="alpha"), image.numpy())
    np.testing.assert_allclose(found, modules["alpha"](image).detach().numpy(), atol=1e-5)


def test_state(convert: Any, coremltools: Any, tmp_path: Path) -> None:
    """A buffer that the network changes."""
    half = coremltools.TensorType(shape=(2, 3), dtype=np.float16)
    convert(
        Sum(),
        coremltools.TensorType(name="x", shape=(2, 3), dtype=np.float16),
        "iOS18",
        example=torch.ones(2, 3, dtype=torch.float16),
        states=[coremltools.StateType(wrapped_type=half, name="total")],
        outputs=[coremltools.TensorType(dtype=np.float16)],
    )
    made = Interpreter(tmp_path / "model.mlpackage")
    state = made.new_state()
    assert [first(made, np.ones((2, 3)), state=state).max() for _ in range(3)] == [2, 4, 6]


SCHEMES = [
    *(("iOS16", *steps) for steps in (["palettise"], ["int8"], ["prune"])),
    *(("iOS18", *steps) for steps in (["palettise"], ["int8"], ["int4"], ["prune"])),
    ("iOS18", "prune", "int8"),
    ("iOS18", "prune", "palettise"),
]


@pytest.mark.parametrize("scheme", SCHEMES, ids="-".join)
def test_compressed_weights(convert: Any, coremltools: Any, tmp_path: Path, scheme: tuple[str, ...]) -> None:
    """Bit for bit what coremltools' own decompression gives; joint forms included."""
    optimize = coremltools.optimize.coreml
    configs = {
        "palettise": (optimize.palettize_weights, optimize.OpPalettizerConfig(nbits=4, weight_threshold=16)),
        "int8": (optimize.linear_quantize_weights, optimize.OpLinearQuantizerConfig(weight_threshold=16)),
        "int4": (
            optimize.linear_quantize_weights,
            optimize.OpLinearQuantizerConfig(dtype="int4", granularity="per_block", block_size=16, weight_threshold=16),
        ),
        "prune": (optimize.prune_weights, optimize.OpMagnitudePrunerConfig(target_sparsity=0.5, weight_threshold=16)),
    }
    target, *steps = scheme
    small = convert(Network(), coremltools.TensorType(name="x", shape=(1, 3, 32, 48)), target)
    for place, step in enumerate(steps):
        compress, config = configs[step]
        joint = {"joint_compression": True} if place else {}
        small = compress(small, optimize.OptimizationConfig(global_config=config), **joint)
    small.save(str(tmp_path / "small.mlpackage"))
    optimize.decompress_weights(small).save(str(tmp_path / "large.mlpackage"))
    image = np.random.default_rng(0).random((1, 3, 32, 48), np.float32)
    found, wanted = (first(Interpreter(tmp_path / f"{name}.mlpackage"), image) for name in ("small", "large"))
    np.testing.assert_array_equal(found, wanted)
