"""What was seen inside several engine processes, as one."""

from __future__ import annotations

from collections import Counter

from perfcli.results import Inspection


def joined(seen: Inspection, now: Inspection) -> Inspection:
    """Of two processes, the sum of what was left behind, and the longest shutdown."""
    if now.shutdown_ns is None:
        return seen
    return Inspection(
        shutdown_ns=max(seen.shutdown_ns or 0, now.shutdown_ns),
        threads_left=seen.threads_left + now.threads_left,
        connections_left=(seen.connections_left or 0) + (now.connections_left or 0),
        files_left=sorted({*seen.files_left, *now.files_left}),
        log_errors=dict(Counter(seen.log_errors) + Counter(now.log_errors)),
        log_examples=now.log_examples | seen.log_examples,
        statements_per_operation=seen.statements_per_operation or now.statements_per_operation,
        fsyncs_per_operation=seen.fsyncs_per_operation or now.fsyncs_per_operation,
        fsyncs_not_told=seen.fsyncs_not_told or now.fsyncs_not_told,
    )
