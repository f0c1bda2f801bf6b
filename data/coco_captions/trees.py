"""Where the files of COCO captions lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from etils import epath

from data.checks.layout import Listed
from data.checks.lists import ReadList, instances_list
from data.checks.problem import Problem
from data.manual_files import coco_folder
from data.trees import Folder, Reading, Tree
from ovseg_jax.mining.captions import CaptionError, read_captions
from ovseg_jax.vocabulary.classes import ClassList

SPLIT_FOLDERS = {"train": "train2017", "validation": "val2017"}
COUNTS = {"train": 118_287, "validation": 5_000}
"""Photos of the published set."""
DAMAGED, MISSING = "damaged captions", "missing captions"


def trees_of(root: str, splits: Sequence[str], classes: ClassList | None) -> dict[str, Tree]:
    """Says where the files of some splits lie; objects, where they are read, are the list.

    Args:
        root: The folder that was given.
        splits: Of `COUNTS`.
        classes: Those of the objects, where the instances files are read too.
    """
    folder, found = coco_folder(root), {}
    for split in splits:
        name = SPLIT_FOLDERS[split]
        captions, objects = (
            folder / "annotations" / f"{kind}_{name}.json" for kind in ("captions", "instances")
        )
        found[split] = Tree(
            Folder((folder / name,), "the photos", ".jpg"),
            lists=(captions if classes is None else objects,),
            read_list=captions_list if classes is None else _with_captions(captions, classes),
            others=() if classes is None else (captions,),
            expected=COUNTS[split],
            upright=classes is None,  # objects are those of photos as stored
        )
    return found


def captions_list(path: epath.Path) -> Reading:
    """Reads the photos of a COCO captions file, for checks."""
    if not path.is_file():
        return None, {}, []  # told as needed
    try:
        return {Path(name).stem: Listed() for name in read_captions(str(path))}, {}, []
    except CaptionError as error:
        return None, {}, [_captions_problem(DAMAGED, path, str(error))]


def _with_captions(captions: epath.Path, classes: ClassList) -> ReadList:
    """Returns a reader of the instances file that expects the photos of the captions too."""

    def read(path: epath.Path) -> Reading:
        found, index, problems = instances_list(classes)(path)
        listed, _, wrong = captions_list(captions)
        if not captions.is_file():
            wrong = [_captions_problem(MISSING, captions, "there is no such file")]
        both = None if found is None else (listed or {}) | found
        return both, index, problems + wrong

    return read


def _captions_problem(kind: str, path: epath.Path, text: str) -> Problem:
    advice = "get it (again); it is in the archive of the train and val annotations"
    return Problem(kind, str(path), text, advice=advice)
