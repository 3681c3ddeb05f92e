"""The blocks of a report: made once for each subject, rendered for a console, in Markdown and in HTML.

Text is `rich.text.Text`. Its styles are GOOD, BAD, DOUBTFUL, QUIET, bold, and NAME for what comes from outside.
No block knows of a format.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from rich.console import RenderableType
from rich.text import Text

GOOD: Final = "green"
BAD: Final = "red"
DOUBTFUL: Final = "yellow"
QUIET: Final = "dim"
NAME: Final = "name"
"""Text from outside: as it is on a console, code in Markdown, escaped in HTML."""
SPARK: Final = "spark"
"""A small chart of the characters ▁▂▃▄▅▆▇█, which a console without Unicode draws in ASCII."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: figures stand to the right, words and prose to the left.

    Only prose may wrap, and other columns are left out before it has less room than `least` or its longest word.
    """

    title: str
    kind: Literal["figure", "word", "prose"] = "figure"
    least: int = 10


@dataclass(frozen=True, slots=True)
class Facts:
    """Labels, each with its text of one or more lines."""

    rows: Sequence[tuple[str, Text]]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells. No back end shows a column that is empty.

    Args:
        label: what the table is, for those who do not see it.
        totals: how many of the last rows stand below a rule.
        first_to_go: titles of the columns that a narrow console and Markdown leave out, the least telling first.
        legend: signs with their meaning; each is explained once, if a cell that is shown begins with it.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Text]]
    label: str = ""
    totals: int = 0
    first_to_go: Sequence[str] = ()
    legend: Sequence[tuple[str, Text]] = ()

    def shown(self) -> list[int]:
        """The places of the columns that hold anything."""
        return [place for place in range(len(self.columns)) if any(row[place] for row in self.rows)]

    def explained(self, places: Sequence[int]) -> list[tuple[str, Text]]:
        """The signs that the cells of these columns begin with, and their meaning."""
        cells = {row[place].plain.lstrip() for row in self.rows for place in places}
        return [(sign, meaning) for sign, meaning in self.legend if any(cell.startswith(sign) for cell in cells)]


@dataclass(frozen=True, slots=True)
class Notes:
    """A list of remarks."""

    items: Sequence[Text]


@dataclass(frozen=True, slots=True)
class Line:
    """A paragraph; on a console it hangs from its lead: without one it is indented, with an empty one it is not."""

    text: Text
    lead: Text | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of a report: its word, of what, on what it rests, and why, a reason a line.

    Args:
        passed: whether there is nothing to look into; Markdown folds the rest of the report.
    """

    word: Text
    name: Text
    text: Text
    reasons: Sequence[Text] = ()
    passed: bool = False


@dataclass(frozen=True, slots=True)
class Code:
    """Lines of somebody else's output, or of YAML, with their spaces; the label says what they are.

    Args:
        command: whether it is a shell command, which a narrow console breaks as a shell takes it.
    """

    text: str
    label: str = ""
    command: bool = False


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture of characters below its title, if it has one, which only a console draws."""

    title: Text
    drawing: RenderableType


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart, which only HTML draws.

    Args:
        figure: makes the plotly figure, when it is needed.
        caption: what to know to read it.
    """

    title: str
    figure: Callable[[], dict[str, Any]]
    caption: Text | None = None


Block = Facts | Table | Notes | Line | Verdict | Code | Plot | Chart


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks that belong together.

    Args:
        title: a heading in HTML and of what Markdown folds; a console shows none.
        brief: what a brief report on a console shows instead of the blocks; None: the blocks, unless they are details.
        detail: left out of a brief report, folded in Markdown.
    """

    title: str
    blocks: Sequence[Block]
    brief: Sequence[Block] | None = None
    detail: bool = False

    def on_console(self, *, brief: bool) -> Sequence[Block]:
        """The blocks that a console shows."""
        if not brief:
            return self.blocks
        if self.brief is None:
            return () if self.detail else self.blocks
        return self.brief


Document = Sequence[Section]
"""A whole report."""
