"""Baselines: runs to compare with, by a name in the store or in a file of results."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from perfcli.errors import UsageError, Verdict, nearest
from perfcli.history.compare import compare
from perfcli.history.kept_runs import KeptRun, kept_run
from perfcli.history.store import Store, read_all, read_runs, without_places
from perfcli.outputs import check_folder, check_outputs
from perfcli.results import BaselineComparison, RunResult, save_results
from perfcli.results.observed import Record

BASELINES_SCHEMA_VERSION: Final = 1
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SUFFIX: Final = ".json"
_MOST_NAMED: Final = 5
_HOW_TO_SAVE: Final = "digipal-perf run SCENARIO --save, then digipal-perf baseline save NAME"


@dataclass(frozen=True, slots=True)
class Baseline:
    """One run of each of some scenarios, in a sweep of each variation, under a name."""

    name: str
    runs: tuple[RunResult, ...]

    def judge(self, result: RunResult, *, strict: bool = False) -> BaselineComparison:
        """A run against the one of the same scenario and variation; incomparable if there is none."""
        for run in self.runs:
            if run.series == result.series:
                return compare(run, result, name=self.name, strict=strict)
        of_scenario = [run for run in self.runs if run.name == result.name]
        titles = [run.title for run in of_scenario or self.runs]
        more = [f"{len(titles) - _MOST_NAMED} more"] if len(titles) > _MOST_NAMED else []
        held = ", ".join([*titles[:_MOST_NAMED], *more])
        reason = f"the baseline has no run of {result.title}, only of {held}"
        return BaselineComparison(name=self.name, change="incomparable", reasons=[reason], strict=strict)


class ListedBaseline(Record):
    """A baseline, with what the history shows of its runs."""

    name: str = Field(description="the baseline's name")
    runs: list[KeptRun] = Field(description="one run per scenario")


class BaselineList(Record):
    """The baselines of a store; `baseline list --json` writes it."""

    kind: Literal["baselines"] = Field(default="baselines", description="identifies the kind of file")
    schema_version: Literal[1] = Field(
        default=BASELINES_SCHEMA_VERSION, description="version of the format; see docs/results.md#schema-version"
    )
    baselines: list[ListedBaseline] = Field(description="baselines, by name")


def read_baseline(text: str, store: Store) -> Baseline:
    """The baseline of a name in the store; of a file, where the text has a slash or ends in .json.

    Raises:
        UsageError: there is none, or it cannot be read.
    """
    path = baseline_file(text, store)
    return Baseline(path.name if _is_file(text) else text, one_of_each(read_runs(path), path))


def baseline_file(text: str, store: Store) -> Path:
    """The file of a baseline, as `read_baseline` finds it.

    Raises:
        UsageError: there is none of that name.
    """
    return Path(os.path.expanduser(text)) if _is_file(text) else _existing(text, store)


def baseline_of(name: str, store: Store) -> Path | None:
    """The file of the baseline of a name; None if there is none."""
    path = store.baselines / f"{name}{_SUFFIX}"
    return path if _NAME.fullmatch(name) and path.exists() else None


def _is_file(text: str) -> bool:
    return "/" in text or text.endswith(_SUFFIX)


def save_baseline(
    name: str, runs: Sequence[RunResult], store: Store, *, force: bool = False, results: Path | None = None
) -> tuple[Path, bool]:
    """Keep one run of each scenario under a name; what had it before is replaced.

    Args:
        results: the file that the runs were read from, which must not be replaced.

    Returns:
        Its file, and whether it replaced another.

    Raises:
        UsageError: the name is none, a run is no measure for others (unless forced), or it cannot be written.
    """
    path = _file_of(name, store)
    unfit = [f"{run.title}: {reason}" for run in runs if (reason := _why_unfit(run))]
    if unfit and not force:
        raise UsageError(
            f"baseline {name} not saved, because later runs would be compared with:\n  " + "\n  ".join(unfit),
            hint="save a run that passed, or add --force",
        )
    replaces = path.exists()
    check_folder(store.baselines, "--store")
    check_outputs({f"baseline {name}": path}, [results] if results else [])
    save_results([without_places(run) for run in one_of_each(runs, path)], path)
    return path, replaces


def list_baselines(store: Store) -> tuple[list[Baseline], list[str]]:
    """All baselines of the store by name, and complaints about files that cannot be read."""
    files, complaints = read_all(store.baselines, read_runs)
    return [Baseline(path.stem, tuple(runs)) for path, runs in files], complaints


def listed(baselines: Sequence[Baseline]) -> BaselineList:
    """What is told of baselines, as a document."""
    return BaselineList(
        baselines=[ListedBaseline(name=each.name, runs=list(map(kept_run, each.runs))) for each in baselines]
    )


def remove_baseline(name: str, store: Store) -> Path:
    """Remove a baseline, also one that cannot be read; return its file.

    Raises:
        UsageError: there is none of that name, or it cannot be removed.
    """
    path = _existing(name, store)
    try:
        path.unlink()
    except OSError as error:
        raise UsageError(f"{path}: cannot remove the baseline: {error.strerror}") from error
    return path


def newest_runs(runs: Sequence[RunResult]) -> list[RunResult]:
    """Of saved runs, oldest first, the last of each scenario and variation among those of the last one's engine.

    Raises:
        UsageError: there is none.
    """
    if not runs:
        raise UsageError("no saved run to make a baseline of", hint=_HOW_TO_SAVE)
    version = runs[-1].version
    return list({run.series: run for run in runs if run.version == version}.values())


def _existing(name: str, store: Store) -> Path:
    path = _file_of(name, store)
    if path.exists():
        return path
    known = sorted(each.stem for each in store.baselines.glob(f"[!.]*{_SUFFIX}"))
    meant = nearest(name, known)
    hint = f"save one: {_HOW_TO_SAVE}. To name a result file, write its path: ./results.json"
    raise UsageError(
        f"no baseline {name} in {store.directory}: it has {', '.join(known) or 'none yet'}",
        hint=f"did you mean {meant}?" if meant else hint,
    )


def check_name(name: str) -> None:
    """See that a baseline can have a name.

    Raises:
        UsageError: it cannot.
    """
    if not _NAME.fullmatch(name) or name.endswith(_SUFFIX):
        raise UsageError(
            f"{name!r:.80} is not a name for a baseline",
            hint="use up to 64 letters, digits, dots, _ and -, starting with a letter or digit, "
            f"and not ending in {_SUFFIX}, which names a file",
        )


def _file_of(name: str, store: Store) -> Path:
    check_name(name)
    return store.baselines / f"{name}{_SUFFIX}"


def one_of_each(runs: Sequence[RunResult], path: Path) -> tuple[RunResult, ...]:
    """The runs of a file.

    Raises:
        UsageError: several are of one scenario and variation.
    """
    for run in runs:
        if sum(other.series == run.series for other in runs) > 1:
            raise UsageError(
                f"{path}: it holds several runs of {run.title}, so the one to compare is ambiguous",
                hint="use a file with one run of each scenario and variation",
            )
    return tuple(runs)


def _why_unfit(run: RunResult) -> str:
    """Why other runs should not be measured by this one; "" where they may."""
    if run.verdict is not Verdict.PASS:
        return "; ".join([f"its verdict is {run.verdict}", *run.reasons])
    if run.exact is not None:
        return ""
    if not any(run.slices.values()):
        return "it has no slices to compare: an older digipal-perf wrote it, or no operation succeeded"
    if run.reference_ns is None:
        return "the reference kernel never ran, so its times cannot be normalised"
    return ""
