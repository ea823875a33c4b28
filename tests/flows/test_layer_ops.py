"""What operations are called."""

import pytest

from edgesmith_flows.layer_ops import family


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (("conv2d", "Conv", "CONV_2D", "DEPTHWISE_CONV_2D", "conv", "convolution"), "conv"),
        (("linear", "Gemm", "MatMul", "FULLY_CONNECTED", "matmul", "addmm"), "matmul"),
        (("relu", "Clip", "RELU6", "clip", "hardtanh"), "relu"),
        (("sigmoid", "Sigmoid", "LOGISTIC"), "sigmoid"),
        (("hardsigmoid", "HardSigmoid", "sigmoid_hard"), "hardsigmoid"),
        (("silu", "HardSwish", "HARD_SWISH"), None),
        (("mean", "ReduceMean", "MEAN", "reduce_mean", "GlobalAveragePool", "avg_pool", "adaptive_avg_pool2d"), "mean"),
        (("QUANTIZE", "DequantizeLinear"), "quantize"),
        (("interpolate", "Resize", "RESIZE_BILINEAR", "resize_bilinear", "upsample_bilinear2d"), "resize"),
        (("upsample_nearest2d", "Upsample", "RESIZE_NEAREST_NEIGHBOR", "upsample_nearest_neighbor"), "resize"),
        (("linear_activation",), "linearactivation"),
        (("convert_element_type", "Cast", "CAST", "cast"), "cast"),
        (("rsub", "sub", "Sub", "SUB"), "sub"),
        (("add", "Add", "ADD"), "add"),
    ],
)
def test_formats_have_names_of_their_own_for_one_thing(names, wanted):
    families = {family(name) for name in names}
    assert families == ({wanted} if wanted else {"silu", "hardswish"})


def test_an_operation_that_nobody_knows_is_a_family_of_its_own():
    assert family("com.acme.Fold_2") == family("COMACMEFOLD") == "comacmefold"
