"""What operations cost beside time: statements, syncs, memory; counted in a pass of their own after the load."""

from __future__ import annotations

import gc
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from perfcli.agent.inspection.statements import StatementCounter
from perfcli.agent.inspection.syncs import NotTold, counting_syncs
from perfcli.targets.protocol import Call

OPERATIONS: Final = 200
"""About so many operations of each vu that counts."""

OPERATIONS_OF_A_PAIR: Final = 100
"""The same where two engines are compared, by many pairs."""


class Costs:
    """Counts while it is entered, by the label of the step; to be entered by the thread that does the operations."""

    def __init__(self, *, statements: bool, syncs: bool, memory: bool = False) -> None:
        self._wants_statements = statements
        self._wants_syncs = syncs
        self._wants_memory = memory
        self._done: Counter[str] = Counter()
        self._statements: Counter[str] = Counter()
        self._syncs = 0
        self._kept_bytes = 0
        self.syncs_not_told = ""

    @property
    def is_wanted(self) -> bool:
        """Whether anything is to be counted."""
        return self._wants_statements or self._wants_syncs or self._wants_memory

    def count(
        self,
        calls: Sequence[Call | None],
        labels: Sequence[str],
        do: Callable[[Sequence[Call | None]], None],
        forget: Callable[[], None],
    ) -> None:
        """Have `do` make calls like these, and count what they cost.

        Args:
            forget: lets go of what the harness keeps of the calls.
        """
        with ExitStack() as stack:
            take = stack.enter_context(StatementCounter()).take if self._wants_statements else lambda: 0
            syncs = self._enter_syncs(stack)
            if self._wants_memory:
                stack.enter_context(self._weighing(forget))
            before = syncs()
            do(
                [
                    call and call._replace(invoke=self._counted(label, call.invoke, take))
                    for label, call in zip(labels, calls, strict=True)
                ]
            )
            self._syncs += syncs() - before

    def statements_per_operation(self) -> dict[str, float]:
        """The mean by label."""
        return (
            {label: self._statements[label] / done for label, done in self._done.items()}
            if self._wants_statements
            else {}
        )

    def syncs_per_operation(self) -> float | None:
        """The mean of all operations; None where the system does not tell."""
        told = self._wants_syncs and not self.syncs_not_told and self._done
        return self._syncs / self._done.total() if told else None

    def memory_per_operation(self) -> float | None:
        """Bytes that each operation leaves allocated by Python, the mean of all; None where it was not asked for."""
        return self._kept_bytes / self._done.total() if self._wants_memory and self._done else None

    @contextmanager
    def _weighing(self, forget: Callable[[], None]) -> Iterator[None]:
        """Count what is allocated inside `with` and still there at its end; all garbage is collected first."""
        forget()
        tracemalloc.start()
        try:
            yield
            forget()
            gc.collect()
            self._kept_bytes += tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    def _enter_syncs(self, stack: ExitStack) -> Callable[[], int]:
        if not self._wants_syncs:
            return lambda: 0
        try:
            return stack.enter_context(counting_syncs())
        except NotTold as reason:
            self.syncs_not_told = str(reason)
            return lambda: 0

    def _counted(self, label: str, invoke: Callable[..., Any], take: Callable[[], int]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            take()
            try:
                return invoke(*arguments)
            finally:
                self._statements[label] += take()
                self._done[label] += 1

        return counted
