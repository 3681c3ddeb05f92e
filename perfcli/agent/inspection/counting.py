"""What operations cost beside time: statements, syncs, memory; counted in a pass of their own after the load."""

from __future__ import annotations

import gc
import tracemalloc
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, Final

from perfcli.agent.inspection.statements import StatementCounter
from perfcli.agent.inspection.syncs import NotTold, counting_syncs
from perfcli.operations.call import Call

OPERATIONS: Final = 200
"""About so many operations of each vu that counts."""

OPERATIONS_OF_A_PAIR: Final = 60
"""The same where two engines are compared, by many pairs; done MOST_PASSES times."""

LONGEST_PASS_NS: Final = 5_000_000_000
"""No iteration of a pass begins later."""

MOST_PASSES: Final = 4
"""Of each phase, where memory is weighed: always as many, as engines that are compared must do the same."""


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
        self._weighed = 0
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
            before = syncs()
            counted = [
                call and call._replace(invoke=self._counted(label, call.invoke, take))
                for label, call in zip(labels, calls, strict=True)
            ]
            if self._wants_memory:
                self._weigh(lambda: do(counted), forget)
            else:
                do(counted)
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
        return self._kept_bytes / self._weighed if self._weighed else None

    def _weigh(self, do: Callable[[], None], forget: Callable[[], None]) -> None:
        """What operations leave allocated in the last pass: those before it also leave what is made only once."""
        tracemalloc.start()
        try:
            for _ in range(MOST_PASSES - 1):
                do()
            before_bytes, done = _kept_bytes(forget), self._done.total()
            do()
            self._kept_bytes += _kept_bytes(forget) - before_bytes
            self._weighed += self._done.total() - done
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


def _kept_bytes(forget: Callable[[], None]) -> int:
    """What Python has allocated since tracing began, all garbage collected."""
    forget()
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
