"""The pages of docs/reference/, made from the code: `make docs` writes them, and a test compares them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from perfcli.reference import command_pages, file_pages, scenario_pages

FOLDER: Final = Path("docs", "reference")
_PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "options.md": command_pages.options,
    "exit-codes.md": command_pages.exit_codes,
    "keys.md": scenario_pages.keys,
    "operations.md": scenario_pages.operations,
    "faults.md": scenario_pages.faults,
    "metrics.md": scenario_pages.metrics,
    "scenarios.md": scenario_pages.shipped,
    "results.md": file_pages.results,
    "comparisons.md": file_pages.comparisons,
    "experiments.md": file_pages.experiments,
    "exports.md": file_pages.exports,
    "example.json": file_pages.example,
}
_BY_CODE: Final = "<!-- Made from the code by `make docs`: do not edit. -->"


def pages() -> dict[str, str]:
    """The text of each page, by its file's name."""
    made = {name: make() for name, make in _PAGES.items()}
    made["index.md"] = _index(made)
    return {name: f"{_BY_CODE}\n\n{text}" if name.endswith(".md") else text for name, text in made.items()}


def write_pages(root: Path) -> None:
    """Bring docs/reference/ up to date, without what is no page."""
    folder = root / FOLDER
    folder.mkdir(exist_ok=True)
    made = pages()
    for path in folder.iterdir():
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")


def _index(made: Mapping[str, str]) -> str:
    """All pages, each with its title and its first sentence."""
    lines = []
    for name, text in made.items():
        if name.endswith(".md"):
            title, paragraph, *_ = text.split("\n\n")
            plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", " ".join(paragraph.split()))  # links of its own page
            sentence = re.split(r"(?<=\.)\s", plain)[0]
            lines.append(f"- [{title.removeprefix('# ')}]({name}): {sentence}\n")
    return "# Reference\n\nLook up any key, metric, option or field: these pages are made from the code.\n\n" + "".join(
        lines
    )
