"""What a kernel is given: one operation of a program with its arguments bound."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from edgesmith.errors import UserError, unknown

if TYPE_CHECKING:
    from torch import Tensor

Shape: TypeAlias = tuple["int | None", ...]
"""Sizes by axis; None where the program leaves a size open."""

Results: TypeAlias = "Tensor | Sequence[Any]"
Kernel: TypeAlias = Callable[["Call"], Results]


class MissingInput(Exception):
    """An operation lacks an input that its kernel needs."""

    def __init__(self, name: str) -> None:
        super().__init__(f"it lacks the input {name!r}")


@dataclass(frozen=True)
class TensorType:
    """A declared type.

    Attributes:
        dtype: MIL's name: fp16, fp32, fp64, bool, int4 to int64, uint1 to uint64, string.
        shape: sizes; () for a scalar.
    """

    dtype: str
    shape: Shape = ()


@dataclass(frozen=True)
class Call:
    """One operation with its arguments.

    Tensors of any rank, scalars and constants included, are torch tensors. Floats are held in the mode's own dtype
    (float32, float64 or float16) whatever their declared type: a kernel computes in the dtype of what it is given, and
    the interpreter rounds what it returns to the declared type. int32 is held as torch.int32; uint16 and narrower
    unsigned ones without kernels in torch as the next wider signed one.

    Attributes:
        type: the operation's type, such as "conv".
        name: its name in the program (that of its first output).
        arguments: by MIL's input name: a tensor, a str, or a list of these for a variadic input.
        outputs: declared types of what it gives, in order.
        held: the torch dtype in which a value of a MIL dtype is held in this mode.
        blocks: the operation's nested blocks (cond, while_loop), each called with the values of its inputs.
    """

    type: str
    name: str
    arguments: Mapping[str, Any]
    outputs: Sequence[TensorType]
    held: Callable[[str], Any]
    blocks: Sequence[Callable[..., tuple[Any, ...]]] = field(default=())

    @property
    def output(self) -> TensorType:
        """Declared type of the first output."""
        return self.outputs[0]

    def has(self, name: str) -> bool:
        """Whether an optional input is given."""
        return name in self.arguments

    def given(self, name: str) -> Any:
        """An input of any kind; raise MissingInput where it is not given."""
        if name not in self.arguments:
            raise MissingInput(name)
        return self.arguments[name]

    def tensor(self, name: str = "x") -> Tensor:
        """A tensor that must be given."""
        tensor: Tensor = self.given(name)
        return tensor

    def maybe(self, name: str) -> Tensor | None:
        """A tensor, or None where the input is not given."""
        return self.arguments.get(name)

    def tensors(self, name: str = "values") -> list[Tensor]:
        """The tensors of a variadic input."""
        given = self.given(name)
        return list(given) if isinstance(given, (list, tuple)) else [given]

    def ints(self, name: str, default: Sequence[int] | None = None) -> list[int]:
        """The integers of a 0-D or 1-D tensor."""
        if name not in self.arguments and default is not None:
            return list(default)
        found = self.given(name).tolist()
        return [int(one) for one in found] if isinstance(found, list) else [int(found)]

    def int(self, name: str, default: int | None = None) -> int:
        """An integer scalar."""
        if name not in self.arguments and default is not None:
            return default
        return int(self.given(name).item())

    def number(self, name: str, default: float | None = None) -> float:
        """A float scalar."""
        if name not in self.arguments and default is not None:
            return default
        return float(self.given(name).item())

    def flag(self, name: str, default: bool | None = None) -> bool:
        """A bool scalar."""
        if name not in self.arguments and default is not None:
            return default
        return bool(self.given(name).item())

    def flags(self, name: str, default: Sequence[bool]) -> list[bool]:
        """The bools of a 1-D tensor."""
        return [bool(one) for one in self.arguments[name].tolist()] if name in self.arguments else list(default)

    def text(self, name: str, default: str | None = None) -> str:
        """A string."""
        if name not in self.arguments and default is not None:
            return default
        return str(self.given(name))

    def choice(self, name: str, known: Collection[str], default: str | None = None, *, lower: bool = False) -> str:
        """A string that is one of a few.

        Args:
            known: those that the operation has a meaning for.
            lower: whether it is taken in lower case, however it is written.

        Raises:
            UserError: it is another.
        """
        chosen = self.text(name, default)
        chosen = chosen.lower() if lower else chosen
        if chosen not in known:
            raise UserError(f"{self.type} {self.name}: {unknown(name, chosen, known)}")
        return chosen
