"""How each metric of the catalog is computed: what its meaning leaves open, for `digipal-perf explain`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a metric is computed, a threshold on it, and the heading of docs/methodology.md that tells more."""

    computed: str
    example: str
    section: str


EXPLANATIONS: Final = {
    "latency": Explanation(
        "perf_counter_ns, read before and after the engine's own call; with an arrival rate counted from the "
        "time the call was due. Percentiles interpolate between order statistics; operations that failed are "
        "left out",
        "latency.p99 < 100ms",
        "time",
    ),
    "service_time": Explanation(
        "perf_counter_ns, read before and after the engine's own call, whenever it was due; equal to latency "
        "without an arrival rate",
        "service_time.p99 < 100ms",
        "time",
    ),
    "success_rate": Explanation(
        "right answers over operations tried; what comes back is checked, outside the timed part",
        "success_rate >= 99%",
        "answers",
    ),
    "error_rate": Explanation(
        "operations that raised, timed out or answered wrongly, over operations tried",
        "error_rate < 1%",
        "answers",
    ),
    "timeouts": Explanation(
        "counts a TimeoutError of the engine, and steps that were given up after their timeout",
        "timeouts == 0",
        "answers",
    ),
    "throughput": Explanation(
        "successful operations over the duration, pauses between iterations and planned rests included",
        "throughput > 500/s",
        "time",
    ),
    "degradation": Explanation(
        "median of the last fifth of the operations over that of the first, less 1; made in time and in units"
        " of the reference kernel, of which the lesser counts. A fifth needs 5 samples",
        "degradation < 50%",
        "degradation",
    ),
    "growth.ratio": Explanation(
        "ten parts of equal count in the order of time; the last part's median over the first's. The scenario"
        " needs growth: {over: pets} or {over: interactions}",
        "growth.ratio < 2.5",
        "growth-of-cost",
    ),
    "growth.exponent": Explanation(
        "the b of cost = a + c * size ** b through the medians of ten parts, by Theil-Sen. The scenario needs"
        " growth: {over: pets} or {over: interactions}",
        "growth.exponent < 0.5",
        "growth-of-cost",
    ),
    "iterations": Explanation(
        "counted where the last step of a pass is over",
        "iterations >= 1000",
        "load-models",
    ),
    "dropped_iterations": Explanation(
        "iterations that were due while every vu was busy, and for which none was free up to 100 ms after the end",
        "dropped_iterations == 0",
        "load-models",
    ),
    "interrupted_iterations": Explanation(
        "iterations that vus were still in when graceful_stop was over",
        "interrupted_iterations == 0",
        "load-models",
    ),
    "schedule_lag": Explanation(
        "actual start of an iteration less the time it was due, of an arrival rate",
        "schedule_lag.p99 < 50ms",
        "load-models",
    ),
    "offered_rate": Explanation(
        "iterations that were due over the length of the phases with an arrival rate",
        "offered_rate >= 20/s",
        "load-models",
    ),
    "achieved_rate": Explanation(
        "iterations that were done over the length of the phases with an arrival rate, or over their time "
        "where they ran longer",
        "achieved_rate >= 19/s",
        "load-models",
    ),
    "delivery": Explanation(
        "achieved_rate over offered_rate; below 98% a run is invalid where no threshold says how much may be missing",
        "delivery >= 99%",
        "load-models",
    ),
    "duration": Explanation(
        "from the end of the first warm-up until the planned time is over and the last vu has finished",
        "duration < 30s",
        "time",
    ),
    "memory.growth": Explanation(
        "read through psutil while the engine stands still, its garbage collected: the mark end less the mark baseline",
        "memory.growth < 50MB",
        "memory",
    ),
    "memory.peak": Explanation(
        "the highest of the readings, ten a second, from baseline to end, less the mark harness",
        "memory.peak < 200MB",
        "memory",
    ),
    "memory.per_pet": Explanation(
        "the mark end less the mark opened, over the pets in the engine's cache at the end; fixed costs are in it",
        "memory.per_pet < 1MB",
        "memory",
    ),
    "memory.slope": Explanation(
        "median of the slopes between all pairs of readings from baseline to end (Theil 1950, Sen 1968); "
        "needs a second of load",
        "memory.slope < 100B/op",
        "memory",
    ),
    "memory.leak": Explanation(
        "Sen's lower bound of the slope over twenty parts of the load, the first 30% left out; 0 unless it "
        "exceeds 16 B/op, 1 MiB in all, and does so in the second half alone",
        "memory.leak == 0B/op",
        "leaks",
    ),
    "memory.after_cleanup": Explanation(
        "the mark cleanup, made once the engine's cache is emptied, less the mark baseline",
        "memory.after_cleanup < 10MB",
        "memory",
    ),
    "cpu.mean": Explanation(
        "CPU time of the engine process over elapsed time from baseline to end, the harness's share included",
        "cpu.mean < 90%",
        "cpu-and-io",
    ),
    "cpu.max": Explanation(
        "CPU time over elapsed time, in the half second in which it was highest",
        "cpu.max < 150%",
        "cpu-and-io",
    ),
    "lost_writes": Explanation(
        "what the engine acknowledged, by the samples, against its database, read afresh by SQLite alone "
        "before the engine shuts down, and against what reads showed",
        "lost_writes == 0",
        "lost-and-duplicate-writes",
    ),
    "duplicate_writes": Explanation(
        "what the database holds against what the engine was asked for, by the samples",
        "duplicate_writes == 0",
        "lost-and-duplicate-writes",
    ),
    "lost_updates": Explanation(
        "six numbers of each pet, noted at the baseline and read after the load, against the sum of the "
        "acknowledged care actions",
        "lost_updates == 0",
        "conservation",
    ),
    "fidelity.differences": Explanation(
        "24 fields and the last 100 interactions of every pet, as the engine answered before its shutdown and"
        " as a new process reads them",
        "fidelity.differences == 0",
        "fidelity",
    ),
    "torn_reads": Explanation(
        "each save writes one mark into three fields of a pet; a read that finds two of them, or one that was"
        " never saved, is torn",
        "torn_reads == 0",
        "torn-reads",
    ),
    "db_errors": Explanation(
        "operations that raised an SQLite error or the engine's StorageError, busy and locked apart",
        "db_errors == 0",
        "answers",
    ),
    "busy_errors": Explanation(
        "operations that raised SQLite's busy or locked",
        "busy_errors == 0",
        "answers",
    ),
    "stale_errors": Explanation(
        "operations that raised StalePetError, or another PetConflictError",
        "stale_errors < 50",
        "answers",
    ),
    "io.written_per_op": Explanation(
        "bytes of write calls from baseline to end, less what the harness sent to the tool, over operations "
        "that answered rightly",
        "io.written_per_op < 100kB",
        "cpu-and-io",
    ),
    "io.fsyncs_per_op": Explanation(
        "fsync, fdatasync, sync and syncfs, as strace sees them in a pass of about 200 operations after the load",
        "io.fsyncs_per_op < 2",
        "what-an-operation-costs",
    ),
    "statements_per_op": Explanation(
        "statements that SQLite's own trace tells in a pass of about 200 operations after the load, weighted "
        "as the load was",
        "statements_per_op < 20",
        "what-an-operation-costs",
    ),
    "engine.shutdown_time": Explanation(
        "the time of the core's shutdown() and the storage's close()",
        "engine.shutdown_time < 2s",
        "a-clean-end",
    ),
    "engine.threads_left": Explanation(
        "threads that still run 1 s after the shutdown and were not there before the engine was imported, daemons too",
        "engine.threads_left == 0",
        "a-clean-end",
    ),
    "engine.files_left": Explanation(
        "new files in the working directory and beside the database, SQLite's own and the engine's assets left out",
        "engine.files_left == 0",
        "a-clean-end",
    ),
    "engine.connections_left": Explanation(
        "descriptors of SQLite files that are open after the shutdown",
        "engine.connections_left == 0",
        "a-clean-end",
    ),
    "log.errors": Explanation(
        "records of level ERROR and above, of any logger, from the import of the engine on",
        "log.errors == 0",
        "a-clean-end",
    ),
    "stray_output": Explanation(
        "bytes that the engine's process wrote to stdout and stderr",
        "stray_output == 0B",
        "a-clean-end",
    ),
}
"""By the names of the catalog, each of which has one."""
