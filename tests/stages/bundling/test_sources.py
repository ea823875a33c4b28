"""The generated Swift and Kotlin sources, parsed by real grammars, whatever labels and contracts say."""

import pytest
import tree_sitter
import tree_sitter_kotlin
import tree_sitter_swift
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgesmith import InputContract
from edgesmith_stages.bundling.document import describe
from edgesmith_stages.bundling.signature import Quantization, Signature, Tensor
from edgesmith_stages.bundling.sources import sources

from .contents import GOLDEN, Unread

GRAMMARS = {"swift": tree_sitter_swift, "kotlin": tree_sitter_kotlin}


def parse(language, source):
    """Return the syntax tree's root."""
    return tree_sitter.Parser(tree_sitter.Language(GRAMMARS[language].language())).parse(source.encode()).root_node


def walk(node):
    yield node
    for child in node.children:
        yield from walk(child)


texts = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    [
        '"',
        "\\",
        "$x",
        "${1+1}",
        "\\(x)",
        "\n",
        '"""',
        "*/",
        "//",
        "\u202e",
        "😀",
        "\0",
        "e\u0301",
        '#"',
        "\r\n",
        "{{ x }}",
    ]
)
numbers = st.floats(-2, 2)
stds = st.floats(1e-6, 300)


@st.composite
def contracts(draw):
    """Contracts that exporters may write, and the signature of a file beside each."""
    format = draw(st.sampled_from(["onnx", "tflite", "coreml"]))
    color, channels = draw(st.sampled_from([("RGB", 3), ("L", 1)]))
    host = draw(st.booleans())
    image = format == "coreml" and draw(st.booleans())
    dtype = (
        "uint8"
        if image
        else "float32"
        if host or format == "coreml"
        else draw(st.sampled_from(["uint8", "int8", "float32"]))
    )
    output = draw(st.sampled_from(["logits", "probabilities"]))
    quantised = format == "tflite" and dtype == "float32" and draw(st.booleans())
    scale = Quantization(draw(st.floats(1e-6, 1)), draw(st.integers(-128, 127))) if quantised else None
    given = Tensor(draw(texts), "int8" if quantised else dtype, scale, "image" if image else "array")
    form = "probabilities" if format == "coreml" and output == "probabilities" else "array"
    contract = InputContract(
        size=(draw(st.integers(1, 2048)), draw(st.integers(1, 2048))),
        channels=channels,
        color=color,
        resample=draw(st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos"])),
        crop_fraction=draw(st.floats(0.01, 1)),
        mean=tuple(draw(st.tuples(*[numbers] * channels))),
        std=tuple(draw(st.tuples(*[stds] * channels))),
        classes=tuple(draw(st.lists(texts, min_size=1, max_size=5))),
        layout="NHWC" if image else draw(st.sampled_from(["NCHW", "NHWC"])),
        dtype=dtype,
        normalised_by="model" if image or not host else "host",
        output=output,
    )
    return contract, Signature(format, given, Tensor(draw(texts), "int8" if quantised else "float32", scale, form))


def write(name, contract, found):
    contents = describe(name, Unread(contract), "Model.bin", found, contract.classes, GOLDEN)
    return sources(contents, "com.example.app")


@pytest.mark.slow
@given(texts.filter(len), contracts())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_source_parses(name, made):
    for path, source in write(name, *made).items():
        language = path.split("/")[0]
        root = parse(language, source)
        bad = [node for node in walk(root) if node.is_error or node.is_missing]
        assert not bad, f"{path}: {[(node.start_point, source.encode()[node.start_byte :][:80]) for node in bad[:3]]}"


@pytest.mark.parametrize(("language", "source"), [("swift", 'let x = "a"b"\n'), ("kotlin", 'val x = "a"b"\n')])
def test_an_unescaped_quote_would_be_seen(language, source):
    assert parse(language, source).has_error
