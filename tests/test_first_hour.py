"""The first hour of a new user: what README.md and docs/tutorial.md say, typed into a fresh clone."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.test_docs import DOCUMENTS, README, blocks, section, write_named_blocks

ROOT = Path(__file__).parent.parent
TUTORIAL = DOCUMENTS["docs/tutorial.md"]
ACTIVATE = """. .venv/bin/activate
digipal-perf() { command digipal-perf "$@" || { code=$?; test $code -eq 4 || return $code; } }
"""
"""A run that other processes starved is no mistake of the documents."""
EXIT_CODE = re.compile(r"# exit code (\d+)$")

pytestmark = pytest.mark.nightly


def expected_code(block: str) -> int:
    """What a block of commands exits with: 0, if its last line does not say otherwise."""
    *others, last = block.splitlines()
    assert not any(map(EXIT_CODE.search, others)), "only a block's last command may fail"
    told = EXIT_CODE.search(last)
    return int(told[1]) if told else 0


class Terminal:
    """A shell in a fresh clone, of a user who has nothing but Python and git."""

    def __init__(self, clone: Path, home: Path) -> None:
        self.clone = clone
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GIT_", "VIRTUAL"))}
        self._environment = {**ours, "HOME": str(home), "COLUMNS": "100"}

    def type(self, block: str, code: int = 0) -> str:
        """Have bash run a block, up to its first failure; give what it prints."""
        done = subprocess.run(
            ["bash", "-e", "-c", block], cwd=self.clone, env=self._environment, capture_output=True, text=True
        )
        assert done.returncode == code, f"{block}\nexit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """In a clone of this checkout, with the tool installed as README.md says."""
    home, origin, clone = tmp_path / "home", tmp_path / "origin", tmp_path / "clone"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\nname = Tai\nemail = tai@example.org\n", encoding="utf-8")
    terminal = Terminal(clone, home)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            copy = origin / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((ROOT / name).read_bytes())
    clone.mkdir()
    terminal.type(
        f"cd {origin}; git init --quiet --initial-branch=main; git add .; git commit --quiet --message=all\n"
        f"git clone --quiet {origin} {clone}"
    )
    (install,) = blocks(section(README, "Install"), "sh")
    terminal.type(install)
    return terminal


def test_the_tour_works_as_typed(terminal: Terminal) -> None:
    tour = blocks(section(README, "Five minutes"), "sh")
    assert len(tour) == 4
    for block in tour:
        assert terminal.type(ACTIVATE + block, expected_code(block))
    assert (terminal.clone / "my_session.yaml").exists()
    page = (terminal.clone / "report.html").read_text(encoding="utf-8")
    assert '<script type="application/gzip" id="plotly">' in page


def test_the_tutorial_works_as_typed(terminal: Terminal) -> None:
    assert write_named_blocks(TUTORIAL, terminal.clone) == ["visits.yaml"]
    (job,) = (yaml.safe_load(block) for block in blocks(TUTORIAL, "yml"))
    _, changed, compared, profiled, searched, commented, mended = (
        terminal.type(ACTIVATE + block, expected_code(block)) for block in blocks(TUTORIAL, "sh")
    )
    assert re.search(r"^(PASS|INVALID) +visits", changed, re.MULTILINE)
    assert "REGRESSION" in compared
    assert re.search(r"load_pet\.statements_per_op +1 +2 +\+100%", compared)
    assert "SELECT COUNT(*) FROM digipals WHERE name = ?" in profiled
    assert "FULL SCAN of digipals" in profiled
    assert re.search(r"holds|starved|other processes", searched)
    assert "wrote comment.md" in commented
    assert "REGRESSION" in (terminal.clone / "comment.md").read_text(encoding="utf-8")
    assert "REGRESSION" not in mended
    gates = [step["run"] for step in job["jobs"]["visits"]["steps"] if "run" in step]
    terminal.type(ACTIVATE + "\n".join(gate for gate in gates if gate.startswith("digipal-perf")))
