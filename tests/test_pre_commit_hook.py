"""The hook that .pre-commit-hooks.yaml offers: it runs a command that exists, on files that are scenarios."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from perfcli.cli import cli
from perfcli.errors import UsageError

ROOT = Path(__file__).parent.parent
(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
PROGRAM, *ARGUMENTS = shlex.split(HOOK["entry"])


def test_it_validates_what_it_is_given(tmp_path: Path) -> None:
    assert (HOOK["id"], PROGRAM) == ("digipal-perf-validate", "digipal-perf")
    files = [str(ROOT / "scenarios" / f"{name}.yaml") for name in ("concurrent_users", "crowd")]
    result = CliRunner().invoke(cli, [*ARGUMENTS, *files])
    assert result.output.splitlines() == ["concurrent_users: ok", "crowd: ok"]
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: broken", encoding="utf-8")
    with pytest.raises(UsageError, match=r"broken\.yaml:1:1: load: required key is missing"):
        CliRunner().invoke(cli, [*ARGUMENTS, *files, str(broken)], catch_exceptions=False)


def test_it_is_for_scenarios_alone() -> None:
    chosen = re.compile(HOOK["files"])
    assert all(chosen.search(str(path.relative_to(ROOT))) for path in (ROOT / "scenarios").glob("*.yaml"))
    assert not chosen.search("scenarios/backup_operations.py")
    assert chosen.search("perf/scenarios/deep/mine.yml")
    assert not any(map(chosen.search, ("mkdocs.yml", ".github/workflows/ci.yaml", "scenarios/words.csv")))


def test_the_document_names_it() -> None:
    assert f"id: {HOOK['id']}" in (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
