"""Real networks, converted by coremltools, against eager torch."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from edgesmith.parity import relative_l2
from edgesmith_stages.mil.interpret import Interpreter
from edgesmith_stages.mil.package import Package
from edgesmith_stages.mil.program import count_operations, read_function

pytestmark = pytest.mark.slow


class Converted(NamedTuple):
    """A package, and an input with eager torch's outputs for it."""

    package: Path
    image: Any
    logits: Any


Convert = Callable[..., Converted]


@pytest.fixture(scope="module")
def convert(tmp_path_factory: pytest.TempPathFactory) -> Convert:
    """Convert a timm model with seeded random weights as `export-coreml` does; each once."""
    made: dict[tuple[str, str, str], Converted] = {}
    modules: dict[str, Any] = {}

    def make(name: str, precision: str = "FLOAT32", target: str = "iOS17", size: int = 128) -> Converted:
        logging.getLogger("coremltools").setLevel(logging.ERROR)
        import coremltools
        import timm
        import torch
        from timm.utils.model import reparameterize_model

        key = (name, precision, target)
        if key in made:
            return made[key]
        if name not in modules:
            torch.manual_seed(0)
            modules[name] = reparameterize_model(timm.create_model(name).eval())
        image = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(1))
        with torch.inference_mode():
            logits = modules[name](image).numpy()
        program = torch.export.export(modules[name], (image,)).run_decompositions({})
        model = coremltools.convert(
            program,
            inputs=[coremltools.TensorType(name="image", shape=image.shape, dtype=np.float32)],
            outputs=[coremltools.TensorType(name="logits", dtype=np.float32)],
            minimum_deployment_target=getattr(coremltools.target, target),
            compute_precision=getattr(coremltools.precision, precision),
            skip_model_load=True,
        )
        package = tmp_path_factory.mktemp("converted") / "model.mlpackage"
        model.save(str(package))
        made[key] = Converted(package, image.numpy(), logits)
        return made[key]

    return make


NETWORKS = ["mobilevit_xxs", "mobilenetv2_100", "mobileone_s0", "fastvit_t8"]


@pytest.mark.parametrize("name", NETWORKS)
def test_single_precision(convert: Convert, name: str) -> None:
    """The same but for the order of sums."""
    converted = convert(name)
    found = Interpreter(converted.package).run({"image": converted.image})["logits"]
    assert relative_l2(converted.logits, found) < 1.5e-6


@pytest.mark.parametrize("name", ["mobilevit_xxs", "mobilenetv2_100", "fastvit_t8"])
def test_half_precision(convert: Convert, name: str) -> None:
    """What rounding each result to half costs; without the rounding, what rounding the weights costs."""
    converted = convert(name, "FLOAT16")
    errors = {
        mode: relative_l2(
            converted.logits, Interpreter(converted.package, mode).run({"image": converted.image})["logits"]
        )  # type: ignore[arg-type]
        for mode in ("declared", "fp32", "fp64")
    }
    assert 1e-5 < errors["declared"] < 3.4e-3
    assert errors["fp32"] < errors["declared"]
    assert errors["fp32"] == pytest.approx(errors["fp64"], rel=0.02)


@pytest.mark.parametrize("precision", ["FLOAT32", "FLOAT16"])
def test_fused_attention(convert: Convert, precision: str) -> None:
    """From iOS18 on, attention is one operation."""
    converted = convert("mobilevit_xxs", precision, "iOS18")
    package = Package.open(converted.package)
    assert count_operations(read_function(package.spec).block)["scaled_dot_product_attention"] == 9
    found = Interpreter(package).run({"image": converted.image})["logits"]
    assert relative_l2(converted.logits, found) < (1.5e-6 if precision == "FLOAT32" else 3.4e-3)


def test_an_overflow_is_named(convert: Convert) -> None:
    """MobileOne's random weights make numbers that a half doesn't have."""
    converted = convert("mobileone_s0", "FLOAT16")
    made = Interpreter(converted.package)
    found = made.run({"image": converted.image})["logits"]
    assert not np.isfinite(found).all()
    assert made.watch is not None
    first = next(iter(made.watch.losses.values()))
    assert first.overflow > 0
    assert first.type in ("conv", "linear", "matmul")
    whole = Interpreter(converted.package, "fp32").run({"image": converted.image})["logits"]
    assert relative_l2(converted.logits, whole) < 3.4e-3


def test_loading_is_fast_and_brings_no_coremltools(convert: Convert, python: Callable[..., str]) -> None:
    """Under a second of the processor, torch's import aside."""
    code = """
import sys, time, torch
from pathlib import Path
begun = time.process_time()
from edgesmith_stages.mil.interpret import Interpreter
Interpreter(Path(sys.argv[1]))
print(time.process_time() - begun, "coremltools" in sys.modules)
"""
    seconds, imported = python(code, str(convert("mobilevit_xxs", "FLOAT16").package)).split()
    assert imported == "False"
    assert float(seconds) < 1


def test_running_costs_about_what_eager_torch_costs(convert: Convert) -> None:
    """Far from a strict bar, as tests run side by side: benchmarks measure it."""
    import timm
    import torch

    converted = convert("mobilevit_xxs", "FLOAT16")
    module, made = timm.create_model("mobilevit_xxs").eval(), Interpreter(converted.package)
    image = torch.from_numpy(converted.image)

    def eager() -> None:
        with torch.inference_mode():
            module(image)

    def seconds(run: Callable[[], Any]) -> float:
        taken = []
        for _ in range(7):
            begun = time.process_time()
            run()
            taken.append(time.process_time() - begun)
        return min(taken)

    assert seconds(lambda: made.run({"image": converted.image})) < 4 * seconds(eager)
