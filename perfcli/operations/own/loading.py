"""Executes the sources of own operations: in the engine process, once the engine is open, under private module names.

No folder joins `sys.path`, and no module of a file's name is registered: a `random.py` beside a scenario shadows
nothing. What runs is the copy in the plan, so an edit in the middle of a run changes nothing.
"""

from __future__ import annotations

import inspect
import linecache
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

from perfcli.errors import UsageError
from perfcli.operations.own.context import MARK
from perfcli.operations.own.declared import DeclaredOperation, OperationFile

_PRIVATE: Final = "_digipal_perf_operations"


class LoadedFile:
    """A source that was executed, with its functions and what it declares of them, by name.

    Args:
        number: its place among the files of the scenario, from 0.

    Raises:
        UsageError: it raises while it is imported, or a declared operation is not a function afterwards; with the line.
    """

    def __init__(self, file: OperationFile, number: int = 0) -> None:
        self.shown = file.shown
        self.filename = file.path or file.shown
        self._lines = file.source.splitlines(keepends=True)
        module = self._executed(file, f"{_PRIVATE}_{number}")
        self.declared = {each.name: each for each in file.operations}
        self.functions = {each.name: self._function(module, each) for each in file.operations}

    def remember_lines(self) -> None:
        """Have tracebacks show the lines that run, whatever the file holds by now."""
        size = sum(map(len, self._lines))
        # without a time of change the entry is never compared with the file
        linecache.cache[self.filename] = (size, None, self._lines, self.filename)

    def _executed(self, file: OperationFile, name: str) -> ModuleType:
        module = ModuleType(name)
        module.__file__ = self.filename
        module.__spec__ = ModuleSpec(name, loader=None, origin=self.filename)
        # a module of a package imports its siblings
        module.__package__ = "" if file.shown.endswith(".py") else file.shown.rpartition(".")[0]
        # dataclasses and pickles look their module up
        sys.modules[name] = module
        try:
            code = compile(file.source, self.filename, "exec", dont_inherit=True)
            exec(code, module.__dict__)
        except BaseException as error:
            # code of a user may raise anything, SystemExit and KeyboardInterrupt too
            del sys.modules[name]
            self.remember_lines()
            raise self._mistake(self._line_of(error), _described(error), _hint(error)) from error
        return module

    def _function(self, module: ModuleType, declared: DeclaredOperation) -> Callable[..., Any]:
        function = getattr(module, declared.name, None)
        if not callable(function):
            raise self._mistake(declared.line, f"{declared.name} is not a function once the file is imported")
        if not hasattr(function, MARK):
            raise self._mistake(
                declared.line,
                f"{declared.name} is no longer the function with @operation: another decorator or a later assignment "
                "replaced it; put @operation first",
            )
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise self._mistake(declared.line, f"{declared.name} contains yield, so a call of it would do nothing")
        return function  # type: ignore[no-any-return]

    def _line_of(self, error: BaseException) -> int:
        """The last line of this file that took part."""
        if isinstance(error, SyntaxError) and error.filename == self.filename:
            return error.lineno or 1
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == self.filename]
        return (lines and lines[-1]) or 1

    def _mistake(self, line: int, message: str, hint: str = "") -> UsageError:
        return UsageError(f"{self.shown}, line {line}: {message}", hint=hint)


def load_files(files: Sequence[OperationFile]) -> dict[str, LoadedFile]:
    """The files of a scenario by the names of their operations.

    Raises:
        UsageError: the first mistake.
    """
    loaded: dict[str, LoadedFile] = {}
    for number, file in enumerate(files):
        executed = LoadedFile(file, number)
        loaded.update((operation.name, executed) for operation in file.operations)
    return loaded


def _described(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"not Python: {error.msg}"
    try:
        text = str(error)
    except Exception as unprintable:
        text = f"its text cannot be printed: {type(unprintable).__name__}"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _hint(error: BaseException) -> str:
    """What to do about an import that fails."""
    if not isinstance(error, ImportError):
        return ""
    if "relative import" in str(error):
        return "a file of operations is not part of a package: import modules by their full names"
    return "the file's directory is not on sys.path: install the module, or move its code into the file"
