"""Model sources: where `model: source/name` comes from."""

from __future__ import annotations

from typing import ClassVar


class ModelSource:
    """Makes torch modules by name, beside timm's.

    Class attributes:
        name: the prefix in `model: name/model`.
        factory: `package.module:function`, called as `function(model, **args)`, giving a `torch.nn.Module` with
            random weights. It is written into the recipe, so it must stay importable.
    """

    name: ClassVar[str] = ""
    factory: ClassVar[str] = ""
