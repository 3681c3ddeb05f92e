"""Did every vu do what its seed prescribes? Digests of what was planned and of what was performed."""

from __future__ import annotations

import hashlib
from array import array
from itertools import islice
from typing import Final

from perfcli.plan import ExecutionPlan
from perfcli.results import VuWork
from perfcli.workload import Workload, pauses, unpack

PLANNED_STEPS: Final = 1_000
"""Steps of each vu in the digest of the plan, pauses included."""

_PERFORMED_OPERATIONS: Final = 200_000
"""Operations of all vus that are held against the plan; more would take longer than the run itself."""


def planned_digest(plan: ExecutionPlan) -> str:
    """The digest of the first steps that the seed prescribes to each vu, whatever the machine's speed."""
    digest = _new_digest()
    for vu in range(plan.vus):
        digest.update(array("q", islice(Workload(plan.phase_of(vu), plan.seed, vu).steps(), PLANNED_STEPS)))
    return digest.hexdigest()


def prescribed(plan: ExecutionPlan, vu: int, operations: int) -> array[int]:
    """The packed draws of one vu's first operations: its steps without the pauses."""
    skipped = pauses(plan.phase_of(vu))
    steps = Workload(plan.phase_of(vu), plan.seed, vu).steps()
    return array("q", islice((step for step in steps if unpack(step)[0] not in skipped), operations))


class PerformedWork:
    """The operations that one of `vus` performed, in their order."""

    def __init__(self, vus: int) -> None:
        self._most = max(1_000, _PERFORMED_OPERATIONS // vus)
        self._digest = _new_digest()
        self._hashed = 0
        self.operations = 0
        self.iterations = 0

    def add(self, packed: array[int]) -> None:
        """Take in the next operations, as packed draws."""
        room = self._most - self._hashed
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
