"""`cluster`: who is in a cluster, and who would be refused."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from perfcli.cluster.carrier import connected
from perfcli.cluster.clocks import Clock
from perfcli.cluster.description import Description, describe
from perfcli.cluster.machine import Machine
from perfcli.cluster.members import Crew, Refused, clocks_of, gather
from perfcli.commands.cluster_options import SCHEDULER_VARIABLE, MachinesOptions
from perfcli.commands.context import Context
from perfcli.errors import ExitCode, UsageError
from perfcli.report.machines import cluster_document


def cluster(options: MachinesOptions, context: Context) -> int:
    """Show the machines; return the exit code."""
    if not options.address:
        raise UsageError(
            "name the scheduler of a cluster", hint=f"digipal-perf cluster tls://HOST:8786, or set {SCHEDULER_VARIABLE}"
        )
    context.will_write({"json": options.json_file} if options.json_file else {})
    with connected(options.address, insecure=options.insecure_cluster) as carrier:
        crew = gather(carrier)
        try:
            clocks = clocks_of(crew.machines)
        finally:
            crew.end()
    code = ExitCode.USAGE if any(not each.is_silent for each in crew.refused) else ExitCode.PASS
    own = Description.of(describe())
    return context.show(
        cluster_document(own, crew, clocks), lambda: _record(own, crew, clocks), options.json_file, code
    )


def _record(own: Description, crew: Crew, clocks: list[Clock]) -> Any:
    def entry(each: Machine | Refused, clock: Clock | None, refused: str, hint: str) -> dict[str, Any]:
        known = {"name": each.name, "address": each.address, **asdict(each.description)}
        return {**known, "clock": clock._asdict() if clock else None, "refused": refused, "hint": hint}

    machines = [entry(each, clock, "", "") for each, clock in zip(crew.machines, clocks, strict=True)]
    refused = [entry(each, None, each.why, each.hint) for each in crew.refused]
    return {"tool": asdict(own), "machines": [*machines, *refused], "notes": list(crew.notes())}
