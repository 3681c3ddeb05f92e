"""`python -m perfcli.reference` writes the pages below the working directory."""

from __future__ import annotations

from pathlib import Path

from perfcli.reference import write_pages

if __name__ == "__main__":
    write_pages(Path.cwd())
