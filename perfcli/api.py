"""For Python users: run a scenario and read results without a command line."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from perfcli.commands.context import Context
from perfcli.commands.options import MOST_SEED, Changes
from perfcli.errors import UsageError
from perfcli.measurement.spilled_samples import spilled_beside
from perfcli.outputs import check_outputs
from perfcli.pool.checkout import choose_engine
from perfcli.report.data_files import check_sample_file, write_samples
from perfcli.results import RunResult, load_results
from perfcli.run.one_run import Counting
from perfcli.run.one_run import run_scenario as run_plan


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

    Prints nothing and handles no signals: Ctrl-C raises KeyboardInterrupt, after the engine process has ended. A failed
    threshold raises nothing: check the result's `verdict`.

    Args:
        scenario: name of a shipped scenario, or path of a file.
        seed: replays the operations of the run with this seed, 0 to 2**63 - 1; None draws a new one.
        workers: number of virtual users (`load.vus`); None keeps the scenario's.
        iterations: number of iterations, whatever the executor; None keeps the scenario's.
        duration: length of the load, e.g. "30s", whatever the executor; None keeps the scenario's.
        settings: keys to change, e.g. `{"setup.pets": 100, "engine.ai.latency": "10ms"}`.
        faults: faults to add to the scenario's, e.g. `{"lock": {"at": "5s", "for": "1s"}}`.
        engine: path of a checkout, or a git revision; "" takes this repository's engine, else the installed one.
        exact: count calls, statements and bytes per operation instead of timing operations.
        samples: file for every sample of the load: .csv, .jsonl or .parquet.

    Returns:
        The result with its verdict. Durations are in ns, sizes in bytes, rates per second, shares from 0 to 1.

    Raises:
        UsageError: the scenario, a key or the engine does not exist, the scenario has a mistake, or the file of
            samples cannot be written.
        PerfError: the engine cannot be checked out, or the samples could not be written.
    """
    if seed is not None and not (isinstance(seed, int) and 0 <= seed <= MOST_SEED):
        raise UsageError(f"seed={seed!r}: expected a whole number from 0 to 2**63 - 1")
    if isinstance(faults, Mapping):
        raise UsageError(f"faults={faults!r:.80}: expected a list", hint=f"write faults=[{faults!r:.80}]")
    changes = Changes(
        workers=workers,
        iterations=iterations,
        duration=None if duration is None else str(duration),
        settings=tuple(f"{key}={_written(value)}" for key, value in (settings or {}).items()),
        seed=seed,
    )
    context, file = Context(), Path(samples) if samples else None
    added = [f"{kind}={json.dumps(written)}" for fault in faults for kind, written in fault.items()]
    plan = context.one_plan(os.fspath(scenario), "run", changes, added)
    if file:
        if exact:
            raise UsageError("exact=True times nothing, so it has no samples: drop exact or samples")
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
    """Read a file that `digipal-perf run --json FILE` wrote, and that holds one result.

    Raises:
        UsageError: the file cannot be read, is not a result, or holds several (use `load_results`).
    """
    results = load_results(path)
    if len(results) > 1:
        names = ", ".join(result.title for result in results)
        raise UsageError(f"{path}: holds {len(results)} results: {names}", hint="use load_results to read all of them")
    return results[0]


def _written(value: object) -> str:
    """A value as `--set` reads it."""
    return value if isinstance(value, str) else json.dumps(value)
