"""Device and precision."""

import pytest
import torch

from edgesmith import UserError
from edgesmith_stages.training.device import pick_device
from edgesmith_stages.training.options import TrainingOptions


def test_the_cpu_trains_in_float32_unless_told_otherwise():
    plain = pick_device(TrainingOptions(device="cpu"))
    assert (plain.torch.type, plain.autocast, plain.scales) == ("cpu", None, False)
    assert plain.memory_format == torch.contiguous_format
    mixed = pick_device(TrainingOptions(device="cpu", precision="bfloat16", channels_last=True))
    assert (mixed.autocast, mixed.scales, mixed.memory_format) == (torch.bfloat16, False, torch.channels_last)
    assert pick_device(TrainingOptions(device="cpu", precision="float16")).scales


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_that_is_not_there_is_said():
    with pytest.raises(UserError, match="no CUDA device"):
        pick_device(TrainingOptions(device="cuda"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_cuda_is_used_with_mixed_precision():
    picked = pick_device(TrainingOptions())
    assert picked.torch.type == "cuda"
    assert picked.autocast in (torch.bfloat16, torch.float16)
