"""Sources of own operations, executed: mistakes come with file and line, and nothing of a folder gets in the way."""

from __future__ import annotations

import linecache
import pickle
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from perfcli.errors import UsageError
from perfcli.operations.own.declared import DeclaredOperation, OperationFile, source_digest
from perfcli.operations.own.loading import LoadedFile, load_files

HEAD = "from perfcli.operations import Context, operation\n"


def file(source: str, *names: str, shown: str = "mine.py", path: str = "/scenarios/mine.py") -> OperationFile:
    text = HEAD + dedent(source)
    operations = tuple(
        DeclaredOperation(name=name, line=4, column=5, doc="", parameters=(), counters={}, is_async=False)
        for name in names
    )
    return OperationFile(shown=shown, path=path, digest=source_digest(text), source=text, operations=operations)


@pytest.fixture(autouse=True)
def _unload() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


RENAME = """
    @operation
    def rename(ctx: Context) -> str:
        return "renamed"
    """


def test_a_function_is_found_by_its_name() -> None:
    assert LoadedFile(file(RENAME, "rename")).functions["rename"](None) == "renamed"


def test_several_files_are_told_apart() -> None:
    other = RENAME.replace("rename(", "other(").replace('"renamed"', '"other"')
    loaded = load_files([file(RENAME, "rename"), file(other, "other")])
    assert loaded["rename"].functions["rename"](None) == "renamed"
    assert loaded["other"].functions["other"](None) == "other"


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("import no_such_module", 2, "ModuleNotFoundError: No module named 'no_such_module'"),
        ("from . import helper", 2, "ImportError: attempted relative import with no known parent package"),
        ("\n\n1 / 0", 4, "ZeroDivisionError: division by zero"),
        ("def f():\n    raise ValueError('no')\nf()", 3, "ValueError: no"),
        ("import sys\nsys.exit(3)", 3, "SystemExit: 3"),
        ("raise KeyboardInterrupt", 2, "KeyboardInterrupt"),
        ("return 3", 2, "not Python: 'return' outside function"),
        ("nonlocal x", 2, "not Python: nonlocal declaration not allowed at module level"),
        ("class E(Exception):\n    def __str__(self): return 1 / 0\nraise E", 4, "E: its text cannot be printed"),
    ],
)
def test_what_fails_at_import_comes_with_its_line(source: str, line: int, message: str) -> None:
    before = set(sys.modules)
    with pytest.raises(UsageError) as caught:
        LoadedFile(file(source))
    assert caught.value.message.startswith(f"mine.py, line {line}: {message}")
    assert not any(name.startswith("_digipal_perf_operations") for name in set(sys.modules) - before)


def test_a_missing_module_says_why_the_folder_is_not_searched() -> None:
    with pytest.raises(UsageError) as caught:
        LoadedFile(file("import helper"))
    assert caught.value.hint.startswith("the file's directory is not on sys.path")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "rename is not a function once the file is imported"),
        ("rename = 3", "rename is not a function once the file is imported"),
        ("def rename(ctx): ...", "rename is no longer the function with @operation"),
        ("@operation\ndef rename(ctx):\n    yield", "rename contains yield, so a call of it would do nothing"),
        ("@operation\nasync def rename(ctx):\n    yield", "rename contains yield, so a call of it would do nothing"),
    ],
)
def test_an_operation_must_be_there_afterwards(source: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        LoadedFile(file(source, "rename"))
    assert caught.value.message.startswith(f"mine.py, line 4: {message}")


def test_a_module_beside_it_shadows_nothing(tmp_path: Path) -> None:
    (tmp_path / "random.py").write_text("raise AssertionError", encoding="utf-8")
    path, before = tmp_path / "mine.py", list(sys.path)
    source = "import random\n@operation\ndef rename(ctx):\n    return random.Random(1).random()"
    assert 0 < LoadedFile(file(source, "rename", path=str(path))).functions["rename"](None) < 1
    assert sys.path == before
    assert "mine" not in sys.modules


def test_dataclasses_and_pickles_work() -> None:
    source = """
        from __future__ import annotations
        from dataclasses import dataclass
        """
    text = dedent(source) + HEAD + "@dataclass\nclass Box:\n    size: int\n@operation\ndef box(ctx): return Box(3)"
    given = file("", "box").model_copy(update={"source": text})
    made = LoadedFile(given).functions["box"](None)
    assert pickle.loads(pickle.dumps(made)) == made


def test_tracebacks_show_the_lines_that_run_though_the_file_changed(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("# something else\n" * 9, encoding="utf-8")
    loaded = LoadedFile(file("@operation\ndef rename(ctx):\n    raise ValueError('no')", "rename", path=str(path)))
    with pytest.raises(ValueError, match="no") as caught:
        loaded.functions["rename"](None)
    linecache.clearcache()
    loaded.remember_lines()
    shown = "".join(traceback.format_exception(caught.value))
    linecache.clearcache()
    assert f'File "{path}", line 4, in rename' in shown
    assert "raise ValueError('no')" in shown


def test_a_file_does_not_inherit_our_future_imports() -> None:
    source = "def f(x: int): ...\n@operation\ndef kinds(ctx): return f.__annotations__"
    assert LoadedFile(file(source, "kinds")).functions["kinds"](None) == {"x": int}
