"""For Python users: run a scenario and read results without a command line."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from perfcli.commands.context import Context
from perfcli.commands.options import Changes
from perfcli.errors import UsageError
from perfcli.measurement.spilled_samples import spilled_beside
from perfcli.outputs import check_outputs
from perfcli.pool.checkout import choose_engine
from perfcli.report.sample_file import check_sample_file, write_samples
from perfcli.results import RunResult, load_results
from perfcli.run.one_run import Counting
from perfcli.run.one_run import run_scenario as run_plan

MOST_SEED: Final = 2**63 - 1


def run_scenario(
    scenario: str | Path,
    *,
    seed: int | None = None,
    workers: int | None = None,
    iterations: int | None = None,
    duration: str | None = None,
    settings: Mapping[str, object] | None = None,
    faults: Sequence[Mapping[str, object]] = (),
    engine: str | Path = "",
    exact: bool = False,
    samples: str | Path | None = None,
) -> RunResult:
    """Run one scenario and return its result, as `digipal-perf run` does.

    Nothing is printed, and no signal is handled: Ctrl-C raises KeyboardInterrupt, after the engine process has ended.
    A failed threshold is no exception; look at the result's `verdict`.

    Args:
        scenario: a shipped scenario's name, or a file.
        seed: repeats the operations of a run; drawn if it is None.
        workers: virtual users (`load.vus`).
        iterations: how many, whatever the executor.
        duration: how long, such as "30s", whatever the executor.
        settings: keys to change, such as `{"setup.pets": 100, "engine.ai.latency": "10ms"}`.
        faults: to add to those of the scenario, such as `{"lock": {"at": "5s", "for": "1s"}}`.
        engine: a checkout's path or a git revision; by default this repository's engine, else the installed one.
        exact: count what operations cost instead of timing them.
        samples: a file for every sample of the load: .csv, .jsonl or .parquet.

    Raises:
        UsageError: no such scenario, key or engine, a mistake in the scenario, or no such file can be written.
        PerfError: the engine could not be checked out, or the samples could not be written.
    """
    if seed is not None and not (isinstance(seed, int) and 0 <= seed <= MOST_SEED):
        raise UsageError(f"seed={seed!r}: expected a whole number from 0 to 2**63 - 1")
    changes = Changes(
        workers=workers,
        iterations=iterations,
        duration=duration,
        settings=tuple(f"{key}={_written(value)}" for key, value in (settings or {}).items()),
        seed=seed,
    )
    context, file = Context(), Path(samples) if samples else None
    added = [f"{kind}={json.dumps(written)}" for fault in faults for kind, written in fault.items()]
    plan = context.one_plan(os.fspath(scenario), "run", changes, added)
    if file:
        if exact:
            raise UsageError("exact=True times no operation, so there are no samples: leave one of them out")
        check_sample_file(file, "samples")
        check_outputs({"samples": file}, context.inputs)
    if exact:
        plan = plan.model_copy(update={"seed": plan.counting_seed})
    with choose_engine(os.fspath(engine), "engine") as source, spilled_beside(file) as spilled:
        counting = Counting.ONLY if exact else Counting.IF_ASKED
        result = run_plan(plan, engine=source, counting=counting, spilled=spilled)
        if file and spilled:
            write_samples(spilled, file)
    return result


def load_result(path: str | Path) -> RunResult:
    """Read the one result of a file that `digipal-perf run --json FILE` wrote.

    Raises:
        UsageError: the file cannot be read, is no result, or holds several.
    """
    results = load_results(Path(path))
    if len(results) > 1:
        names = ", ".join(result.title for result in results)
        raise UsageError(f"{path}: holds {len(results)} results: {names}", hint="read them all with load_results")
    return results[0]


def _written(value: object) -> str:
    """A value as `--set` reads it."""
    return value if isinstance(value, str) else json.dumps(value)
