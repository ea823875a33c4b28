import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from pydantic import ValidationError

from edgesmith import InputContract, UserError

PLAIN = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
GREY = {"channels": 1, "color": "L", "mean": (0.5,), "std": (0.5,)}


def contract(size=(8, 8), **given):
    return InputContract(size=size, **given)


def pixel_batches(height=3, width=5, channels=3):
    return arrays.arrays(np.uint8, st.tuples(st.integers(1, 3), *map(st.just, (height, width, channels))))


def test_writing_and_reading_gives_an_equal_contract_and_equal_bytes(tmp_path):
    first = contract(classes=("null", "ünö"), mean=(1 / 3, 0.1, 0.2), crop_fraction=0.875)
    first.write(tmp_path / "a.json")
    second = InputContract.read(tmp_path / "a.json")
    second.write(tmp_path / "b.json")
    assert second == first
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


@pytest.mark.parametrize("text", [None, "", "{}", '{"size": [8, 8], "colour": "RGB"}', '{"size": [8]}'])
def test_what_is_not_a_contract_is_a_users_error(tmp_path, text):
    if text is not None:
        (tmp_path / "contract.json").write_text(text)
    with pytest.raises(UserError, match="is not an input contract"):
        InputContract.read(tmp_path / "contract.json")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mean": (0.5,)}, "3 values, one per channel"),
        ({"std": (1.0, 0.0, 1.0)}, "std must be positive"),
        ({"size": (0, 8)}, "size must be positive"),
        ({"crop_fraction": 1.5}, r"crop_fraction in \(0, 1\]"),
    ],
)
def test_values_that_make_no_sense_are_refused(given, message):
    with pytest.raises(ValidationError, match=message):
        contract(**{"size": (8, 8), **given})


@given(
    mode=st.sampled_from(["RGB", "L", "P", "RGBA", "LA", "CMYK", "1", "I;16"]),
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    size=st.tuples(st.integers(1, 24), st.integers(1, 24)),
    crop=st.floats(0.25, 1.0),
    grey=st.booleans(),
)
def test_any_image_becomes_pixels_of_the_contracts_size(mode, width, height, size, crop, grey):
    made = contract(size, crop_fraction=crop, **(GREY if grey else {}))
    pixels = made.pixels([Image.new(mode, (width, height))] * 2)
    assert pixels.shape == (2, *size, 1 if grey else 3)
    assert pixels.dtype == np.uint8


def test_images_may_come_one_at_a_time():
    """Photos are large, and what is made of them is small."""
    made, most = [], []

    def photos():
        for shade in range(5):
            photo = Image.new("L", (64, 64), shade)
            made.append(weakref.ref(photo))
            most.append(sum(one() is not None for one in made))
            yield photo
            del photo

    assert contract().pixels(photos())[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert max(most) <= 2
    assert len(most) == 5
    assert contract().pixels(iter(())).shape == (0, 8, 8, 3)


def test_grey_of_16_bits_keeps_its_steps():
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    for image in (Image.fromarray(ramp), Image.fromarray(ramp.astype(">u2"))):
        assert np.abs(contract().pixels([image])[0, :, :, 0] - ramp / 257).max() <= 0.5


@pytest.mark.parametrize(("mode", "dtype"), [("I", np.int32), ("F", np.float32)])
def test_values_without_a_range_are_no_pixels(mode, dtype):
    with pytest.raises(UserError, match=f"mode {mode} "):
        contract().pixels([Image.fromarray(np.ones((8, 8), dtype))])


def test_what_is_transparent_shows_white():
    """And never the colour behind it, which no viewer shows."""
    red = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    half = Image.new("LA", (8, 8), (0, 128))
    indexed = Image.new("P", (8, 8), 0)
    indexed.info["transparency"] = 0
    assert [int(one.min()) for one in contract().pixels([red, half, indexed])] == [255, 127, 255]
    opaque = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8))
    assert np.array_equal(contract().pixels([opaque.convert("RGBA")]), contract().pixels([opaque]))


def test_an_image_of_the_right_size_is_not_resampled():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    assert np.array_equal(contract().pixels([Image.fromarray(pixels)])[0], pixels)


def test_the_middle_of_a_wide_image_is_kept():
    wide = np.zeros((8, 24, 3), dtype=np.uint8)
    wide[:, 8:16] = 255
    assert contract().pixels([Image.fromarray(wide)]).min() == 255


def test_a_crop_fraction_cuts_the_border_away():
    framed = np.zeros((16, 16, 3), dtype=np.uint8)
    framed[4:12, 4:12] = 255
    assert contract(crop_fraction=0.5).pixels([Image.fromarray(framed)]).min() == 255


def test_normalising_is_dividing_by_255_then_mean_and_std_per_channel():
    pixels = np.full((1, 2, 2, 3), (0, 51, 255), dtype=np.uint8)
    out = contract((2, 2), mean=(0.5, 0.2, 0.0), std=(0.5, 0.1, 2.0)).normalise(pixels)
    assert out.shape == (1, 3, 2, 2)
    np.testing.assert_allclose(out[0, :, 0, 0], [-1.0, 0.0, 0.5], atol=1e-6)


@given(pixel_batches())
def test_normalised_pixels_can_be_had_back_exactly(pixels):
    made = contract((3, 5))
    mean, std = np.array(made.mean)[:, None, None], np.array(made.std)[:, None, None]
    back = np.rint((made.normalise(pixels).astype(np.float64) * std + mean) * 255)
    assert np.array_equal(back.transpose(0, 2, 3, 1).astype(np.uint8), pixels)


@given(
    pixels=pixel_batches(),
    layout=st.sampled_from(["NCHW", "NHWC"]),
    dtype=st.sampled_from(["float32", "float16", "uint8", "int8"]),
    by=st.sampled_from(["host", "model"]),
)
def test_a_file_is_fed_its_own_layout_and_dtype_contiguously(pixels, layout, dtype, by):
    fed = contract((3, 5), layout=layout, dtype=dtype, normalised_by=by).feed(pixels)
    assert fed.shape == (len(pixels), *((3, 3, 5) if layout == "NCHW" else (3, 5, 3)))
    assert fed.dtype == np.dtype(dtype)
    assert fed.flags["C_CONTIGUOUS"]


@given(pixel_batches(), st.sampled_from(["float32", "float16", "uint8"]))
def test_a_file_that_normalises_is_fed_the_very_pixel_values(pixels, dtype):
    fed = contract((3, 5), layout="NHWC", normalised_by="model", dtype=dtype).feed(pixels)
    assert np.array_equal(fed.astype(np.uint8), pixels)


@given(pixel_batches())
def test_an_int8_file_that_normalises_is_fed_pixels_less_128(pixels):
    fed = contract((3, 5), layout="NHWC", normalised_by="model", dtype="int8").feed(pixels)
    assert np.array_equal(fed.astype(np.int16) + 128, pixels)


@given(pixel_batches())
def test_nhwc_and_nchw_are_fed_the_same_numbers(pixels):
    nhwc = contract((3, 5), layout="NHWC").feed(pixels)
    assert np.array_equal(nhwc.transpose(0, 3, 1, 2), contract((3, 5)).feed(pixels))


def test_feeding_leaves_the_pixels_alone():
    pixels = np.full((1, 8, 8, 3), 7, dtype=np.uint8)
    contract(**PLAIN, normalised_by="model", dtype="uint8", layout="NHWC").feed(pixels)
    assert (pixels == 7).all()
