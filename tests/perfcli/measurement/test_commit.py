"""The commit of an engine, in repositories made for the test; and that git can never fail a run."""

from __future__ import annotations

import subprocess
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from perfcli.measurement import commit
from perfcli.measurement.commit import commit_of_engine

NAMED = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]


def git(directory: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *NAMED, *arguments], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def _outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in the repository of this checkout."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with an engine and a tag on its one commit."""
    directory = tmp_path / "checkout"
    (directory / "digipal").mkdir(parents=True)
    (directory / "digipal" / "__init__.py").write_text("")
    git(directory, "init", "--quiet")
    git(directory, "add", ".")
    git(directory, "commit", "--quiet", "--no-verify", "-m", "engine")
    git(directory, "tag", "v1")
    return directory


def install(monkeypatch: pytest.MonkeyPatch, directory: Path | None) -> None:
    """Have the package `digipal` be installed in a directory, or nowhere."""
    spec = directory and ModuleSpec("digipal", None, origin=str(directory / "digipal" / "__init__.py"))
    monkeypatch.setattr(commit, "find_spec", lambda _: spec)


def test_is_the_whole_hash(checkout: Path) -> None:
    assert commit_of_engine(checkout) == git(checkout, "rev-parse", "HEAD")


def test_a_changed_checkout_has_a_plus(checkout: Path) -> None:
    (checkout / "digipal" / "__init__.py").write_text("changed = True")
    assert commit_of_engine(checkout) == git(checkout, "rev-parse", "HEAD") + "+"


def test_an_engine_that_is_not_tracked_is_not_of_the_repository_around_it(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = checkout / "copied" / "digipal"
    copied.mkdir(parents=True)
    (copied / "__init__.py").write_text("")
    assert commit_of_engine(copied.parent) == ""
    install(monkeypatch, copied.parent)
    assert commit_of_engine() == ""


def test_the_installed_engine_is_of_the_repository_around_it(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, checkout)
    assert commit_of_engine() == git(checkout, "rev-parse", "HEAD")


@pytest.mark.parametrize("installed", [True, False])
def test_else_it_is_of_the_repository_around_the_current_directory(
    installed: bool, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, tmp_path if installed else None)
    assert commit_of_engine() == ""
    monkeypatch.chdir(checkout / "digipal")
    assert commit_of_engine() == git(checkout, "rev-parse", "HEAD")


def test_what_a_hook_is_told_is_not_about_the_engine(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert len(commit_of_engine(checkout)) == 40


def test_without_git_it_is_not_known(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert commit_of_engine(checkout) == ""


def test_a_git_that_takes_too_long_is_not_waited_for(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(commit, "_PATIENCE_S", 0.05)
    assert commit_of_engine(checkout) == ""
