"""Another engine in the engine process: its package, nothing else of it, and no doubt about which one it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]

PROGRAM = """
import sys
from pathlib import Path
{before}
from perfcli.agent.engine_import import use_engine
from perfcli.errors import PerfError
try:
    with use_engine(Path(sys.argv[1])):
        {during}
except PerfError as error:
    print(type(error).__name__, error.message)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "digipal" / "core").mkdir(parents=True)
    (tmp_path / "digipal" / "__init__.py").write_text("name = 'the other engine'\n", encoding="utf-8")
    (tmp_path / "digipal" / "core" / "__init__.py").write_text("name = 'the other core'\n", encoding="utf-8")
    return tmp_path


def run(checkout: Path, during: str, before: str = "") -> str:
    program = PROGRAM.format(before=before, during=during)
    return subprocess.run(
        [sys.executable, "-c", program, str(checkout)], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_its_package_is_imported_though_ours_is_found_first(checkout: Path) -> None:
    said = run(checkout, "import digipal, digipal.core; print(digipal.name, digipal.core.name, sep=', ')")
    assert said == "the other engine, the other core"


def test_nothing_else_comes_from_its_directory(checkout: Path) -> None:
    for name in ("perfcli", "colorsys"):
        (checkout / name).mkdir()
        (checkout / name / "__init__.py").write_text("raise AssertionError('not this one')\n", encoding="utf-8")
    (checkout / "perfcli" / "recorder.py").write_text("raise AssertionError('not this one')\n", encoding="utf-8")
    said = run(checkout, "import colorsys, perfcli.recorder; print(perfcli.recorder.__file__)")
    assert said == str(ROOT / "perfcli" / "recorder.py")


def test_modules_that_only_it_has_are_found(checkout: Path) -> None:
    (checkout / "digipal_settings.py").write_text("name = 'its settings'\n", encoding="utf-8")
    assert run(checkout, "import digipal_settings; print(digipal_settings.name)") == "its settings"


def test_an_engine_started_as_a_process_is_the_same(checkout: Path) -> None:
    (checkout / "digipal" / "__main__.py").write_text("import digipal; print(digipal.name)\n", encoding="utf-8")
    said = run(
        checkout,
        "import subprocess, tempfile; "
        "subprocess.run([sys.executable, '-m', 'digipal'], cwd=tempfile.gettempdir(), check=True)",
    )
    assert said == "the other engine"


def test_the_engine_of_another_place_is_refused(checkout: Path) -> None:
    said = run(checkout, "import digipal", before="import digipal")
    assert said == (
        f"PerfError the engine of {checkout} was asked for, but digipal was imported from {ROOT}/digipal/__init__.py"
    )


def test_a_package_may_be_a_link_to_another_directory(checkout: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "digipal").symlink_to(checkout / "digipal")
    assert run(linked, "import digipal; print(digipal.name)") == "the other engine"


def test_a_target_that_imports_no_engine_is_well(checkout: Path) -> None:
    assert run(checkout, "pass") == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("name = 1\nraise ValueError('no model')\n", "ValueError: no model (digipal/storage.py, line 2)"),
        ("import sys\nsys.exit('no licence')\n", "SystemExit: no licence (digipal/storage.py, line 2)"),
        ("import no_such_thing\n", "ModuleNotFoundError: No module named 'no_such_thing' (digipal/storage.py, line 1)"),
    ],
)
def test_an_engine_that_cannot_be_imported_says_where(checkout: Path, source: str, said: str) -> None:
    (checkout / "digipal" / "storage.py").write_text(source, encoding="utf-8")
    expected = f"UsageError the engine in {checkout} cannot be imported: {said}"
    assert run(checkout, "import digipal.storage") == expected


def test_an_engine_that_lacks_something_is_named(checkout: Path) -> None:
    said = run(checkout, "from digipal.core import DigiPalCore")
    assert said.startswith(f"UsageError the engine in {checkout} cannot be imported: ImportError: cannot import name")


def test_errors_of_the_tools_own_pass(checkout: Path) -> None:
    assert run(checkout, "raise PerfError('an extra is missing')") == "PerfError an extra is missing"
