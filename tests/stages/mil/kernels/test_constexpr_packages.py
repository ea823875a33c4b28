"""Packages that coremltools compresses: our weights are bit for bit those that it decompresses.

Each package is decompressed twice: by coremltools (`decompress_weights`), and here, from the file.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgesmith_stages.mil.call import Call, TensorType
from edgesmith_stages.mil.constants import Constants
from edgesmith_stages.mil.dtypes import held
from edgesmith_stages.mil.interpret import Interpreter
from edgesmith_stages.mil.kernels.constexpr import KERNELS
from edgesmith_stages.mil.kernels.table import find
from edgesmith_stages.mil.package import Package
from edgesmith_stages.mil.program import Literal, count_operations, read_function

pytestmark = pytest.mark.slow

NUMBERS = np.random.default_rng(0)
CONV = NUMBERS.normal(size=(32, 16, 3, 3)).astype(np.float32)
LINEAR = NUMBERS.normal(size=(24, 512)).astype(np.float32)

Compress = Callable[[Any], Any]


@cache
def model(target: str, precision: str) -> Any:
    """A conv and a linear layer, as coremltools' model object."""
    import coremltools as ct
    from coremltools.converters.mil.mil import Builder as mb

    @mb.program(input_specs=[mb.TensorSpec(shape=(1, 16, 4, 4))], opset_version=getattr(ct.target, target))
    def program(x: Any) -> Any:
        y = mb.conv(x=x, weight=CONV, pad_type="same", name="conv")
        return mb.linear(x=mb.reshape(x=y, shape=[1, 512]), weight=LINEAR, name="linear")

    return ct.convert(
        program,
        convert_to="mlprogram",
        minimum_deployment_target=getattr(ct.target, target),
        compute_precision=getattr(ct.precision, precision),
        skip_model_load=True,
    )


def config(kind: str, **options: Any) -> Any:
    import coremltools.optimize.coreml as cto

    return cto.OptimizationConfig(global_config=getattr(cto, kind)(**options))


def quantized(given: Any, joint: bool = False, **options: Any) -> Any:
    from coremltools.optimize.coreml import linear_quantize_weights

    return linear_quantize_weights(given, config("OpLinearQuantizerConfig", weight_threshold=0, **options), joint)


def palettized(given: Any, joint: bool = False, mode: str = "uniform", **options: Any) -> Any:
    from coremltools.optimize.coreml import palettize_weights

    chosen = config("OpPalettizerConfig", weight_threshold=0, mode=mode, **options)
    return palettize_weights(given, chosen, joint)


def pruned(given: Any, kind: str = "OpMagnitudePrunerConfig", **options: Any) -> Any:
    from coremltools.optimize.coreml import prune_weights

    return prune_weights(given, config(kind, weight_threshold=0, **options))


HALF = partial(pruned, target_sparsity=0.5)
THRESHOLD: dict[str, Any] = {"kind": "OpThresholdPrunerConfig", "threshold": 0.8, "minimum_sparsity_percentile": 0.1}
BY_BLOCK: dict[str, Any] = {"granularity": "per_block", "block_size": 8}
BY_GROUP: dict[str, Any] = {"granularity": "per_grouped_channel", "group_size": 8}

EVERYWHERE: dict[str, list[Compress]] = {
    "int8 by channel": [quantized],
    "uint8 with zero points": [partial(quantized, mode="linear", dtype=np.uint8)],
    "int8 with zero points": [partial(quantized, mode="linear", dtype=np.int8)],
    "pruned by magnitude": [HALF],
    "pruned by threshold": [partial(pruned, **THRESHOLD)],
    "pruned 2 of 4": [partial(pruned, n_m_ratio=(2, 4))],
    "pruned in blocks": [partial(pruned, target_sparsity=0.5, block_size=2)],
    **{f"{bits} bits": [partial(palettized, nbits=bits)] for bits in (1, 2, 4, 6, 8)},
    "4 bits by k-means": [partial(palettized, mode="kmeans", nbits=4)],
}

IOS18: dict[str, list[Compress]] = {
    "int8 by tensor": [partial(quantized, granularity="per_tensor")],
    "int4 by channel": [partial(quantized, dtype="int4")],
    "uint4 by channel, with zero points": [partial(quantized, dtype="uint4", mode="linear")],
    "int4 by block": [partial(quantized, dtype="int4", **BY_BLOCK)],
    "int4 by block, with zero points": [partial(quantized, dtype="int4", mode="linear", **BY_BLOCK)],
    "uint8 by block": [partial(quantized, dtype="uint8", **BY_BLOCK)],
    "3 bits": [partial(palettized, nbits=3)],
    **{f"{bits} bits by group": [partial(palettized, nbits=bits, **BY_GROUP)] for bits in (1, 2, 3, 4, 6, 8)},
    "4 bits by group of inputs": [partial(palettized, nbits=4, channel_axis=1, **BY_GROUP)],
    "4 bits with a scale by channel": [partial(palettized, nbits=4, enable_per_channel_scale=True)],
    "4 bits by group, with a scale by channel": [
        partial(palettized, nbits=4, enable_per_channel_scale=True, **BY_GROUP)
    ],
    "vectors of 2": [partial(palettized, mode="kmeans", nbits=3, cluster_dim=2)],
    "vectors of 4 by group": [partial(palettized, mode="kmeans", nbits=2, cluster_dim=4, **BY_GROUP)],
    "pruned, then int8": [HALF, partial(quantized, joint=True)],
    "pruned, then int4 by block": [HALF, partial(quantized, joint=True, dtype="int4", **BY_BLOCK)],
    "pruned, then 4 bits": [HALF, partial(palettized, joint=True, nbits=4)],
    "pruned, then 2 bits by group": [HALF, partial(palettized, joint=True, nbits=2, **BY_GROUP)],
    "4 bits, with a table of int8": [
        partial(palettized, nbits=4),
        partial(quantized, joint=True, granularity="per_tensor"),
    ],
    "pruned, then 4 bits, with a table of int8": [
        HALF,
        partial(palettized, joint=True, nbits=4),
        partial(quantized, joint=True, granularity="per_tensor"),
    ],
}

IN_SINGLE_PRECISION = {
    "iOS16": ["int8 with zero points", "4 bits", "pruned by magnitude"],
    "iOS18": ["int4 by block", "4 bits with a scale by channel", "pruned, then 4 bits, with a table of int8"],
}

CASES = [
    *((target, "FLOAT16", name) for target in ("iOS16", "iOS17", "iOS18") for name in EVERYWHERE),
    *(("iOS18", "FLOAT16", name) for name in IOS18),
    *((target, "FLOAT32", name) for target, names in IN_SINGLE_PRECISION.items() for name in names),
]


def compressed(target: str, precision: str, name: str, file: Path) -> Any:
    """The model, compressed and saved."""
    made = model(target, precision)
    for step in (EVERYWHERE | IOS18)[name]:
        made = step(made)
    made.save(str(file))
    return made


def weights(package: Package) -> dict[str, torch.Tensor]:
    """The weight of each layer, by the layer's name, in the dtype that the program declares."""
    function = read_function(package.spec)
    holds = partial(held, mode="declared")
    constants = Constants(package, holds)
    known: dict[str, Any] = {}
    declared: dict[str, TensorType] = {}
    found = {}
    for operation in function.block.operations:
        bound = {
            key: constants.decode(one.message, operation.name) if isinstance(one, Literal) else known.get(one.name)
            for key, (one, *_) in operation.arguments.items()
        }
        if operation.type == "const":
            results = [bound["val"]]
        elif operation.type.startswith("constexpr_"):
            kernel = find(operation.type, function.opset)
            assert kernel is not None
            types = [value.type for value in operation.outputs]
            given = kernel(Call(operation.type, operation.name, bound, types, holds))  # type: ignore[arg-type]
            results = list(given) if isinstance(given, tuple) else [given]
        else:
            if "weight" in bound:
                reference = operation.arguments["weight"][0].name  # type: ignore[union-attr]
                stored = {"fp16": torch.float16, "fp32": torch.float32}[declared[reference].dtype]
                found[operation.type] = bound["weight"].to(stored)
            continue
        for value, result in zip(operation.outputs, results, strict=True):
            known[value.name], declared[value.name] = result, value.type  # type: ignore[assignment]
    return found


@pytest.mark.parametrize(("target", "precision", "name"), CASES)
def test_weights_are_bit_for_bit_those_of_coremltools(target: str, precision: str, name: str, tmp_path: Path) -> None:
    from coremltools.optimize.coreml import decompress_weights

    made = compressed(target, precision, name, tmp_path / "compressed.mlpackage")
    decompress_weights(made).save(str(tmp_path / "dense.mlpackage"))
    package, dense = (Package.open(tmp_path / f"{which}.mlpackage") for which in ("compressed", "dense"))
    counts = count_operations(read_function(package.spec).block)
    assert any(operation.startswith("constexpr_") for operation in counts), "it is compressed"
    ours, theirs = weights(package), weights(dense)
    assert ours.keys() == theirs.keys() == {"conv", "linear"}
    for layer, weight in ours.items():
        assert weight.dtype == theirs[layer].dtype
        assert torch.equal(weight, theirs[layer]), layer
    x = {"x": np.random.default_rng(1).normal(size=(1, 16, 4, 4)).astype(np.float32)}
    (ran,), (expected,) = (Interpreter(which).run(x).values() for which in (package, dense))
    assert np.array_equal(ran, expected), "the interpreter gives the kernels the same weights"


def test_every_constexpr_operation_is_among_these_packages(tmp_path: Path) -> None:
    """But for constexpr_cast, which no compression of coremltools makes."""
    seen = set()
    for target, name in (
        ("iOS16", "int8 by channel"),
        ("iOS16", "4 bits"),
        ("iOS16", "pruned by magnitude"),
        ("iOS18", "4 bits"),
        ("iOS18", "int4 by block"),
        ("iOS18", "pruned, then int8"),
        ("iOS18", "pruned, then 4 bits"),
    ):
        compressed(target, "FLOAT16", name, file := tmp_path / f"{target} {name}.mlpackage")
        function = read_function(Package.open(file).spec)
        seen.update((operation, function.opset) for operation in count_operations(function.block))
    assert set(KERNELS) - seen == {("constexpr_cast", 6)}
