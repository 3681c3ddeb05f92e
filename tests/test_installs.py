"""Fresh installs, as users make them: from a wheel, an sdist, pipx and uvx, and the tests beside other plugins."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.test_docs import README, TINY, commands, section, split

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.nightly


class Environment:
    """A virtual environment with nothing in it but what is asked for."""

    def __init__(self, home: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        self._bin = home / "bin"

    def install(self, *what: str, constraints: Path | None = ROOT / "constraints.txt") -> None:
        pinned = ["--constraint", str(constraints)] if constraints else []
        self.run(self._bin.parent, "pip", "install", "--quiet", "--disable-pip-version-check", *pinned, *what)

    def run(self, place: Path, command: str, *arguments: str) -> str:
        """What a command of the environment prints; it must succeed."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        done = subprocess.run(
            [self._bin / command, *arguments], cwd=place, env=ours, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command} {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "venv")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this checkout as git has it, without what was built or cached in it."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            copy = tmp_path / "checkout" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((ROOT / name).read_bytes())
    return tmp_path / "checkout"


@pytest.fixture
def built(environment: Environment, checkout: Path) -> dict[str, Path]:
    """The wheel and the sdist of this checkout, by their suffixes."""
    environment.install("build")
    printed = environment.run(checkout, "python", "-W", "error", "-m", "build")
    assert "warning" not in printed.lower()
    return {path.suffix: path for path in (checkout / "dist").iterdir()}


@pytest.mark.parametrize("suffix", [".whl", ".gz"])
def test_the_readmes_commands_run(
    suffix: str, built: dict[str, Path], environment: Environment, tmp_path: Path
) -> None:
    environment.install(f"digipal-perf[all] @ {built[suffix].as_uri()}")
    place = tmp_path / "elsewhere"
    place.mkdir()
    for command in commands(section(README, "Five minutes")):
        name, _ = split(command)
        if name in ("ab", "capacity"):
            continue  # test_first_hour.py has the repository and the time that they need
        loose = ["--set", "thresholds=[success_rate == 100%]"] if name == "run" else []
        printed = environment.run(place, "digipal-perf", *command, *TINY.get(name, []), *loose)
        assert printed
    assert (place / "report.html").stat().st_size > 1_000_000


def test_the_wheel_holds_all_that_is_read_at_run_time(built: dict[str, Path], checkout: Path) -> None:
    with zipfile.ZipFile(built[".whl"]) as wheel:
        held = set(wheel.namelist())
    files = [path for name in ("digipal", "perfcli") for path in (checkout / name).rglob("*.*")]
    packages = {str(path.relative_to(checkout)) for path in files}
    shipped = {f"perfcli/shipped/{path.name}" for path in (checkout / "scenarios").iterdir()}
    assert packages | shipped == {name for name in held if ".dist-info/" not in name}


@pytest.mark.parametrize("runner", [["pipx", "run", "--spec"], ["uvx", "--from"]], ids=lambda words: words[0])
def test_it_runs_without_an_install(
    runner: list[str], built: dict[str, Path], environment: Environment, tmp_path: Path
) -> None:
    environment.install("pipx", "uv", constraints=None)
    wheel = str(built[".whl"])
    assert "Commands:" in environment.run(tmp_path, *runner, wheel, "digipal-perf", "--help")
    assert "PASS" in environment.run(tmp_path, *runner, wheel, "digipal-perf", "run", "pet_creation")


@pytest.mark.parametrize(
    ("pytest_version", "asyncio_version"),
    # 0.21 to 0.24 warn of settings that they lack while pytest starts
    [("<8.4", "==0.21.2"), ("<8.4", "==0.23.8"), ("<8.4", "==0.24.0"), ("", "")],
    ids=["asyncio-0.21", "asyncio-0.23", "asyncio-0.24", "newest"],
)
def test_beside_other_plugins(
    pytest_version: str, asyncio_version: str, environment: Environment, checkout: Path, tmp_path: Path
) -> None:
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("".join(pin for pin in pins if not pin.startswith("pytest==")), encoding="utf-8")
    environment.install(
        "--editable",
        f"{checkout}[test]",
        f"pytest{pytest_version}",
        f"pytest-asyncio{asyncio_version}",
        *("pytest-cov", "pytest-mock", "pytest-randomly"),
        constraints=constraints,
    )
    quick_validation = "tests/test_performance_benchmarks.py::TestPerformanceBenchmarks"
    environment.run(checkout, "python", "-m", "pytest", quick_validation, "-v", "-s")
    told = environment.run(
        checkout, "python", "-m", "pytest", "-q", "-m", "not slow and not nightly", "--cov=perfcli", "--cov-report="
    )
    assert " passed" in told
