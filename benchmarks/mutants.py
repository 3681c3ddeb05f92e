"""How many small changes of the code its tests notice: a random sample of mutants, each tested by itself.

    python benchmarks/mutants.py perfcli/agent/vu.py perfcli/operations --sample 100 > sample.txt
    python benchmarks/mutants.py perfcli/agent/vu.py perfcli/operations --sample 100 --again sample.txt

Each mutant is a change of one place in a copy of the checkout. Test files run in the order of how few imports lie
between them and the changed file: quick tests first, then the slow ones of the nearest files. Read the survivors: some
change nothing that anyone could see, and tests farther away notice others. `--again` repeats those of an output:
with `--near 60` on more test files, with `--end-to-end` on whole runs, too.
`--part 3/20` tests the third of 20 parts of the sample: a long sample can stop between parts and go on later.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent
NEAR_TEST_FILES: Final = 16
QUICK: Final = "not slow and not nightly"
SLOW: Final = "slow and not nightly and not alone"
END_TO_END: Final = ["tests/perfcli/test_simulated_runs.py", "tests/perfcli/test_end_to_end.py"]
PYTEST: Final = [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", "--timeout=60", "-m"]
_COMPARISONS: Final = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_ARITHMETIC: Final = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.BitOr: ast.BitAnd}


class Mutant(NamedTuple):
    """One change: what stands there, and what is to."""

    file: str
    line: int
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.before}  →  {self.after}"


def changes_of(node: ast.AST) -> Iterator[ast.AST]:
    """What a node may become: another comparison, number, condition, result or order, or nothing."""
    match node:
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
        case ast.If() | ast.IfExp() | ast.While():
            changed = copy.copy(node)
            changed.test = ast.UnaryOp(ast.Not(), node.test)
            yield changed
        case ast.Call(ast.Name("min" | "max")):
            pass  # the order of these does not matter
        case ast.Call(args=[first, second, *others]):
            yield ast.Call(node.func, [second, first, *others], node.keywords)
        case ast.Return(value=ast.expr()):
            yield ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise() | ast.Continue() | ast.Break() | ast.Delete():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()
        case _:
            yield from _other_operators(node)


def _other_operators(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in _COMPARISONS:
            yield ast.Compare(node.left, [_COMPARISONS[type(operator)]()], node.comparators)
        case ast.BoolOp():
            yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.BinOp() if type(node.op) in _ARITHMETIC:
            yield ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)


def mutants_of(file: str, source: str) -> Iterator[Mutant]:
    """Every changed source, one change each; annotations and decorators stay."""
    tree = ast.parse(source)
    decorated = [top for each in ast.walk(tree) for top in getattr(each, "decorator_list", ())]
    decorators = {id(inner) for top in decorated for inner in ast.walk(top)}
    for parent in [each for each in ast.walk(tree) if not isinstance(each, (ast.AnnAssign, ast.arg))]:
        if id(parent) in decorators:
            continue
        for name, value in ast.iter_fields(parent):
            if name in ("returns", "decorator_list"):
                continue
            children = value if isinstance(value, list) else [value]
            for at, child in enumerate(children):
                for changed in changes_of(child) if isinstance(child, ast.AST) else ():
                    setattr(
                        parent, name, [*children[:at], changed, *children[at + 1 :]] if value is children else changed
                    )
                    mutated = ast.unparse(ast.fix_missing_locations(tree))
                    setattr(parent, name, value)
                    # a number alone says little: the line that it stands on says more
                    shown = [ast.unparse(each).split("\n")[0] for each in (child, changed)]
                    line = getattr(child, "lineno", 0)
                    if isinstance(child, ast.Constant):
                        shown[0] = f"{shown[0]} in {source.splitlines()[line - 1].strip()}"
                    yield Mutant(file, line, *shown, mutated)


@cache
def imported_by(root: Path) -> Mapping[str, frozenset[str]]:
    """Which files import each file, directly; paths from the root."""
    files = [str(each.relative_to(root)) for room in ("perfcli", "tests") for each in root.joinpath(room).rglob("*.py")]
    modules = {file.removesuffix(".py").removesuffix("/__init__").replace("/", "."): file for file in files}
    importers: dict[str, set[str]] = {file: set() for file in files}
    for file in files:
        for node in ast.walk(ast.parse(root.joinpath(file).read_text(encoding="utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
            if isinstance(node, ast.ImportFrom):
                names = [str(node.module), *(f"{node.module}.{each}" for each in names)]
            for name in names:
                if name in modules:
                    importers[modules[name]].add(file)
    return {file: frozenset(each) for file, each in importers.items()}


def nearest_tests(root: Path, file: str) -> list[str]:
    """The test files that reach a file through imports, nearest first, and those of its room; its namesake leads."""
    importers, named, room = imported_by(root), f"/test_{Path(file).stem}", "tests/" + str(Path(file).parent)
    distances, reached = {file: 0}, [file]
    for at in reached:
        for importer in importers.get(at, ()):
            if importer not in distances:
                distances[importer] = distances[at] + 1
                reached.append(importer)
    tests = [each for each in importers if Path(each).name.startswith("test_")]
    near = [each for each in tests if each in distances or str(Path(each).parent) == room]
    return sorted(near, key=lambda test: (named not in test, distances.get(test, 1), not test.startswith(room), test))


class Tests:
    """The tests of a copy of the checkout.

    Args:
        limit_s: how long those of one mutant may take.
        near: how many of the nearest test files to run; of slow tests, those of a quarter of them.
        end_to_end: test files to run besides the nearest.
    """

    def __init__(self, root: Path, limit_s: float, near: int, end_to_end: Sequence[str]) -> None:
        self._root = root
        self._limit_s = limit_s
        self._most = {QUICK: near, SLOW: near // 4}
        self._end_to_end = end_to_end
        self._passes: dict[str, bool] = {}

    def killer(self, mutant: Mutant) -> str:
        """The test that fails, or "" if none does; tests that never end kill, if they end without the change."""
        path = self._root / mutant.file
        before = path.read_text(encoding="utf-8")
        nearest = nearest_tests(self._root, mutant.file)
        for kind, most in self._most.items():
            tests = list(dict.fromkeys([*nearest[:most], *(() if kind == QUICK else self._end_to_end)]))
            failed = "?" if tests else ""
            while failed:
                path.write_text(mutant.source, encoding="utf-8")
                failed = self._failed(kind, tests)
                path.write_text(before, encoding="utf-8")
                if failed and self._passes_unchanged(kind, tests, failed):
                    return failed
                if not failed.startswith("tests/"):
                    break  # they take as long, or end as badly, without the change: they say nothing of it
        return ""

    def _passes_unchanged(self, kind: str, tests: Sequence[str], failed: str) -> bool:
        if not failed.startswith("tests/"):
            return not self._failed(kind, tests)
        if failed not in self._passes:
            self._passes[failed] = not self._failed(kind, [failed])
        return self._passes[failed]

    def _failed(self, kind: str, tests: Sequence[str]) -> str:
        """The first of the tests that fails; those that fail without a change are left out."""
        left_out = [test for test, passes in self._passes.items() if not passes]
        files = [test for test in tests if test not in left_out]
        if not files:
            return ""
        environment = os.environ | {"PYTHONPATH": str(self._root), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [*PYTEST, kind, *(f"--deselect={test}" for test in left_out), *files]
        try:
            done = subprocess.run(
                command, cwd=self._root, env=environment, capture_output=True, text=True, timeout=self._limit_s
            )
        except subprocess.TimeoutExpired:
            return f"more than {self._limit_s:g} s"
        if done.returncode in (0, 5):  # 5: none of these tests is of this kind
            return ""
        failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - |$)", done.stdout, re.MULTILINE)
        return failed[1] if failed else f"pytest ended with {done.returncode}"


def sample_of(mutants: Sequence[Mutant], size: int, seed: int, again: Path | None) -> list[Mutant]:
    """The mutants to test."""
    if again is None:
        return random.Random(seed).sample(mutants, min(size, len(mutants)))
    survivors = {line.removeprefix("survived ") for line in again.read_text(encoding="utf-8").splitlines()}
    return [mutant for mutant in mutants if str(mutant) in survivors]


def part(text: str) -> slice:
    """Which mutants of a sample to test: "3/20" is every 20th from the third on.

    Raises:
        ValueError: no such part.
    """
    number, parts = map(int, text.split("/"))
    if not 1 <= number <= parts:
        raise ValueError(text)
    return slice(number - 1, None, parts)


def main() -> None:
    """Print what became of each mutant, then the share of the killed by file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("code", nargs="+", help="files or directories")
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", type=part, default=slice(None), metavar="N/M", help="test a part of the sample")
    parser.add_argument("--limit", type=float, default=120, help="seconds for the tests of one mutant")
    parser.add_argument("--near", type=int, default=NEAR_TEST_FILES, help="how many test files of each mutant to run")
    parser.add_argument("--end-to-end", action="store_true", help="run the tests of whole runs, too")
    parser.add_argument("--again", type=Path, metavar="OUTPUT", help="repeat the survivors of an earlier output")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        root = Path(folder, "checkout")
        shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        paths = [file for code in options.code for file in sorted(root.joinpath(code).rglob("*.py")) or [root / code]]
        mutants = [
            mutant
            for path in dict.fromkeys(paths)
            for mutant in mutants_of(str(path.relative_to(root)), path.read_text(encoding="utf-8"))
        ]
        tests = Tests(root, options.limit, options.near, END_TO_END if options.end_to_end else [])
        tested, killed = Counter[str](), Counter[str]()
        for mutant in sample_of(mutants, options.sample, options.seed, options.again)[options.part]:
            test = tests.killer(mutant)
            tested[mutant.file] += 1
            killed[mutant.file] += bool(test)
            print(f"killed   {mutant}  by {test}" if test else f"survived {mutant}", flush=True)
    for file, number in sorted(tested.items()):
        print(f"{killed[file]:4} of {number:3} killed  {file}")
    share = killed.total() / max(1, tested.total())
    print(f"{killed.total()} of {tested.total()} mutants killed ({share:.0%}), drawn from {len(mutants)}")


if __name__ == "__main__":
    main()
