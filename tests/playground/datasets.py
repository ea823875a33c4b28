"""A dataset."""

from __future__ import annotations

from pathlib import Path

from edgesmith import Dataset, UserError


class Words(Dataset):
    """The lines of a file."""

    name = "words"

    class Params(Dataset.Params):
        path: str

    def check(self):
        if not Path(self.params.path).is_file():
            raise UserError(f"there are no words in {self.params.path!r}", hint="write some")

    def fingerprint(self, digest):
        return {"words": digest(Path(self.params.path))}

    def words(self):
        return Path(self.params.path).read_text().split()
