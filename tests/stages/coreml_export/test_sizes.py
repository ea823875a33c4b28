"""Which sizes a package takes."""

from __future__ import annotations

from typing import Any

import pytest

from edgesmith import InputContract, StageFailed, UserError
from edgesmith_stages.coreml_export.sizes import MAX_LISTED, Range, Sizes, export_open
from edgesmith_stages.export_coreml import ExportCoreML

CONTRACT = InputContract(size=(256, 192))


def test_without_the_param_there_is_one_size() -> None:
    sizes = Sizes.read((), CONTRACT)
    assert sizes.fixed
    assert sizes.dims() is None
    assert list(sizes.probes()) == []


def test_a_list_adds_to_the_models_own_size() -> None:
    """A side stands for a square; what comes twice counts once."""
    sizes = Sizes.read((192, (192, 192), (256, 192), (128, 320)), CONTRACT)
    assert sizes.others == ((192, 192), (128, 320))
    assert list(sizes.probes()) == [(192, 192), (128, 320)]
    assert sizes.largest == (256, 320)


def test_listed_sides_go_in_the_largest_common_step() -> None:
    sizes = Sizes.read(((192, 192), (128, 320)), CONTRACT)
    height, width = sizes.dims().values()  # type: ignore[union-attr]
    assert (sizes.step(0), sizes.step(1)) == (64, 64)
    assert (height.root.min, height.root.max, width.root.min, width.root.max) == (2, 4, 3, 5)


def test_an_axis_on_which_all_agree_stays_fixed() -> None:
    assert list(Sizes.read(((256, 256),), CONTRACT).dims()) == [3]  # type: ignore[arg-type]


def test_a_range_is_probed_at_its_ends_and_at_an_odd_size() -> None:
    sizes = Sizes.read(Range(min=128, max=320), CONTRACT)
    probes = list(sizes.probes())
    assert {(128, 128), (320, 320), (128, 320)} <= set(probes)
    assert any(height % 2 for height, _ in probes)
    assert sizes.largest == (320, 320)


def test_a_range_holds_the_models_own_size() -> None:
    with pytest.raises(UserError, match="200 to 320 leaves out the model's own size 256 x 192"):
        Sizes.read(Range(min=200, max=320), CONTRACT)


def test_core_ml_lists_so_many_sizes() -> None:
    with pytest.raises(UserError, match=f"at most {MAX_LISTED}"):
        Sizes.read(tuple(range(32, 32 + MAX_LISTED)), CONTRACT)


@pytest.mark.parametrize("given", [[192, [128, 320]], {"min": 128, "max": 320}])
def test_the_param_takes_both(given: Any) -> None:
    assert not Sizes.read(ExportCoreML.Params(sizes=given).sizes, CONTRACT).fixed


SUGGESTION = """Constraints violated (h, w)!
Suggested fixes:
  _h = Dim('_h', min=1, max=3)
  h = 32*_h
  w = 16*_w
"""


def refuse(reason: str) -> Any:
    def export(dims: Any) -> Any:
        raise StageFailed("torch.export could not make a graph") from ValueError(reason)

    return export


def test_a_range_that_misses_the_networks_rule_is_refused_with_the_sizes_that_fit() -> None:
    """Core ML's range has no step: it would take 193, which the network doesn't."""
    sizes = Sizes.read(Range(min=100, max=256), CONTRACT)
    with pytest.raises(UserError, match=r"steps of 32, which a range of 100 to 256 can't say") as caught:
        export_open(refuse(SUGGESTION), sizes)
    assert "`sizes: [128, 160, 192, 224, 256]`" in str(caught.value.hint)


def test_a_list_that_misses_the_networks_rule_is_refused_with_the_odd_ones() -> None:
    """What torch suggests is in steps of the sizes asked for: 8 here."""
    sizes = Sizes.read(((256, 200),), CONTRACT)
    with pytest.raises(UserError, match=r"steps of 128, not 256 x 192, 256 x 200"):
        export_open(refuse("Constraints violated (8*w)!\n  w = 16*_w\n"), sizes)


def test_other_failures_pass_through() -> None:
    with pytest.raises(StageFailed, match="could not make a graph"):
        export_open(refuse("no such operator"), Sizes.read((192,), CONTRACT))
