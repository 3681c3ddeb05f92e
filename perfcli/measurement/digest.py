"""Did every vu do what its seed prescribes? Digests of what was planned and of what was performed."""

from __future__ import annotations

import hashlib
from array import array
from itertools import islice
from typing import Final

from perfcli.plan import ExecutionPlan
from perfcli.results import VuWork
from perfcli.workload import Workload, pauses, unpack

PLANNED_OPERATIONS: Final = 1_000
"""Operations of each vu in the digest of the plan."""

PERFORMED_OPERATIONS: Final = 100_000
"""Operations of each vu that are held against the plan; more would cost more time than the run itself."""


def planned_digest(plan: ExecutionPlan) -> str:
    """The digest of the first operations that the seed prescribes to each vu, whatever the machine's speed."""
    digest = _new_digest()
    for vu in range(plan.scenario.load.vus):
        digest.update(prescribed(plan, vu, PLANNED_OPERATIONS))
    return digest.hexdigest()


def prescribed(plan: ExecutionPlan, vu: int, operations: int) -> array[int]:
    """The first packed draws of one vu, pauses left out."""
    skipped = pauses(plan.scenario)
    drawn = Workload(plan.scenario, plan.seed, vu).operations()
    return array("q", islice((draw for draw in drawn if unpack(draw)[0] not in skipped), operations))


class PerformedWork:
    """The operations one vu performed, in their order."""

    def __init__(self) -> None:
        self._digest = _new_digest()
        self._hashed = 0
        self.operations = 0
        self.iterations = 0

    def add(self, packed: array[int]) -> None:
        """Take in the next operations, as packed draws."""
        room = PERFORMED_OPERATIONS - self._hashed
        head = packed[:room]
        self._digest.update(head)
        self._hashed += len(head)
        self.operations += len(packed)

    def agrees(self, plan: ExecutionPlan, vu: int) -> bool:
        """Whether these are the operations the plan prescribes to this vu."""
        expected = _new_digest()
        expected.update(prescribed(plan, vu, self._hashed))
        return expected.digest() == self._digest.digest()

    def of(self, vu: int) -> VuWork:
        """The record of this work."""
        return VuWork(vu=vu, iterations=self.iterations, operations=self.operations, digest=self._digest.hexdigest())


def _new_digest() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=16)
