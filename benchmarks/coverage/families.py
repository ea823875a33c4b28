"""The families that are tried: one small network of each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """A family by one of its networks: timm's name, and the side of the images that it takes."""

    name: str
    model: str
    size: int = 224


FAMILIES: tuple[Family, ...] = (
    Family("mobilenetv1", "mobilenetv1_100"),
    Family("mobilenetv2", "mobilenetv2_100"),
    Family("mobilenetv3", "mobilenetv3_large_100"),
    Family("tf_mobilenetv3", "tf_mobilenetv3_small_100"),
    Family("mobilenetv4", "mobilenetv4_conv_small"),
    Family("mobilenetv4_hybrid", "mobilenetv4_hybrid_medium", 256),
    Family("mobilenet_edgetpu", "mobilenet_edgetpu_v2_xs"),
    Family("mobileone", "mobileone_s0"),
    Family("mobilevit", "mobilevit_xxs", 256),
    Family("mobilevitv2", "mobilevitv2_050", 256),
    Family("efficientnet", "efficientnet_b0"),
    Family("efficientnet_lite", "efficientnet_lite0"),
    Family("efficientnetv2", "efficientnetv2_rw_t"),
    Family("efficientformer", "efficientformer_l1"),
    Family("efficientformerv2", "efficientformerv2_s0"),
    Family("efficientvit", "efficientvit_b0"),
    Family("efficientvit_msra", "efficientvit_m0"),
    Family("edgenext", "edgenext_xx_small", 256),
    Family("fastvit", "fastvit_t8", 256),
    Family("repvit", "repvit_m0_9"),
    Family("repvgg", "repvgg_a0"),
    Family("repghostnet", "repghostnet_050"),
    Family("ghostnet", "ghostnet_100"),
    Family("ghostnetv2", "ghostnetv2_100"),
    Family("ghostnetv3", "ghostnetv3_100"),
    Family("mnasnet", "mnasnet_100"),
    Family("fbnet", "fbnetc_100"),
    Family("fbnetv3", "fbnetv3_b"),
    Family("hardcorenas", "hardcorenas_a"),
    Family("lcnet", "lcnet_050"),
    Family("mixnet", "mixnet_s"),
    Family("tinynet", "tinynet_a", 192),
    Family("rexnet", "rexnet_100"),
    Family("starnet", "starnet_s1"),
    Family("shvit", "shvit_s1"),
    Family("swiftformer", "swiftformer_xs"),
    Family("levit", "levit_128s"),
    Family("tiny_vit", "tiny_vit_5m_224"),
    Family("convnextv2", "convnextv2_atto"),
    Family("resnet", "resnet18"),
)
