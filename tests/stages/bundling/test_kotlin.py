"""The generated Kotlin, compiled by Debian's kotlinc and run on a JVM: it gives the pixels and numbers of training."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgesmith import InputContract
from edgesmith.input_contract import plain
from edgesmith_stages.bundling.document import describe
from edgesmith_stages.bundling.signature import Quantization, Signature, Tensor
from edgesmith_stages.bundling.sources import sources

from .android_stubs import STUBS
from .contents import GOLDEN, Unread

KOTLINC = shutil.which("kotlinc")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(KOTLINC is None, reason="no kotlinc (Debian: kotlin)")]

LABELS = (*(f"class {number}" for number in range(1100)), '"$x"\\\n', "😀")
INT8 = Quantization(0.02, -3)
RAW = {"layout": "NHWC", "normalised_by": "model"}
GREY = {"color": "L", "channels": 1, "mean": (0.5,), "std": (0.25,), "layout": "NHWC"}
MADE = {
    "bilinear": ("onnx", InputContract(size=(48, 56), crop_fraction=0.875, classes=LABELS), None),
    "bicubic": ("onnx", InputContract(size=(48, 56), resample="bicubic", dtype="uint8", classes=LABELS, **RAW), None),
    "lanczos": ("tflite", InputContract(size=(31, 56), crop_fraction=0.9, resample="lanczos", classes=LABELS), INT8),
    "nearest": (
        "tflite",
        InputContract(size=(48, 40), resample="nearest", classes=LABELS, **GREY),
        None,
    ),
    "shifted": ("onnx", InputContract(size=(9, 9), dtype="int8", classes=LABELS, **RAW), None),
    "plain": ("tflite", InputContract(size=(9, 9), output="probabilities", classes=LABELS, **RAW), None),
}
MAIN = """
import java.io.File
import java.nio.ByteBuffer

fun main(args: Array<String>) {{
    val (folder, width, height) = args
    val raw = ByteBuffer.wrap(File(folder, "argb").readBytes()).asIntBuffer()
    val argb = IntArray(width.toInt() * height.toInt()) {{ raw.get(it) }}
{calls}
}}

fun write(folder: String, name: String, pixels: ByteArray, feed: (ByteArray) -> ByteBuffer) {{
    File(folder, "$name.pixels").writeBytes(pixels)
    val fed = feed(pixels)
    File(folder, "$name.feed").writeBytes(ByteArray(fed.remaining()).also {{ fed.get(it) }})
}}
"""
CALL = """
    app.{0}.{1}Preprocessing.pixels(argb, width.toInt(), height.toInt())
        .let {{ write(folder, "{0}", it) {{ pixels -> app.{0}.{1}Preprocessing.feed(pixels) }} }}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """All sources, compiled into one jar."""
    root = tmp_path_factory.mktemp("kotlin")
    texts = {**STUBS, "main.kt": MAIN.format(calls="".join(CALL.format(name, name.capitalize()) for name in MADE))}
    for name, (format, contract, scale) in MADE.items():
        given = Tensor("image", "int8" if scale else contract.dtype, scale)
        found = Signature(format, given, Tensor("scores", "int8" if scale else "float32", scale))
        contents = describe(name, Unread(contract), "model", found, LABELS, GOLDEN)
        texts |= {f"{name}/{path}": source for path, source in sources(contents, f"app.{name}").items()}
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    library = Path(KOTLINC).resolve().parent.parent / "lib" / "kotlin-stdlib-jdk7.jar"
    options = "-Xmx700m -XX:TieredStopAtLevel=1 --add-opens=java.base/java.lang=ALL-UNNAMED"
    done = subprocess.run(
        [KOTLINC, "-jvm-target", "1.8", "-cp", library, "-include-runtime", "-d", "app.jar", *texts],
        cwd=root,
        env={**os.environ, "JAVA_OPTS": options},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return root / "app.jar"


@pytest.mark.parametrize("size", [(640, 480), (37, 211), (56, 48), (100, 20), (333, 334)], ids=str)
def test_pixels_and_input_are_those_of_training(program, tmp_path, size):
    from edgesmith_stages.bundling.check_program import preprocess
    from edgesmith_stages.bundling.document import describe_tensor

    width, height = size
    image = np.random.default_rng(0).integers(0, 256, (height, width, 4), np.uint8)
    image[: height // 2, :, 3] = 255
    red, green, blue, alpha = np.moveaxis(image.astype(">u4"), 2, 0)
    (tmp_path / "argb").write_bytes((alpha << 24 | red << 16 | green << 8 | blue).astype(">u4").tobytes())
    command = ["java", "-Xmx200m", "-XX:TieredStopAtLevel=1", "-cp", program, "MainKt"]
    subprocess.run([*command, tmp_path, str(width), str(height)], check=True)
    for name, (_, contract, scale) in MADE.items():
        wanted = columns_first(contract, Image.fromarray(image))
        given = Tensor("image", "int8" if scale else contract.dtype, scale)
        fed = preprocess(wanted, describe_tensor(given, contract)) if scale else contract.feed(wanted)
        assert (tmp_path / f"{name}.pixels").read_bytes() == wanted.tobytes(), name
        assert (tmp_path / f"{name}.feed").read_bytes() == fed.tobytes(), name
        assert np.abs(wanted.astype(int) - contract.pixels([Image.fromarray(image)])).max() <= 1


def columns_first(contract, image):
    """Return an image's pixels, uint8 [1, H, W, C], with each axis resized by Pillow on its own.

    In one call, Pillow 13 takes the rows first where that is less work, and rounds in between.
    """
    image, (height, width) = plain(image, contract.color), contract.size
    least = [round(side / contract.crop_fraction) for side in contract.size]
    scale = max(least[0] / image.height, least[1] / image.width)
    wide, high = max(width, round(image.width * scale)), max(height, round(image.height * scale))
    filter = Image.Resampling[contract.resample.upper()]
    resized = np.asarray(image.resize((wide, image.height), filter).resize((wide, high), filter))
    left, top = (wide - width) // 2, (high - height) // 2
    return resized[top : top + height, left : left + width].reshape(1, height, width, contract.channels)
