"""What a benchmark prints: figures with their limits, and whether each is kept."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table: a figure, and the most it may be, or the least."""

    what: str
    figure: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """Whether the limit is kept."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        verdict = "ok" if self.holds else "EXCEEDED"
        return f"{self.what:38} {self.figure:36} {self.value:6.2f}  {sign} {self.limit:<4} {verdict}"
