"""Feature hints."""

import pytest
import timm
import torch

from edgesmith import UserError
from edgesmith_stages.distillation.hints import Tap, distance, learner, pair

LAYERS = ["blocks.1", "blocks.3"]


@pytest.fixture
def student():
    torch.manual_seed(0)
    return timm.create_model("test_efficientnet", num_classes=4)


def test_auto_pairs_stages_of_equal_stride(student):
    teacher = timm.create_model("mobilevit_xxs", num_classes=4)
    assert pair(student, teacher, "auto") == {
        "blocks.0": "stages.0", "blocks.1": "stages.1", "blocks.2": "stages.2", "blocks.3": "stages.3",
        "blocks.4": "final_conv",
    }  # fmt: skip


def test_auto_needs_stages(student):
    with pytest.raises(UserError, match=r"the student has \[2, 4, 8, 16, 32\], the teacher \[\]"):
        pair(student, torch.nn.Linear(2, 2), "auto")


def test_names_are_looked_for_on_both_sides(student):
    assert pair(student, student, {"blocks.1": "blocks.2"}) == {"blocks.1": "blocks.2"}
    with pytest.raises(UserError, match=r"the teacher has no layer 'blocks\.9'"):
        pair(student, student, {"blocks.1": "blocks.9"})
    with pytest.raises(UserError, match=r"the student has no layer 'stage\.1'"):
        pair(student, student, {"stage.1": "blocks.2"})


def test_a_learner_keeps_projected_maps_while_it_trains(student):
    whole = learner(student, LAYERS, [(24, 7), (48, 9)])
    images = torch.zeros(2, 3, 32, 32)
    assert torch.equal(whole.eval()(images), student(images)) and whole.maps == []
    whole.train()(images)
    assert [tuple(one.shape) for one in whole.maps] == [(2, 7, 8, 8), (2, 9, 2, 2)]


def test_gradients_reach_the_student_up_to_its_layer_and_the_projections(student):
    whole, tap = learner(student, ["blocks.1"], [(24, 24)]).train(), Tap(student, ["blocks.1"])
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        tap(images)
    whole(images)
    distance(whole.maps, tap.maps).backward()
    assert whole.projections[0][0].weight.grad.abs().sum() > 0
    assert student.conv_stem.weight.grad.abs().sum() > 0
    assert student.blocks[2][0].conv_exp.weight.grad is None


def test_parameters_without_weight_decay_stay_without():
    vit = timm.create_model("test_vit", num_classes=4)
    assert {"body.pos_embed", "body.cls_token"} <= learner(vit, ["blocks.0"], [(64, 8)]).no_weight_decay()


def test_a_projection_begins_at_the_teachers_scale(student):
    """Whatever the size of either side's activations, the distance begins near that of unrelated maps of variance 1."""
    torch.manual_seed(0)
    whole, images = learner(student, ["blocks.3"], [(48, 16)]).train(), torch.rand(8, 3, 64, 64)
    for size in (1e-2, 1e2):
        student.blocks[3].register_forward_hook(lambda layer, given, output, size=size: size * output)
        whole(images)
        assert 1.5 < distance(whole.maps, [size * torch.randn(8, 16, 4, 4)]).item() < 2.5


def test_a_distance_does_not_depend_on_the_scale_of_activations():
    torch.manual_seed(0)
    given, wanted = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    assert distance([given / given.square().mean().sqrt()], [given]).item() == pytest.approx(0, abs=1e-10)
    once, scaled = distance([given], [wanted]), distance([given], [100 * wanted])
    assert scaled.item() == pytest.approx(once.item(), rel=1e-5)
    expected = (given - wanted / wanted.square().mean().sqrt()).square().mean()
    assert once.item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_larger_map_is_averaged_down_to_the_smaller():
    fine = torch.tensor([[[[-2.0, 0.0], [2.0, 4.0]]]])
    coarse = torch.tensor([[[[1.0]]]])
    assert distance([fine], [coarse]) == 0
    assert distance([coarse], [fine]) == 0
    assert distance([coarse, 3 * coarse], [coarse, coarse]).item() == pytest.approx(2.0)
