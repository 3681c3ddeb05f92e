"""How many small changes of the code its tests notice: a random sample of mutants, each tested by itself.

    python benchmarks/mutants.py perfcli/operations/own tests/perfcli/operations tests/perfcli/scenario --sample 100

The first path holds the code, the others its tests, which run on a copy of the checkout. The survivors are printed as
a diff each: read them, as some change nothing that anyone could see.
"""

from __future__ import annotations

import argparse
import ast
import copy
import difflib
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
TIMEOUT_S: Final = 300
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


def changes_of(node: ast.AST) -> Iterator[ast.AST]:
    """What a node may become: another comparison, number, condition or result, or nothing in place of a call."""
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in _COMPARISONS:
            yield ast.Compare(node.left, [_COMPARISONS[type(operator)]()], node.comparators)
        case ast.BoolOp():
            yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.BinOp() if type(node.op) in _ARITHMETIC:
            yield ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.If() | ast.IfExp():
            changed = copy.copy(node)
            changed.test = ast.UnaryOp(ast.Not(), node.test)
            yield changed
        case ast.Return(value=ast.expr()):
            yield ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Call()):
            yield ast.Pass()


def mutants_of(source: str) -> Iterator[str]:
    """Every changed source, one change each; annotations, which nothing reads while it runs, stay."""
    tree = ast.parse(source)
    for parent in [each for each in ast.walk(tree) if not isinstance(each, (ast.AnnAssign, ast.arg))]:
        for name, value in ast.iter_fields(parent):
            if name in ("returns", "decorator_list"):
                continue
            children = value if isinstance(value, list) else [value]
            for at, child in enumerate(children):
                for changed in changes_of(child) if isinstance(child, ast.AST) else ():
                    replaced = [*children[:at], changed, *children[at + 1 :]] if isinstance(value, list) else changed
                    setattr(parent, name, replaced)
                    yield ast.unparse(ast.fix_missing_locations(tree))
                    setattr(parent, name, value)


def survives(file: Path, source: str, tests: list[str], checkout: Path) -> bool:
    """Whether the tests pass with this source in the place of a file; one that never ends does not."""
    before = file.read_text(encoding="utf-8")
    file.write_text(source, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", "-m", "not end_to_end", *tests]
    environment = os.environ | {"PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=checkout, env=environment, capture_output=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    finally:
        file.write_text(before, encoding="utf-8")
    return done.returncode == 0


def main() -> None:
    """Print the survivors, then how many were killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("code")
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        checkout = Path(folder, "checkout")
        shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        code = checkout / options.code
        files = sorted(code.rglob("*.py")) if code.is_dir() else [code]
        mutants = [(file, source) for file in files for source in mutants_of(file.read_text(encoding="utf-8"))]
        random.Random(options.seed).shuffle(mutants)
        sample = mutants[: options.sample]
        killed = 0
        for file, source in sample:
            if not survives(file, source, options.tests, checkout):
                killed += 1
                continue
            plain = ast.unparse(ast.parse(file.read_text(encoding="utf-8")))
            name = str(file.relative_to(checkout))
            print(*difflib.unified_diff(plain.split("\n"), source.split("\n"), name, name, n=1, lineterm=""), sep="\n")
        print(
            f"{killed} of {len(sample)} mutants killed ({killed / max(1, len(sample)):.0%}), of {len(mutants)} in all"
        )


if __name__ == "__main__":
    main()
