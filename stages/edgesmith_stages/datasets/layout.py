"""Which folders of a tree of images are splits, and which are classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgesmith import UserError
from edgesmith_stages.datasets.image_tree import class_folders, holds_images, subfolders

NAMES = {"train": ("train", "training"), "val": ("val", "valid", "validation"), "test": ("test", "testing")}
"""What splits are called, in lower case."""

HINT = "expected train/CLASS/image.png and val/CLASS/image.png, or CLASS/image.png to have it split here"


@dataclass(frozen=True)
class Layout:
    """Where class folders lie.

    Attributes:
        train: the folder that holds them.
        val: the same for the held-out images; None where they are to be taken from those of `train`.
    """

    train: Path
    val: Path | None


def layout_of(root: Path) -> Layout:
    """Tell splits from classes by the folders' names, whatever their case.

    `test` is taken for val where there is no other, and where it holds classes of train's: often it is unlabelled.

    Raises:
        UserError: `root` isn't a readable folder, or its folders may be meant otherwise.
    """
    folders = subfolders(root)
    named = {role: [one for one in folders if one.name.lower() in names] for role, names in NAMES.items()}
    deep = {role: [one for one in found if subfolders(one)] for role, found in named.items()}
    if not any(deep.values()):
        _refuse_bare_splits(folders, [one for found in named.values() for one in found])
        _refuse_classes_within(root, folders)
        return Layout(root, None)
    train = _only(root, deep["train"])
    if train is None:
        raise UserError(
            f"{root} holds {_list(deep['val'] + deep['test'])} but no train with class folders",
            hint=f"{HINT}; a class of such a name needs another one",
        )
    val = _only(root, named["val"]) or _only(root, _labelled(deep["test"], train))
    if val is None:
        splits = [one for found in named.values() for one in found]
        _refuse_train_among_classes(root, train, [one for one in folders if one not in splits])
    return Layout(train, val)


def _only(root: Path, found: Sequence[Path]) -> Path | None:
    if len(found) > 1:
        raise UserError(
            f"{root} holds {_list(found)}, which are names of one split",
            hint="keep one of them there: put the images together, or take the other folder away",
        )
    return found[0] if found else None


def _labelled(tests: Iterable[Path], train: Path) -> list[Path]:
    classes = _names(train)
    return [one for one in tests if classes & _names(one)]


def _refuse_bare_splits(folders: Sequence[Path], named: Sequence[Path]) -> None:
    """Refuse images that lie in train/ and val/ themselves; one class may well be called `train`."""
    if len(named) > 1 or (named and len(named) == len(folders)):
        class_folders(named[0])


def _refuse_classes_within(root: Path, folders: Sequence[Path]) -> None:
    """Refuse what look like splits of other names (seg_train/cat, seg_test/cat), or like splits below each class."""
    within = [_names(one) for one in folders]
    if len(folders) < 2 or any(one != within[0] for one in within):
        return
    splits = {name for names in NAMES.values() for name in names}
    if len(within[0]) > 1 or {name.lower() for name in within[0]} & splits:
        raise UserError(
            f"{root}: {_list(folders)} all hold the same folders ({_some(sorted(within[0]))}): which are the classes "
            "can't be told",
            hint=f"{HINT}; classes below train/ and val/ may hold any folders",
        )


def _refuse_train_among_classes(root: Path, train: Path, others: Sequence[Path]) -> None:
    beside = [one for one in others if holds_images(one)]
    if beside:
        raise UserError(
            f"{root} holds {train.name} with folders in it, and images in {_list(beside)}: whether {train.name} is a "
            "split or a class can't be told",
            hint="take the other folders away if it is a split; put all of them below train/ if it is a class",
        )


def _names(folder: Path) -> set[str]:
    return {one.name for one in subfolders(folder)}


def _list(folders: Sequence[Path]) -> str:
    return _some([one.name for one in folders])


def _some(names: Sequence[str]) -> str:
    if len(names) > 5:
        return f"{', '.join(names[:5])} and {len(names) - 5} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
