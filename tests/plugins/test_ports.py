import pytest

from edgesmith import Artifact, Model, OnnxModel, TfliteModel, TorchModel, like, many, optional
from edgesmith.ports import Port, as_port, output_kind


def test_a_kind_is_a_port_for_that_kind():
    assert as_port(OnnxModel) == Port(kinds=(OnnxModel,))


def test_a_union_is_a_port_for_each_of_its_kinds():
    port = as_port(OnnxModel | TfliteModel)
    assert port.accepts(OnnxModel)
    assert port.accepts(TfliteModel)
    assert not port.accepts(TorchModel)


def test_a_port_takes_subclasses_but_not_base_classes():
    assert as_port(Model).accepts(OnnxModel)
    assert not as_port(OnnxModel).accepts(Model)


def test_many_and_optional_keep_the_kinds():
    assert many(OnnxModel | TfliteModel) == Port(kinds=(OnnxModel, TfliteModel), many=True)
    assert optional(OnnxModel) == Port(kinds=(OnnxModel,), optional=True)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (OnnxModel, "onnx"),
        (OnnxModel | TfliteModel, "onnx | tflite"),
        (many(Model), "list of model"),
        (Artifact, "Artifact"),
    ],
)
def test_a_port_reads_as_the_kinds_it_takes(spec, text):
    assert str(as_port(spec)) == text


def test_an_output_like_an_input_has_the_kind_that_is_connected():
    assert output_kind(like("model"), {"model": (TfliteModel,)}) is TfliteModel
    assert output_kind(OnnxModel, {"model": (TfliteModel,)}) is OnnxModel


def test_an_output_like_an_input_may_turn_some_kinds_into_others():
    port = like("model", turning={TorchModel: OnnxModel})
    assert output_kind(port, {"model": (TorchModel,)}) is OnnxModel
    assert output_kind(port, {"model": (TfliteModel,)}) is TfliteModel
