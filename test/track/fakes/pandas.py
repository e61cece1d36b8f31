"""As much of pandas as MegaPose's callers need: a table of columns."""

from collections.abc import Mapping, Sequence
from typing import Any


class Column(list[Any]):
    def tolist(self) -> list[Any]:
        return list(self)


class DataFrame:
    def __init__(self, columns: Mapping[str, Sequence[Any]]) -> None:
        self.columns = {name: Column(values) for name, values in columns.items()}
        assert len({len(values) for values in self.columns.values()}) == 1

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def reset_index(self, drop: bool) -> "DataFrame":
        assert drop
        return DataFrame(self.columns)
