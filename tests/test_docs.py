"""The documents say what is so: commands run, scenarios validate, and every table equals the code it describes."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from inspect import signature
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from perfcli import load_result, results, run_scenario
from perfcli.ab import gate
from perfcli.ab.gate import PINNED, UNPINNED
from perfcli.ab.pairs import SLICE_NS, SLICES
from perfcli.ab.result import COMPARED_METRICS, MARGIN, TAIL_MARGIN, MetricComparison
from perfcli.cli import cli
from perfcli.errors import ExitCode
from perfcli.history import compare
from perfcli.history.baseline import save_baseline
from perfcli.history.store import Store
from perfcli.inference.rank_tests import signed_rank_p
from perfcli.report.report_files import JOB_SUMMARY
from perfcli.scenario.library import shipped_scenarios
from perfcli.scenario.loader import load_scenario
from perfcli.scenario.models import Scenario
from perfcli.thresholds import OPERATORS
from perfcli.version import VERSION
from tests.conftest import Here

ROOT = Path(__file__).parent.parent
DOCUMENTS = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]
}
GUIDES = {name: text for name, text in DOCUMENTS.items() if name not in ("CHANGELOG.md", "CONTRIBUTING.md")}
EXAMPLE = ROOT / "docs" / "reference" / "example.json"
README, TUTORIAL, SCENARIOS, OPERATIONS, RESULTS, REGRESSION, CI = (
    DOCUMENTS[name if name == "README.md" else f"docs/{name}"]
    for name in ("README.md", "tutorial.md", "scenarios.md", "operations.md", "results.md", "regression.md", "ci.md")
)
TINY = {
    "run": ["--iterations=2", *(f"--set={key}=0ms" for key in ("engine.ai.latency", "load.warmup", "load.think_time"))],
    "ab": ["--max-pairs=1"],
    "selftest": ["--gates=1", "--max-time=1ms"],
    "capacity": ["--max-time=1ms"],
    "crash": ["--kills=1"],
    "profile": ["--iterations=3"],
}
"""What makes a command short."""

FEWER = {"setup.pets=100,1000,10000": "setup.pets=1,10,100"}
"""What makes a sweep short."""

DEAR = ("ab", "capacity", "crash", "profile")
"""Commands that start many engine processes."""

KEPT = ("database_load", "pet_creation")
"""Scenarios of which the documents take it that runs have been kept."""
Row = list[str]


def blocks(text: str, *languages: str) -> list[str]:
    """The code blocks of a document in any of the languages."""
    fenced = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [body for language, body in fenced if language in languages]


def section(text: str, title: str) -> str:
    """What stands below a heading, up to the next one."""
    heading = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    assert heading, f"no section is called {title}"
    return heading[1]


def write_named_blocks(text: str, folder: Path) -> list[str]:
    """Make files of the code blocks of a document whose first line names one: `# my_operations.py`."""
    named = ((re.match(r"# ([\w.]+\.(?:py|yaml))\n", block), block) for block in blocks(text, "python", "yaml"))
    files = [(match[1], block) for match, block in named if match]
    for name, block in files:
        (folder / name).write_text(block, encoding="utf-8")
    return [name for name, _ in files]


def rows(text: str) -> list[Row]:
    """The rows of all tables in a text, without their headers; a cell that is all code without its backticks."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    headers = {place for place, line in enumerate(lines) if set(line) <= set("| -")}
    return [
        [re.sub(r"^`([^`]*)`$", r"\1", cell.strip()) for cell in line[1:-1].split(" | ")]
        for place, line in enumerate(lines)
        if place not in headers and place + 1 not in headers
    ]


def commands(text: str) -> Iterator[list[str]]:
    """The arguments of each `digipal-perf` command in the code blocks of a text."""
    for block in blocks(text, "sh", "console"):
        for line in block.splitlines():
            words = [word for word in shlex.split(line.removeprefix("$ "), comments=True) if "COLUMNS=" not in word]
            if words[:1] == ["digipal-perf"]:
                yield words[1 : words.index("|") if "|" in words else None]


LINK = re.compile(r'\]\((?!https?:)([^)\s]+)\)|src(?:set)?="([^"]+)"')
LINKS = [(name, link or picture) for name, text in DOCUMENTS.items() for link, picture in LINK.findall(text)]
EXAMPLES = [(text, block) for text in GUIDES.values() for block in blocks(text, "yaml")]
COMMANDS = list({tuple(command): command for text in GUIDES.values() for command in commands(text)}.values())
CHEAP = [
    command
    for command in COMMANDS
    if "--tag" not in command and command[0] not in ("cluster", "scaling") and "--cluster" not in command
]
"""Those that start few engine processes; whole suites have tests of their own, and so have `scaling` with its 30 runs
and more, and clusters.
"""


def tried() -> Iterator[Any]:
    """The cheap commands that start engines; a dear one is run each night if others have all of its options."""
    options = {
        shlex.join(command): {name, *(f"{name} {word}" for word in arguments if word.startswith("--"))}
        for command in CHEAP
        for name, arguments in [split(command)]
        if name in TINY
    }
    again = set()
    for command, own in options.items():
        others = set().union(*(each for key, each in options.items() if key != command and key not in again))
        again |= {command} if own <= others and command.split()[0] in DEAR else set()
    for command in options:
        marks = [pytest.mark.nightly] if command in again else []
        yield pytest.param(shlex.split(command), id=command, marks=marks)


def leaves(command: click.Command, *path: str) -> Iterator[tuple[str, click.Command]]:
    """The commands that do something, by all their words; groups do nothing by themselves."""
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from leaves(inner, *path, name)
    else:
        yield " ".join(path), command


LEAVES = dict(leaves(cli))


def split(command: Sequence[str]) -> tuple[str, list[str]]:
    """The words that name a command, and its arguments."""
    words = next((n for n in (1, 2) if " ".join(command[:n]) in LEAVES), 0)
    assert words, f"there is no command {shlex.join(command)}"
    return " ".join(command[:words]), list(command[words:])


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with an engine, the revisions that the documents name, and the files that their commands do."""
    home = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "digipal", home / "digipal", ignore=shutil.ignore_patterns("__pycache__"))
    (home / "my_session.yaml").write_text(blocks(README, "yaml")[0], encoding="utf-8")
    for text in (OPERATIONS, TUTORIAL):
        write_named_blocks(text, home)
    shutil.copy(ROOT / "docs" / "site" / "examples" / "ab.json", home)
    who = ["-c", "user.name=Tai", "-c", "user.email=tai@example.org", "-c", "commit.gpgsign=false"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    for step in ("init --quiet --initial-branch=main", "add .", "commit --quiet --message=engine", "tag v1.2"):
        subprocess.run(["git", *who, *step.split()], cwd=home, env=environment, check=True)
    for file in ("results.json", "before.json", "after.json"):
        shutil.copy(EXAMPLE, home / file)
    runs = [load_result(EXAMPLE).model_copy(update={"name": name}) for name in KEPT]
    store = Store(home / ".digipal-perf")
    for run in runs:
        store.add(run)
    save_baseline("main", runs, store)
    return home


@pytest.fixture
def place(checkout: Path, tmp_path: Path) -> Path:
    """A directory of a test's own with all that the commands of the documents need."""
    return shutil.copytree(checkout, tmp_path / "place")


def perform(arguments: list[str], place: Path) -> subprocess.CompletedProcess[str]:
    """Run Python in a directory, with this checkout's packages."""
    # the summary of the job that runs these tests is not theirs to write
    ours = {name: value for name, value in os.environ.items() if name != JOB_SUMMARY}
    environment = {**ours, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=place, env=environment, capture_output=True, text=True, timeout=60
    )


class TestCommands:
    """What the documents tell people to type."""

    def test_there_are_some(self) -> None:
        assert {split(command)[0] for command in COMMANDS} == set(LEAVES)

    @pytest.mark.slow
    @pytest.mark.parametrize("command", COMMANDS, ids=shlex.join)
    def test_parse(self, command: list[str]) -> None:
        name, arguments = split(command)
        assert LEAVES[name].make_context(name, arguments).command is LEAVES[name]

    @pytest.mark.end_to_end
    @pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
    @pytest.mark.parametrize("command", list(tried()))
    def test_run(self, command: list[str], place: Path, here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
        name, _ = split(command)
        monkeypatch.chdir(place)
        code, output, errors = here(*(FEWER.get(word, word) for word in command), *TINY[name])
        # two iterations are too few for some thresholds of the shipped scenarios, one pair for a self-test, and a
        # single probe may be starved
        too_few = {"run": ExitCode.THRESHOLD_FAILED, "selftest": ExitCode.INVALID, "capacity": ExitCode.INVALID}
        assert code in (ExitCode.PASS, too_few.get(name)), errors
        assert output or errors.startswith("wrote ")

    @pytest.mark.slow
    @pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
    @pytest.mark.parametrize("command", [each for each in CHEAP if split(each)[0] not in TINY], ids=shlex.join)
    def test_those_without_an_engine_run(
        self, command: list[str], place: Path, here: Here, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name, arguments = split(command)
        if name == "init":  # the files that later commands read are there already
            (place / f"{arguments[-1]}.yaml").unlink(missing_ok=True)
        monkeypatch.chdir(place)
        code, output, errors = here(*command)
        assert code == ExitCode.PASS, errors
        assert output or errors.startswith("wrote ")

    def test_make_targets_exist(self) -> None:
        targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
        named = set(re.findall(r"`make ([\w-]+)", "\n".join(DOCUMENTS.values())))
        assert named
        assert named <= targets


def shell_lines(document: Any) -> Iterator[str]:
    """The lines of a CI system's file that a shell is given."""
    match document:
        case dict():
            for key, value in document.items():
                yield from shell_lines(value) if key not in ("path", "paths", "name") else ()
        case list():
            yield from chain.from_iterable(map(shell_lines, document))
        case str():
            yield from document.splitlines()


def written_by(command: Sequence[str]) -> Iterator[str]:
    """The files that a command's options name."""
    yield from (value for option, value in pairwise(command) if option in ("--json", "--html", "--junit"))


class TestCi:
    """The jobs of docs/ci.md: they parse, and what they run exists."""

    JOBS = tuple(yaml.safe_load(block) for block in blocks(CI, "yml"))

    @staticmethod
    def commands(job: Any) -> list[list[str]]:
        steps = [step.strip() for line in shell_lines(job) for step in line.split("||")]
        return [shlex.split(step)[1:] for step in steps if step.startswith("digipal-perf ")]

    def test_every_command_parses(self) -> None:
        names = []
        for command in chain.from_iterable(map(self.commands, self.JOBS)):
            name, arguments = split(command)
            LEAVES[name].make_context(name, arguments)
            names.append(name)
        assert names == ["run", "run", "run", "ab", "report"] * 2 + ["run", "trend"]

    @pytest.mark.parametrize(("at", "of"), [(0, "GitHub"), (1, "GitLab")])
    def test_every_file_is_kept(self, at: int, of: str) -> None:
        job = self.JOBS[at]
        kept = (
            job["jobs"]["performance"]["steps"][-1]["with"]["path"].split()
            if of == "GitHub"
            else job["performance"]["artifacts"]["paths"]
        )
        assert kept == list(chain.from_iterable(map(written_by, self.commands(job))))

    def test_steps_are_shown_that_a_failure_does_not_skip(self) -> None:
        steps = self.JOBS[0]["jobs"]["performance"]["steps"]
        gate = next(at for at, step in enumerate(steps) if step.get("name") == "Quick scenarios")
        assert all("!cancelled()" in step["if"] for step in steps[gate + 1 :])
        assert self.JOBS[1]["performance"]["artifacts"]["when"] == "always"


class TestReadme:
    """The first page."""

    def test_is_short(self) -> None:
        assert len(README.splitlines()) <= 120

    def test_counts_the_quick_scenarios(self) -> None:
        quick = [path for path in shipped_scenarios() if "quick" in load_scenario(path).tags]
        assert len(quick) == 11
        assert "eleven scenarios tagged `quick`" in README


class TestLinks:
    """Documents lead to one another."""

    @pytest.mark.slow
    @pytest.mark.parametrize(("name", "link"), LINKS)
    def test_lead_somewhere(self, name: str, link: str) -> None:
        file, _, anchor = link.partition("#")
        target = (ROOT / name).parent / file if file else ROOT / name
        assert target.exists()
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8"))

    def test_pictures_are_shown_and_small(self) -> None:
        shown = {Path(link).name for _, link in LINKS if link.endswith((".png", ".svg"))}
        sizes = {path.name: path.stat().st_size for path in (ROOT / "docs" / "pictures").iterdir()}
        assert set(sizes) == shown
        assert max(sizes.values()) < 200_000

    @pytest.mark.parametrize("name", DOCUMENTS)
    def test_named_files_exist(self, name: str) -> None:
        named = re.findall(r"`((?:digipal|perfcli|scenarios|tests)/[\w./-]*)`", DOCUMENTS[name])
        assert [file for file in named if not (ROOT / file).exists()] == []


def anchors(text: str) -> set[str]:
    """The anchors that a host of Markdown gives to headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


class TestScenarioFiles:
    """Examples validate."""

    @pytest.mark.parametrize(("text", "example"), EXAMPLES)
    def test_examples_validate(self, text: str, example: str, tmp_path: Path) -> None:
        file = tmp_path / "example.yaml"
        file.write_text(example, encoding="utf-8")
        for named in (OPERATIONS, text):
            write_named_blocks(named, tmp_path)
        assert load_scenario(file).thresholds

    @pytest.mark.end_to_end
    def test_the_long_example_runs(self, tmp_path: Path, here: Here) -> None:
        (tmp_path / "rush.yaml").write_text(blocks(SCENARIOS, "yaml")[0], encoding="utf-8")
        code, _, errors = here("run", "rush.yaml", "--quiet", *TINY["run"])
        assert code in (ExitCode.PASS, ExitCode.THRESHOLD_FAILED), errors


class TestOperations:
    """The functions of docs/operations.md run as they stand."""

    @pytest.mark.end_to_end
    @pytest.mark.parametrize("file", ["renaming.yaml", "visiting.yaml", "feeding.yaml"])
    def test_its_scenarios_pass(self, file: str, tmp_path: Path, here: Here) -> None:
        assert file in write_named_blocks(OPERATIONS, tmp_path)
        _, told, _ = here("run", f"./{file}", "--json", "result.json")
        (run,) = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
        assert (run["total"]["failed"], run["total"]["ok"] > 0, run["integrity"]["lost"] or 0) == (0, True, 0), told
        # others may take too much of the CPU for a threshold on time
        late = {rule["expr"].split(" ")[0] for rule in run["thresholds"] if not rule["passed"]}
        assert late <= {"rename.latency.p95", "visit.service_time.p50"}, told


class TestPython:
    """docs/python.md runs as it stands."""

    @pytest.mark.end_to_end
    @pytest.mark.parametrize("file", ["first_run.py", "reading.py", "compare_sizes.py"])
    def test_its_scripts_run(self, file: str, tmp_path: Path) -> None:
        assert file in write_named_blocks(DOCUMENTS["docs/python.md"], tmp_path)
        done = perform([file], tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout

    def test_its_arguments_are_those_of_run_scenario(self) -> None:
        listed = " ".join(row[0] for row in rows(DOCUMENTS["docs/python.md"].partition("\n## ")[0]))
        assert set(re.findall(r"\w+", listed)) == set(signature(run_scenario).parameters) - {"scenario"}


class TestReference:
    """Operators are those of the code."""

    def test_operators(self) -> None:
        assert set(re.findall(r"`([<>=!]+)`", section(SCENARIOS, "Thresholds"))) == set(OPERATORS)


class TestResults:
    """docs/results.md describes the JSON as it is."""

    def test_the_schema_version_is_told(self) -> None:
        assert f"`schema_version` is {results.SCHEMA_VERSION}." in section(RESULTS, "Schema version")

    @pytest.mark.slow
    def test_the_python_example_runs(self, tmp_path: Path) -> None:
        shutil.copy(EXAMPLE, tmp_path / "results.json")
        done = perform(["-c", *blocks(RESULTS, "python")], tmp_path)
        assert done.stdout == "database_query pass 0 failed\n", done.stderr

    @pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
    def test_the_jq_example_runs(self, tmp_path: Path) -> None:
        twice = json.loads(EXAMPLE.read_text(encoding="utf-8")) * 2
        (tmp_path / "results.json").write_text(json.dumps(twice), encoding="utf-8")
        command = shlex.split(next(block for block in blocks(RESULTS, "sh") if block.startswith("jq")))
        told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        assert told.startswith("database_query\tpass\t")
        assert len(told.splitlines()) == 2


class TestRegression:
    """docs/regression.md tells the rules as the code has them."""

    def test_how_many_pairs(self) -> None:
        told = f"{PINNED.least}, then looked at after every {PINNED.step}, at most {PINNED.most}"
        assert told in section(REGRESSION, "How many pairs")
        assert f"there are {UNPINNED.least} to {UNPINNED.most} pairs" in section(REGRESSION, "A pair")

    def test_what_a_pair_is_made_of(self) -> None:
        slices = f"{SLICES} slices of about {SLICE_NS // 1_000_000} ms"
        assert slices in section(REGRESSION, "A pair")

    def test_every_metric_has_its_margin(self) -> None:
        margins = {name: metric.margin.partition(",")[0] for name, metric in COMPARED_METRICS.items()}
        named = MetricComparison.model_fields["name"].description or ""
        assert [*re.findall(r"[\w.]+", named.replace(" or ", " "))] == [*margins]
        assert margins.pop("OPERATION.p99") == f"{TAIL_MARGIN:.0%}"
        assert set(margins.values()) == {f"{MARGIN:.0%}"}

    def test_when_it_is_sure(self) -> None:
        assert f"is at most {gate.ALPHA}" in section(REGRESSION, "The verdict")
        told = section(REGRESSION, "Baselines")
        assert f"is at least {compare.MARGIN:.0%}" in told
        assert f"surely more than {compare.SURELY:.0%}" in told
        assert f"is below {compare.ALPHA}" in told

    def test_how_few_pairs_prove_nothing(self) -> None:
        least = next(pairs for pairs in range(1, 20) if signed_rank_p([1.0] * pairs) <= gate.ALPHA)
        assert f"Fewer than {least} pairs prove nothing" in section(REGRESSION, "Limits")

    def test_every_source_is_named(self) -> None:
        rooms = {path.stem for path in (ROOT / "perfcli" / "inference").glob("*.py")} - {"__init__"}
        assert set(re.findall(r"`(\w+)`", section(REGRESSION, "Sources"))) == rooms


class TestHouse:
    """The rooms and the dependencies."""

    def test_every_dependency_has_its_reason(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        extras = project["project"]["optional-dependencies"].values()
        needed = [*project["project"]["dependencies"], *project["build-system"]["requires"], *chain(*extras)]
        reasons = {row[0]: row[1] for row in rows(section(DOCUMENTS["CONTRIBUTING.md"], "Dependencies"))}
        names = {re.split(r"[^\w-]", requirement)[0] for requirement in needed}
        assert set(reasons) == names - {project["project"]["name"]}
        assert all(reasons.values())

    def test_every_dependency_has_its_version(self) -> None:
        def names(written: Iterable[str]) -> set[str]:
            return {name.lower().replace("_", "-") for name in written}

        pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()[1:]
        reasons = rows(section(DOCUMENTS["CONTRIBUTING.md"], "Dependencies"))
        assert names(row[0] for row in reasons) <= names(pin.partition("==")[0] for pin in pins)

    def test_the_version_of_the_changelog_is_that_of_the_project(self) -> None:
        newest = re.search(r"^## ([\d.]+)", DOCUMENTS["CHANGELOG.md"], re.MULTILINE)
        assert newest is not None
        assert newest[1] == VERSION
        assert len(DOCUMENTS["CHANGELOG.md"].splitlines()) <= 40


def test_the_complete_examples_show_every_key_and_explain_themselves() -> None:
    alone, in_phases = blocks(SCENARIOS, "yaml")
    assert alone.count("#") >= 10
    assert set(yaml.safe_load(alone)) | set(yaml.safe_load(in_phases)) == set(Scenario.model_fields)
