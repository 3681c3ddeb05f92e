"""Which engine runs, and what is said of it: in real repositories, whoever they belong to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from perfcli.errors import UsageError
from perfcli.pool import checkout, identity
from perfcli.pool.checkout import choose_engine, default_engine, installed_engine, resolve_engine
from perfcli.pool.identity import EngineSource, identified
from perfcli.results import RunResult, load_results
from perfcli.targets.protocol import source_digest

ROOT = Path(__file__).parents[3]
NAMED = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
OTHERS = {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
"""Has git take every repository for somebody else's."""

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")


def git(directory: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *NAMED, *arguments], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An engine that is installed; and the test in a directory that is no checkout."""
    home = write_engine(tmp_path / "site-packages", "installed = True\n")
    spec = ModuleSpec("digipal", None, origin=str(home / "digipal" / "__init__.py"))
    monkeypatch.setattr("perfcli.targets.protocol.find_spec", lambda name: spec)
    monkeypatch.chdir(tmp_path)
    for key in [key for key in os.environ if key.startswith("GIT_")]:
        monkeypatch.delenv(key)
    return home


def write_engine(directory: Path, text: str = "") -> Path:
    (directory / "digipal" / "core").mkdir(parents=True)
    (directory / "digipal" / "__init__.py").write_text(text, encoding="utf-8")
    (directory / "digipal" / "core" / "__init__.py").write_text("core = 1\n", encoding="utf-8")
    return directory


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with an engine and one commit."""
    directory = write_engine(tmp_path / "repository")
    git(directory, "init", "--quiet", "--initial-branch=main")
    git(directory, "add", ".")
    git(directory, "commit", "--quiet", "--no-verify", "-m", "engine")
    return directory


def recorded(engine: EngineSource) -> tuple[str, bool]:
    """What a result would say of the engine as it is on disk."""
    return engine.commit_of(engine.digest), engine.is_modified(engine.digest)


class TestTheDefault:
    """Without `--engine`: the repository's, if it is the user's own; else the installed one."""

    @pytest.mark.parametrize("place", [".", "digipal/core", "docs"])
    def test_is_the_repositorys_also_in_its_subdirectories(
        self, place: str, repository: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (repository / "docs").mkdir()
        monkeypatch.chdir(repository / place)
        engine = default_engine()
        assert (engine.path, engine.name) == (repository, "the working tree")

    def test_is_the_installed_one_elsewhere(self, installed: Path) -> None:
        write_engine(Path("no_repository"))
        os.chdir("no_repository")
        engine = default_engine()
        assert (engine.path, engine.name, engine.note) == (installed, "the installed engine", "")

    def test_needs_a_package(self, repository: Path, installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (repository / "digipal" / "__init__.py").unlink()
        monkeypatch.chdir(repository)
        assert default_engine().path == installed

    def test_is_not_that_of_somebody_else(
        self, repository: Path, installed: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(repository / "digipal")
        for key, value in OTHERS.items():
            monkeypatch.setenv(key, value)
        engine = default_engine()
        assert engine.path == installed
        assert engine.note == (
            f"not the one in {repository}: it belongs to another user; "
            f"to use it: git config --global --add safe.directory {repository}"
        )

    def test_is_that_of_somebody_else_if_git_was_told_so(
        self, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = tmp_path / "gitconfig"
        settings.write_text(f"[safe]\n\tdirectory = {repository}\n")
        monkeypatch.chdir(repository)
        for key, value in {**OTHERS, "GIT_CONFIG_GLOBAL": str(settings)}.items():
            monkeypatch.setenv(key, value)
        assert default_engine().path == repository

    @pytest.mark.parametrize("missing", [True, False], ids=["no git", "a git that hangs"])
    def test_is_the_installed_one_if_git_does_not_answer(
        self, missing: bool, repository: Path, installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(repository)
        if not missing:
            (tmp_path / "git").write_text("#!/bin/sh\nexec sleep 60\n")
            (tmp_path / "git").chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path) + ("" if missing else ":/usr/bin:/bin"))
        monkeypatch.setattr(checkout, "GIT_TIMEOUT_S", 0.05)
        monkeypatch.setattr(identity, "GIT_TIMEOUT_S", 0.05)
        engine = default_engine()
        why = "git is not installed" if missing else "git does not answer"
        assert (engine.path, engine.note) == (installed, f"not the one in {repository}: {why}")

    def test_of_a_bare_repository_is_the_installed_one(
        self, repository: Path, installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        git(tmp_path, "clone", "--quiet", "--bare", str(repository), "bare")
        monkeypatch.chdir(tmp_path / "bare")
        assert default_engine().path == installed

    def test_of_a_worktree_with_a_detached_head_is_its_own(
        self, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        git(repository, "worktree", "add", "--quiet", "--detach", str(tmp_path / "another"))
        monkeypatch.chdir(tmp_path / "another")
        engine = default_engine()
        assert engine.path == tmp_path / "another"
        assert recorded(engine) == (git(repository, "rev-parse", "HEAD"), False)

    def test_is_not_that_of_a_hook(self, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(repository)
        monkeypatch.setenv("GIT_DIR", "/nowhere")
        assert default_engine().path == repository

    def test_is_an_error_if_there_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("perfcli.targets.protocol.find_spec", lambda name: None)
        with pytest.raises(UsageError, match="no engine: the package digipal is neither installed nor in this git"):
            default_engine()

    def test_gives_way_to_one_that_is_named(self, repository: Path, tmp_path: Path) -> None:
        with choose_engine(str(repository)) as engine:
            assert engine.name == str(repository)


class TestTheCommit:
    """A commit is recorded only of sources that it holds."""

    def test_is_that_which_holds_the_sources(self, repository: Path) -> None:
        with resolve_engine(str(repository)) as engine:
            assert recorded(engine) == (git(repository, "rev-parse", "HEAD"), False)
            assert engine.digest == source_digest(repository / "digipal")

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "edit",
        [
            lambda package: (package / "__init__.py").write_text("changed = True\n"),
            lambda package: (package / "new.py").write_text(""),
            lambda package: (package / "core" / "__init__.py").unlink(),
            lambda package: (package / "core" / "__init__.py").rename(package / "core" / "renamed.py"),
        ],
        ids=["changed", "untracked", "deleted", "renamed"],
    )
    def test_is_not_recorded_of_what_differs(self, edit: Callable[[Path], object], repository: Path) -> None:
        edit(repository / "digipal")
        assert recorded(identified(repository, "it")) == ("", True)
        git(repository, "add", "--all")
        # what the index holds is in no commit yet
        assert recorded(identified(repository, "it")) == ("", True)

    def test_does_not_mind_what_is_no_source(self, repository: Path) -> None:
        (repository / "README.md").write_text("changed")
        (repository / "digipal" / "notes.txt").write_text("new")
        assert recorded(identified(repository, "it"))[1] is False

    def test_is_not_hidden_by_what_git_is_told_to_overlook(self, repository: Path) -> None:
        git(repository, "update-index", "--assume-unchanged", "digipal/__init__.py")
        (repository / "digipal" / "__init__.py").write_text("changed = True\n")
        assert recorded(identified(repository, "it")) == ("", True)

    def test_is_that_of_the_sources_that_ran(self, repository: Path) -> None:
        engine = identified(repository, "it")
        (repository / "digipal" / "__init__.py").write_text("edited after it was looked at\n")
        ran = source_digest(repository / "digipal")
        assert (engine.commit_of(ran), engine.is_modified(ran)) == ("", True)

    def test_of_an_installed_engine_is_not_that_of_the_repository_around(
        self, repository: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(repository)
        assert recorded(installed_engine()) == ("", False)

    def test_of_an_editable_install_is_its_checkouts(self, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        spec = ModuleSpec("digipal", None, origin=str(repository / "digipal" / "__init__.py"))
        monkeypatch.setattr("perfcli.targets.protocol.find_spec", lambda name: spec)
        assert recorded(installed_engine()) == (git(repository, "rev-parse", "HEAD"), False)

    def test_of_an_engine_in_a_virtual_environment_is_not_that_of_the_repository(self, repository: Path) -> None:
        home = write_engine(repository / ".venv" / "lib")
        assert recorded(identified(home, "it")) == ("", False)

    def test_of_a_working_tree_that_was_never_committed_is_none(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        directory = write_engine(tmp_path / "fresh")
        git(directory, "init", "--quiet")
        monkeypatch.chdir(directory)
        assert recorded(default_engine()) == ("", False)
        git(directory, "commit", "--quiet", "--allow-empty", "-m", "empty")
        assert recorded(default_engine()) == ("", True)

    @pytest.mark.slow
    def test_of_a_submodule_is_its_own(self, repository: Path, tmp_path: Path) -> None:
        outer = tmp_path / "outer"
        outer.mkdir()
        git(outer, "init", "--quiet")
        git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repository), "engine")
        git(outer, "commit", "--quiet", "-m", "outer")
        assert recorded(identified(outer / "engine", "it")) == (git(repository, "rev-parse", "HEAD"), False)

    def test_outside_of_any_repository_is_none(self, tmp_path: Path) -> None:
        assert recorded(identified(write_engine(tmp_path / "copy"), "it")) == ("", False)


def test_its_line_says_all(repository: Path) -> None:
    engine = identified(repository, "the working tree")
    head = git(repository, "rev-parse", "HEAD")[:7]
    assert str(engine) == f"the working tree ({repository}): sources {engine.digest}, commit {head}"
    (repository / "digipal" / "__init__.py").write_text("changed = True\n")
    assert str(identified(repository, str(repository))).endswith(f", modified since commit {head}")


def test_results_of_before_still_load(make_result_document: dict[str, object]) -> None:
    old = {key: value for key, value in make_result_document.items() if key != "engine_modified"}
    loaded = RunResult.model_validate(old | {"commit": "5f16cfb9916cf90f+", "engine": ""})
    assert (loaded.commit, loaded.engine_modified) == ("", True)
    assert RunResult.model_validate(old | {"commit": "5f16cfb9916cf90f"}).commit == "5f16cfb9916cf90f"


@pytest.fixture
def make_result_document(make_plan: Callable[..., object]) -> dict[str, object]:
    from perfcli.testing import simulate

    document = simulate(make_plan(["load_pet"], setup={"pets": 1})).model_dump(mode="json")  # type: ignore[arg-type]
    assert isinstance(document, dict)
    return document


SCENARIO = """
name: loads
setup: {pets: 1}
load: {executor: shared-iterations, iterations: 5}
flow:
  - load_pet: {source: database}
"""


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A repository whose engine, and whatever the tool needs, leaves a mark if anybody imports it."""
    directory = tmp_path / "hostile"
    (directory / "digipal").mkdir(parents=True)
    mark = f"open({str(tmp_path / 'imported')!r}, 'a').write(__name__ + ' ')\nraise SystemExit(99)\n"
    for file in ("digipal/__init__", "click", "yaml", "psutil", "rich", "signal", "json", "pydantic", "sitecustomise"):
        (directory / f"{file}.py").write_text(mark)
    (directory / "loads.yaml").write_text(SCENARIO)
    git(directory, "init", "--quiet")
    git(directory, "add", ".")
    git(directory, "commit", "--quiet", "-m", "hostile")
    return directory


def perform(directory: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "COLUMNS"))}
    return subprocess.run(
        [sys.executable, "-m", "perfcli", *arguments],
        cwd=directory,
        env={**kept, "PYTHONPATH": str(ROOT), "CI": "", **environment},
        capture_output=True,
        text=True,
        timeout=100,
    )


@pytest.mark.slow
@pytest.mark.end_to_end
@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["validate", "loads.yaml"],
        ["plan", "loads.yaml"],
        ["explain", "load_pet"],
        ["schema"],
        ["completion", "bash"],
        ["history", "--store", "kept"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_runs_nothing_imports_no_engine(hostile: Path, tmp_path: Path, arguments: list[str]) -> None:
    finished = perform(hostile, *arguments)
    assert finished.returncode == 0, finished.stderr
    assert not (tmp_path / "imported").exists()


@pytest.mark.slow
@pytest.mark.end_to_end
def test_a_hostile_repository_of_somebody_else_is_never_imported(hostile: Path, tmp_path: Path) -> None:
    outcome = tmp_path / "result.json"
    finished = perform(hostile, "run", "loads.yaml", "-q", "--json", str(outcome), **OTHERS)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert not (tmp_path / "imported").exists()
    assert finished.stderr.startswith(
        f"engine: the installed engine ({ROOT}): sources {source_digest(ROOT / 'digipal')}"
    )
    assert f"not the one in {hostile}: it belongs to another user" in finished.stderr
    (result,) = load_results(outcome)
    assert result.engine == "the installed engine"
    assert result.environment.engine_version == source_digest(ROOT / "digipal")
    # and what it wrote is shown again without any engine
    assert perform(hostile, "report", str(outcome)).returncode == 0
    compared = perform(hostile, "ab", "loads.yaml", "--base", str(ROOT), "--max-pairs", "1", "-q", **OTHERS)
    assert compared.returncode == 0, compared.stdout + compared.stderr
    assert not (tmp_path / "imported").exists()


@pytest.mark.slow
@pytest.mark.end_to_end
def test_the_engine_is_named_before_it_is_imported(hostile: Path, tmp_path: Path) -> None:
    finished = perform(hostile, "run", "loads.yaml", "-q")
    assert finished.stderr.startswith(f"engine: the working tree ({hostile}): sources ")
    assert (tmp_path / "imported").read_text().split() == ["digipal"]
    assert finished.returncode == 4


@pytest.mark.slow
@pytest.mark.end_to_end
def test_an_edited_checkout_beside_an_installed_engine_is_what_runs(repository: Path, tmp_path: Path) -> None:
    shutil.rmtree(repository / "digipal")
    shutil.copytree(ROOT / "digipal", repository / "digipal", ignore=shutil.ignore_patterns("__pycache__"))
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "ours")
    (repository / "loads.yaml").write_text(SCENARIO)
    (repository / "digipal" / "edited.py").write_text("")
    finished = perform(repository / "digipal", "run", "../loads.yaml", "--json", "../out.json")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    digest = source_digest(repository / "digipal")
    assert f"the working tree; sources {digest}, modified" in finished.stdout
    (written,) = json.loads((repository / "out.json").read_text(encoding="utf-8"))
    assert (written["engine"], written["commit"], written["engine_modified"]) == ("the working tree", "", True)
    assert written["environment"]["engine_version"] == digest
