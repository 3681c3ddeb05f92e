"""Engines from directories and from git revisions, in real repositories; whatever happens, git is left as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from perfcli.errors import PerfError, UsageError
from perfcli.pool.checkout import resolve_engine

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")

Git = Callable[..., str]


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where scratch directories are made."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    return scratch


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """Runs git in a new repository, which is the current directory."""
    repository = tmp_path / "repository"
    repository.mkdir()
    monkeypatch.chdir(repository)
    for key in [key for key in os.environ if key.startswith("GIT_")]:
        monkeypatch.delenv(key)

    def git(*arguments: str) -> str:
        who = ["-c", "user.name=Tai", "-c", "user.email=tai@example.org", "-c", "commit.gpgsign=false"]
        finished = subprocess.run(["git", *who, *arguments], cwd=repository, capture_output=True, text=True, check=True)
        return finished.stdout.strip()

    git("init", "--quiet", "--initial-branch=main")
    return git


def write_engine(directory: Path, text: str = "") -> None:
    (directory / "digipal").mkdir(parents=True, exist_ok=True)
    (directory / "digipal" / "__init__.py").write_text(text, encoding="utf-8")


def commit_engine(git: Git, text: str) -> str:
    write_engine(Path.cwd(), text)
    git("add", ".")
    git("commit", "--quiet", "-m", text)
    return git("rev-parse", "HEAD")


def refusal(text: str) -> UsageError:
    with pytest.raises(UsageError) as caught, resolve_engine(text):
        pytest.fail("there is no such engine")
    return caught.value


def test_a_directory_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_engine(tmp_path / "fork")
    with resolve_engine("fork") as source:
        assert (source.path, source.name) == (tmp_path / "fork", "fork")
    assert (tmp_path / "fork" / "digipal").exists()


def test_an_engine_may_lie_in_src(tmp_path: Path) -> None:
    write_engine(tmp_path / "src")
    with resolve_engine(str(tmp_path)) as source:
        assert source.path == tmp_path / "src"


def test_a_directory_without_an_engine_is_refused(tmp_path: Path) -> None:
    write_engine(tmp_path)
    error = refusal(str(tmp_path / "digipal"))
    assert error.message == (
        f"--engine {tmp_path}/digipal: it holds no engine: neither digipal/__init__.py nor src/digipal/__init__.py"
    )
    assert "not the package itself" in error.hint


@pytest.mark.slow
@pytest.mark.parametrize("name", ["main~1", "v1", "{hash}", "{short}"])
def test_a_revision_is_checked_out_and_gone_afterwards(git: Git, scratch: Path, name: str) -> None:
    old = commit_engine(git, "old")
    git("tag", "v1")
    commit_engine(git, "new")
    name = name.format(hash=old, short=old[:8])
    with resolve_engine(name) as source:
        assert source.name == f"{name} ({old[:7]})"
        assert (source.path / "digipal" / "__init__.py").read_text(encoding="utf-8") == "old"
        assert source.path.is_relative_to(scratch)
    assert_nothing_is_left(git, scratch)
    assert (Path("digipal") / "__init__.py").read_text(encoding="utf-8") == "new"


def assert_nothing_is_left(git: Git, scratch: Path) -> None:
    assert list(scratch.iterdir()) == []
    assert len(git("worktree", "list").splitlines()) == 1
    assert git("status", "--porcelain") == ""


def test_a_failing_run_leaves_nothing(git: Git, scratch: Path) -> None:
    commit_engine(git, "engine")

    def run() -> None:
        with resolve_engine("HEAD") as source:
            (source.path / "digipal" / "__pycache__").mkdir()
            (source.path / "digipal" / "__init__.py").write_text("changed", encoding="utf-8")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        run()
    assert_nothing_is_left(git, scratch)


def test_two_checkouts_of_one_revision_live_side_by_side(git: Git, scratch: Path) -> None:
    commit_engine(git, "engine")
    with resolve_engine("HEAD") as one, resolve_engine("HEAD") as another:
        assert one.path != another.path
        assert one.path.is_dir()
    assert_nothing_is_left(git, scratch)


def test_a_revision_without_an_engine_is_refused(git: Git, scratch: Path) -> None:
    git("commit", "--quiet", "--allow-empty", "-m", "empty")
    head = git("rev-parse", "HEAD")
    assert refusal("HEAD").message.startswith(f"--engine HEAD ({head[:7]}): it holds no engine")
    assert_nothing_is_left(git, scratch)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nope", "bad revision 'nope'"),
        ("--all", "bad revision '--all'"),
        ("", "bad revision ''"),
        ("main..main", "it names no commit"),
    ],
)
def test_an_unknown_revision_is_refused_in_gits_words(git: Git, text: str, why: str) -> None:
    commit_engine(git, "engine")
    error = refusal(text)
    assert error.message == f"--engine {text}: neither a directory nor a git revision: {why}"
    assert "git rev-parse" in error.hint


def test_a_place_that_is_no_repository_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    assert "not a git repository" in refusal("v1").message


def test_a_machine_without_git_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    error = refusal("v1")
    assert error.message == "--engine v1: no such directory, and git is not installed to look up a revision"
    assert error.hint == "name the directory of a checkout, or install git"


def test_a_revision_that_cannot_be_checked_out_says_why(git: Git, scratch: Path) -> None:
    commit = commit_engine(git, "engine")
    tree = git("rev-parse", "HEAD:digipal")
    (Path(".git") / "objects" / tree[:2] / tree[2:]).unlink()
    with pytest.raises(PerfError, match=f"git could not check {commit[:7]} out into"), resolve_engine("HEAD"):
        pytest.fail("it is damaged")
    assert list(scratch.iterdir()) == []
    assert len(git("worktree", "list").splitlines()) == 1


def test_hooks_of_the_repository_do_not_run(git: Git) -> None:
    commit_engine(git, "engine")
    hook = Path(".git/hooks/post-checkout")
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\ntouch "$(git rev-parse --git-common-dir)/hook-ran"\n', encoding="utf-8")
    hook.chmod(0o755)
    with resolve_engine("HEAD"):
        assert not Path(".git/hook-ran").exists()


def test_inside_a_hook_the_index_of_the_commit_stays(git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    commit_engine(git, "old")
    write_engine(Path.cwd(), "staged")
    git("add", ".")
    monkeypatch.setenv("GIT_INDEX_FILE", str(Path(".git/index").resolve()))
    monkeypatch.setenv("GIT_DIR", str(Path(".git").resolve()))
    with resolve_engine("HEAD") as source:
        assert (source.path / "digipal" / "__init__.py").read_text(encoding="utf-8") == "old"
    assert git("diff", "--cached", "--name-only") == "digipal/__init__.py"


ABANDONED = """
import os, signal, sys, tempfile
from perfcli.pool import cleanup
from perfcli.pool.checkout import resolve_engine
tempfile.tempdir = sys.argv[1]
signal.signal(signal.SIGINT, lambda *_: cleanup.abandon(130))
with resolve_engine("HEAD"):
    os.kill(os.getpid(), signal.SIGINT)
"""


@pytest.mark.slow
def test_after_a_second_ctrl_c_the_files_are_gone_and_the_next_use_has_git_forget(git: Git, scratch: Path) -> None:
    commit_engine(git, "engine")
    away = scratch.parent / "on a disk that is not mounted now"
    git("worktree", "add", "--quiet", "--detach", str(away))
    away.rename(scratch.parent / "elsewhere")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    finished = subprocess.run([sys.executable, "-c", ABANDONED, str(scratch)], env=environment)
    assert finished.returncode == 130
    assert list(scratch.iterdir()) == []
    with resolve_engine("HEAD"):
        assert len(git("worktree", "list").splitlines()) == 3
    left = git("worktree", "list", "--porcelain")
    assert left.count("worktree ") == 2
    assert str(away) in left
