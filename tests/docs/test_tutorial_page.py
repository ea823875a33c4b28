"""docs/tutorial.md, followed to the letter, with small photos and a small network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .pages import DOCS, follow

CLASSES = ("mug", "plate", "spoon")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with the photos that the page asks for: one colour a class, with noise."""
    draw = np.random.default_rng(0)
    for split, count in (("train", 24), ("val", 8)):
        for place, name in enumerate(CLASSES):
            folder = tmp_path / "photos" / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = draw.integers(0, 120, (48, 48, 3), np.uint8)
                pixels[..., place] += 100
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path


@pytest.mark.slow(75)
def test_a_reader_gets_from_photos_to_files_for_an_app(author, photos):
    page = (DOCS / "tutorial.md").read_text()
    swaps = {
        "mobilenetv2_100, pretrained: true, epochs: 10": "test_efficientnet, epochs: 3",
        "image_size: 128": "image_size: 32",
    }
    for asked, small in swaps.items():
        assert asked in page
        page = page.replace(asked, small)
    told = follow(page, author, photos)
    assert "kitchen: 5 nodes (5 cached)" in told
    assert "kitchen: 7 nodes (4 cached, 3 done)" in told
    for node, file in (("coreml", "model.mlpackage"), ("tflite-int8", "model.tflite")):
        assert (photos / "app" / node / file).exists()
        assert tuple(json.loads((photos / "app" / node / "contract.json").read_text())["classes"]) == CLASSES
