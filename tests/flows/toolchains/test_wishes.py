"""Who may ask for which toolchain."""

from typing import Literal

import pytest

from edgesmith import OnnxModel, Runtime, Stage, TfliteModel, Toolchain
from edgesmith_flows.registry import Registry
from edgesmith_flows.toolchains.wishes import wishes


class Convert(Stage):
    name = "convert"
    inputs = {"model": OnnxModel | TfliteModel}
    requirements = ("base",)

    class Params(Stage.Params):
        backend: Literal["quick", "slow"] = "quick"
        mode: Literal["a", "b"] = "a"
        must: int

    @classmethod
    def toolchain(cls, params, kinds):
        return Toolchain(("tflite",) if kinds["model"] == (TfliteModel,) else cls.requirements)

    @classmethod
    def tools(cls, params, kinds):
        return {"slow": Toolchain(("slow",))} if params.backend == "slow" else {}


class Picky(Stage):
    name = "picky"

    class Params(Stage.Params):
        must: int

    @classmethod
    def toolchain(cls, params, kinds):
        return Toolchain((f"picky=={params.must}",))


class Runs(Runtime):
    name = "runs"
    requirements = ("base",)


@pytest.fixture
def found():
    return wishes(Registry(stages={"convert": Convert, "picky": Picky}, runtimes={"runs": Runs}))


def test_a_choice_of_a_param_or_of_an_input_counts(found):
    assert found[Toolchain(("slow",))] == ["convert (backend: slow)"]
    assert found[Toolchain(("tflite",))] == ["convert (model: tflite)"]


def test_what_does_not_depend_on_a_choice_is_told_without_it(found):
    assert found[Toolchain(("base",))] == ["convert", "the runtime runs"]


def test_a_stage_that_can_not_say_without_its_params_is_left_out(found):
    assert len(found) == 3


def test_the_built_in_ones_can_all_say(registry):
    told = {one for who in wishes(registry).values() for one in who}
    assert {"train", "export-onnx", "export-tflite", "export-tflite (backend: tensorflow)"} <= told
