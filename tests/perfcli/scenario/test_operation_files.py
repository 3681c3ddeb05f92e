"""Files of own operations are found beside the scenario or as modules, and read; nothing executes them."""

from __future__ import annotations

import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from perfcli.operations.own.declared import OperationFile
from perfcli.scenario.document import read_document
from perfcli.scenario.node import Node
from perfcli.scenario.operation_files import OwnOperations, read_operation_files
from perfcli.scenario.problems import Location

OPERATION = "from perfcli.operations import Context, operation\n@operation\ndef {name}(ctx: Context): pass\n"
MARKER = "open('executed', 'w').close()\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(path: str, source: str | bytes) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(source.encode() if isinstance(source, str) else source)


def read(listed: str, scenario: str = "s.yaml") -> OwnOperations:
    root, problems = read_document(f"operations: {listed}\n", scenario)
    assert problems == []
    return read_operation_files(root)


def problems_of(listed: str) -> list[str]:
    return list(map(str, read(listed).problems))


def names(own: OwnOperations) -> list[str]:
    assert own.problems == []
    return [operation.name for file in own.files for operation in file.operations]


def test_without_the_key_there_are_no_files() -> None:
    assert read_operation_files(Node.at(Location("s.yaml", 1, 1), {"name": "x"})) == OwnOperations()


def test_a_file_is_looked_for_beside_the_scenario_that_names_it() -> None:
    write("deep/own.py", OPERATION.format(name="rename"))
    (file,) = read("[own.py]", "deep/s.yaml").files
    assert (file.shown, Path(file.path)) == ("own.py", Path.cwd() / "deep/own.py")
    write("other/s.yaml", "")
    assert names(read("[../deep/own.py]", "other/s.yaml")) == ["rename"]
    assert problems_of("[own.py]") == ["s.yaml:1:14: operations[0]: own.py: no such file: check the path"]


def test_what_an_option_names_is_looked_for_in_the_working_directory() -> None:
    write("own.py", OPERATION.format(name="rename"))
    root = Node.at(Location("--set operations=[a/own.py]"), {"operations": ["own.py"]})
    assert names(read_operation_files(root)) == ["rename"]


def test_modules_are_found_without_running_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    write("lib/shop/__init__.py", MARKER)
    write("lib/shop/inner/__init__.py", MARKER)
    write("lib/shop/inner/own.py", MARKER + OPERATION.format(name="a"))
    write("lib/loose/deep/own.py", MARKER + OPERATION.format(name="b"))  # no __init__.py
    write("lib/alone.py", MARKER + OPERATION.format(name="c"))
    write("lib/whole/__init__.py", MARKER + OPERATION.format(name="d"))
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path("lib").resolve())])
    before = set(sys.modules)
    own = read("[shop.inner.own, loose.deep.own, alone, whole]")
    assert names(own) == ["a", "b", "c", "d"]
    assert [file.shown for file in own.files] == ["shop.inner.own", "loose.deep.own", "alone", "whole"]
    assert not {name for name in set(sys.modules) - before if not name.startswith("perfcli.")}
    assert not Path("executed").exists()


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ("own.py", "s.yaml:1:13: operations: expected a list, not 'own.py': write [own.py]"),
        ("{own: 1}", "s.yaml:1:13: operations: expected a list, not a section with keys: write a file, e.g."),
        ("[7]", "s.yaml:1:14: operations[0]: expected the name of a file, not 7: write a file, e.g."),
        ("['']", "s.yaml:1:14: operations[0]: expected the name of a file"),
        (
            "[a-b]",
            "s.yaml:1:14: operations[0]: 'a-b' is neither a file nor a module: write a file, e.g. my_operations.py",
        ),
        (
            "[nowhere.own]",
            "s.yaml:1:14: operations[0]: Python finds no module 'nowhere': install it, or name a file",
        ),
        (
            "[perfcli.nowhere.own]",
            "s.yaml:1:14: operations[0]: Python finds no module 'perfcli.nowhere': install it, or name a file",
        ),
        ("[json.decoder.x]", "s.yaml:1:14: operations[0]: json.decoder is a module, not a package: it holds no 'x'"),
        ("[sys]", "s.yaml:1:14: operations[0]: sys has no source file"),
        (
            "[ours]",
            "s.yaml:1:14: operations[0]: Python finds no module 'ours': install it, or name a file "
            "(did you mean 'ours.py'?)",
        ),
        ("[ours.py, ./ours.py]", "s.yaml:1:23: operations[1]: is the same file as ours.py: remove one"),
        ("[our.py]", "s.yaml:1:14: operations[0]: our.py: no such file (did you mean 'ours.py'?)"),
        ("[folder/]", "s.yaml:1:14: operations[0]: folder: is a directory: name a file in it"),
        ("[folder.py]", "s.yaml:1:14: operations[0]: folder.py: is a directory: name a file in it"),
        ("[broken.py]", "broken.py:2:6: not Python: "),
        ("[latin.py]", "latin.py:2:5: byte 0xe4 is not UTF-8: save the file as UTF-8"),
        (
            "[rot13.py]",
            "s.yaml:1:14: operations[0]: rot13.py: no text encoding is named 'rot13': save",
        ),
        ("[bad_ascii.py]", "bad_ascii.py:2:3: byte 0xe4 is not ascii: save the file as ascii"),
        ("[nul.py]", "s.yaml:1:14: operations[0]: nul.py: is a binary file: byte 2 is NUL"),
        ("[large.py]", "s.yaml:1:14: operations[0]: large.py: is too large: a file of operations has at most 256 KiB"),
        ("[empty.py]", "empty.py:1:1: holds no operation"),
        ("[built_in.py]", "built_in.py:3:5: load_pet is a built-in operation"),
    ],
)
def test_each_mistake_has_its_place(listed: str, message: str) -> None:
    write("ours.py", OPERATION.format(name="rename"))
    write("folder/x", "")
    write("folder.py/x", "")
    write("broken.py", "\ndef f\n")
    write("latin.py", b"\n# a \xe4\n")
    write("rot13.py", b"# coding: rot13\n")
    write("bad_ascii.py", b"# -*- coding: ascii -*-\n# \xe4\n")
    write("nul.py", b"a\0")
    write("large.py", "#" * (256 * 1024 + 1))
    write("empty.py", "")
    write("built_in.py", OPERATION.format(name="load_pet"))
    (problem,) = problems_of(listed)
    assert problem.startswith(message)


@pytest.mark.parametrize(
    "source",
    [
        b"# coding: latin-1\nfrom perfcli.operations import operation\n@operation\ndef f(ctx): 'gr\xfc\xdf'\n",
        b"#!/bin/x\n# vim: set fileencoding=latin-1 :\nimport perfcli.operations\n"
        b"@perfcli.operations.operation\ndef f(ctx): 'gr\xfc\xdf'\n",
        "\ufefffrom perfcli.operations import operation\n@operation\ndef f(ctx): 'grüß'\n".encode(),
        "from perfcli.operations import operation\r\n@operation\r\ndef f(ctx): 'grüß'\r\n".encode(),
        "from perfcli.operations import operation\n@operation\ndef f(ctx): 'grüß'\ns = b'coding: rot13'\n".encode(),
    ],
)
def test_encodings_and_line_ends_of_python_are_read(source: bytes) -> None:
    write("own.py", source)
    own = read("[own.py]")
    assert own.problems == []
    (operation,) = own.files[0].operations
    assert operation.doc == "grüß"
    assert "\r" not in own.files[0].source


def test_the_line_ends_of_a_file_do_not_change_its_digest() -> None:
    write("a.py", OPERATION.format(name="a"))
    write("b.py", OPERATION.format(name="a").replace("\n", "\r\n"))
    assert read("[a.py]").files[0].digest == read("[b.py]").files[0].digest


def test_two_files_that_declare_one_name_are_both_named() -> None:
    write("a.py", OPERATION.format(name="rename"))
    write("b.py", "\n" + OPERATION.format(name="rename"))
    assert problems_of("[a.py, b.py]") == ["b.py:4:5: rename is declared in a.py:3 too: rename one"]


def test_counters_of_one_name_have_one_unit() -> None:
    counters = "@operation(counters={{'letters': '{unit}'}})"
    source = f"from perfcli.operations import operation\n{counters}\ndef {{name}}(ctx): pass\n"
    write("a.py", source.format(unit="count", name="a"))
    write("b.py", source.format(unit="size", name="b"))
    write("c.py", source.format(unit="count", name="c"))
    assert problems_of("[a.py, b.py]") == [
        "b.py:3:5: the counter 'letters' is a size, but a count in a.py:3: rename one"
    ]
    assert names(read("[a.py, c.py]")) == ["a", "c"]


def test_what_is_readable_is_known_beside_mistakes() -> None:
    write("flawed.py", OPERATION.format(name="rename").replace("ctx: Context", "ctx, a"))
    write("broken.py", "def")
    flawed = read("[flawed.py]")
    assert flawed.is_whole
    assert isinstance(flawed.files[0], OperationFile)
    assert not read("[flawed.py, broken.py]").is_whole
    assert len(read("[flawed.py, broken.py]").problems) == 2
    for unreadable in ("nowhere.py", "no.where", "flawed.py, flawed.py"):
        assert not read(f"[{unreadable}]").is_whole


def test_a_module_that_is_no_python_source_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    write(f"lib/compiled{EXTENSION_SUFFIXES[0]}", b"")
    write("lib/bytecode.pyc", b"")
    write("lib/loose/own.py", "")
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path("lib").resolve())])
    place = "s.yaml:1:14: operations[0]: "
    assert problems_of("[compiled]") == [f"{place}compiled has no source file"]
    assert problems_of("[bytecode]") == [f"{place}bytecode has no source file"]
    assert problems_of("[loose]") == [f"{place}loose is a folder without __init__.py: name a module in it"]
