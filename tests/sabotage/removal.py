"""A removal: one guard taken out of a copy of the code, and the test that must notice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Removal:
    """Takes `guard` away by replacing `before`, which stands in `path` exactly once, by `after`; `test` must turn red."""

    id: str
    guard: str
    path: str
    before: str
    after: str
    test: str

    def apply(self, root: Path) -> None:
        """Change the copy at `root`. Raises LookupError if `before` does not stand there exactly once."""
        file = root / self.path
        text = file.read_text(encoding="utf-8")
        if text.count(self.before) != 1:
            raise LookupError(f"{self.id}: `{self.before}` stands {text.count(self.before)} times in {self.path}, not once")
        file.write_text(text.replace(self.before, self.after), encoding="utf-8")
