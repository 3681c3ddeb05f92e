"""Whether the engine kept what it acknowledged, and what was seen from inside it."""

from __future__ import annotations

from pydantic import Field

from perfcli.results.record import Record


class SaveCounts(Record):
    """How many acknowledged saves could be looked for, see docs/methodology.md#saves."""

    acknowledged: int = Field(
        default=0, description="saves that the engine acknowledged, warm-up included: the sum of the following"
    )
    checked: int = Field(
        default=0,
        description="the last one of its pet, shown by a read before another replaced it, or saved with a note",
    )
    superseded: int = Field(default=0, description="replaced by another save before anything looked")
    unchecked: int = Field(
        default=0, description="of pets that vus share and also talk to or care for, without `history: true`"
    )


class Integrity(Record):
    """What the engine acknowledged against what its database holds, read afresh after the load.

    docs/methodology.md#integrity has the rules.
    """

    acknowledged: int = Field(
        description="pets of the set-up, and writes of warm-up and load, that the engine acknowledged"
    )
    set_up: int = Field(default=0, description="how many of them are pets of the set-up")
    lost: int | None = Field(
        description="acknowledged writes that the database does not hold, and stale reads; null if no write of "
        "the load could be checked"
    )
    stale_reads: int = Field(
        default=0, description="reads among the lost: what they showed had been replaced by an acknowledged save before"
    )
    duplicates: int | None = Field(
        default=None,
        description="writes that the database holds more often than asked for; null if the load wrote nothing, "
        "or not all answers are known",
    )
    damaged: str = Field(
        default="", description="what SQLite's own check found wrong with the file; empty for a sound one"
    )
    lost_updates: int | None = Field(
        default=None,
        description="acknowledged changes of pets' numbers that do not show in their sums; null if no threshold asks",
    )
    differences: int | None = Field(
        default=None,
        description="fields of pets that a new process reads otherwise than answered; null if no threshold asks",
    )
    torn: int = Field(default=0, description="answers that were partly one save of a pet and partly another")
    saves: SaveCounts = Field(default=SaveCounts(), description="how many saves could be looked for")
    examples: list[str] = Field(default=[], description="some of the faults in words")


class Inspection(Record):
    """What was seen from inside the engine process; null or empty: not looked for, or nothing to see.

    Of several processes: all that they left, the longest shutdown, and the costs that the first of them saw.
    """

    shutdown_ns: int | None = Field(default=None, description="time the engine took to shut down")
    threads_left: list[str] = Field(default=[], description="names of threads that outlive its shutdown")
    connections_left: int | None = Field(default=None, description="open descriptors of the database that outlive it")
    processes_left: list[str] = Field(
        default=[],
        description="processes and daemons that outlived the engine's processes and were ended: name, pid and "
        "command line",
    )
    files_left: list[str] = Field(
        default=[], description="stray files in the engine's working directory or by its database"
    )
    log_errors: dict[str, int] = Field(default={}, description="records of level ERROR and above, by logger")
    log_examples: dict[str, str] = Field(default={}, description="one such record in words, by logger")
    statements_per_operation: dict[str, float] = Field(
        default={}, description="SQL statements per operation, by operation"
    )
    written_per_operation: float | None = Field(
        default=None, description="bytes of write calls per operation, the harness's own left out"
    )
    fsyncs_per_operation: float | None = Field(default=None, description="times the disk was flushed, per operation")
    fsyncs_not_told: str = Field(
        default="", description="why flushes could not be counted, if a threshold asked for them"
    )
    printed_bytes: int | None = Field(default=None, description="what the engine wrote to stdout and stderr")
