"""The network to train: its recipe, its first weights and its input contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from edgesmith import InputContract, UserError
from edgesmith.errors import unknown
from edgesmith.input_contract import Resample
from edgesmith_stages.models.recipe import Recipe
from edgesmith_stages.models.steps import Factory, Timm
from edgesmith_stages.models.timm_source import check_timm_name
from edgesmith_stages.training.options import Positive, TrainingOptions

if TYPE_CHECKING:
    from torch import nn

Side = Annotated[int, Field(gt=0)]
Size = Side | tuple[Side, Side]


_CROP_MODES = {
    "squash": "whole images, squashed to the input's shape (`crop_mode: squash`)",
    "border": "whole images, with borders to fill the input's shape (`crop_mode: border`)",
}
"""What timm does instead of a centre crop for some weights."""


class NetworkOptions(TrainingOptions):
    """Training options, and which network to train."""

    model: str = Field(description="a timm model, or `source/name` for a plugin's")
    model_args: dict[str, Any] = Field(
        default={}, description="further keyword arguments of the model, such as `drop_path_rate`"
    )
    image_size: Size | None = Field(
        default=None, description="pixels, one number or height and width; null: as the model was designed"
    )


class InputOptions(NetworkOptions):
    """Training options, the network, and how images become its input; null means: as timm's model has it."""

    resample: Resample | None = Field(default=None, description="how images are resized")
    crop_fraction: float | None = Field(
        default=None, gt=0, le=1, description="share of the resized image that the centre crop keeps"
    )
    mean: tuple[float, float, float] | None = Field(default=None, description="subtracted, in units of 0..1")
    std: tuple[Positive, Positive, Positive] | None = Field(default=None, description="divided by, in units of 0..1")


def check_model(model: str, sources: Mapping[str, str]) -> None:
    """Raise UserError for a model that neither timm nor a model source has. Cheap beside the rest of a run."""
    source, slash, _ = model.partition("/")
    if slash and source not in sources:
        raise UserError(
            f"model {model!r}: {unknown('model source', source, sources)}",
            hint="timm's models are named without a slash; model sources come from plugins",
        )
    if not slash:
        check_timm_name(model)


def recipe_of(options: NetworkOptions, classes: int, size: tuple[int, int], sources: Mapping[str, str]) -> Recipe:
    """Return the recipe of a fresh network.

    Args:
        options: `model` and `model_args` are used.
        classes: outputs of the network.
        size: height and width of the input, for networks that must know it.
        sources: model sources by name (`Context.model_sources`).
    """
    source, slash, name = options.model.partition("/")
    if slash:
        return Recipe(source=Factory(target=sources[source], args=args_of(options, model=name, num_classes=classes)))
    args = args_of(options, num_classes=classes)
    if timm_config(options.model).get("fixed_input_size"):
        args.setdefault("img_size", list(size))
    return Recipe(source=Timm(name=options.model, args=args))


def args_of(options: NetworkOptions, **own: Any) -> dict[str, Any]:
    """Return a model's keyword arguments; raise UserError for one of ours among the user's."""
    taken = sorted(set(own) & set(options.model_args))
    if taken:
        raise UserError(f"`model_args` may not hold {', '.join(taken)}: the dataset and `model` decide that")
    return {**own, **options.model_args}


def timm_config(model: str) -> dict[str, Any]:
    """Return timm's facts about a model's weights: input size, mean, std, ...; empty for a plugin's model."""
    if "/" in model:
        return {}
    import timm

    config = timm.get_pretrained_cfg(model, allow_unregistered=True)
    return dict(config.to_dict()) if config else {}


def size_of(image_size: Size | None, config: Mapping[str, Any]) -> tuple[int, int]:
    """Return height and width of the input."""
    if image_size is None:
        height, width = config.get("input_size", (3, 224, 224))[1:]
        return int(height), int(width)
    return (image_size, image_size) if isinstance(image_size, int) else image_size


def contract_of(options: InputOptions, classes: tuple[str, ...], size: tuple[int, int], trained: bool) -> InputContract:
    """Return the input contract that a network is trained under.

    Args:
        options: what the user decided.
        classes: class names in label order.
        size: height and width.
        trained: the network starts from trained weights, so that its own crop should be kept.
    """
    from timm.data import resolve_data_config

    config = resolve_data_config(pretrained_cfg=timm_config(options.model) or {"input_size": (3, *size)})
    return InputContract(
        size=size,
        resample=options.resample or config["interpolation"],
        # A few weights were trained with a margin around the image, which a contract can't say.
        crop_fraction=options.crop_fraction or (min(config["crop_pct"], 1.0) if trained else 1.0),
        mean=options.mean or config["mean"],
        std=options.std or config["std"],
        classes=classes,
    )


def departures(options: InputOptions) -> list[str]:
    """Tell how the images that a network gets here differ from those that its published weights were trained on."""
    config = timm_config(options.model)
    expected = [_CROP_MODES[config["crop_mode"]]] if config.get("crop_mode") in _CROP_MODES else []
    if options.crop_fraction is None and config.get("crop_pct", 1) > 1:
        expected.append(f"a margin around the image (`crop_pct: {config['crop_pct']:g}`)")
    return [
        f"the published weights of {options.model} expect {one}; here the centre of the image is cropped, in training "
        "and wherever the model runs; fine-tuning adapts to that"
        for one in expected
    ]


def head_names(module: nn.Module) -> tuple[str, ...]:
    """Return the names of a network's classifier layers, as timm knows them."""
    name = getattr(module, "pretrained_cfg", {}).get("classifier") or ()
    return (name,) if isinstance(name, str) else tuple(name)
