"""Nothing may be lost: what the engine acknowledged, kept account of here, against what its database holds.

The account is kept from the samples, in the tool's own process, so it costs the engine nothing and outlives it.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from perfcli.recorder import FIELDS, OK, Frame
from perfcli.results import Integrity
from perfcli.scenario.models import Scenario
from perfcli.scenario.operation import CareSettings, CreationSettings, TalkSettings
from perfcli.scenario.steps import SavePet
from perfcli.targets.naming import created_user, saves_in, set_up_user
from perfcli.workload import CREATED_PET, unpack

_MOST_EXAMPLES: Final = 5
_WRITES: Final = (CreationSettings, SavePet, TalkSettings, CareSettings)

_PETS = "SELECT user_id, name FROM digipals WHERE is_active = 1"
_INTERACTIONS = "SELECT user_id, COUNT(*) FROM interactions GROUP BY user_id"


class Ledger:
    """Acknowledged writes by user: pets created, interactions, saves."""

    def __init__(self, scenario: Scenario) -> None:
        self._flow = scenario.flow
        # vus that share a pet overwrite each other's count of its saves: those cannot be held to account
        self._saves_alone = scenario.users == "own" and scenario.load.vus <= scenario.setup.pets
        self._pets = {set_up_user(index) for index in range(scenario.setup.pets)}
        self._interactions: Counter[str] = Counter()
        self._saves: Counter[str] = Counter()
        self._tried: Counter[int] = Counter()
        self._newest: dict[int, str] = {}
        self._writes = any(isinstance(step, _WRITES) for step in self._flow)

    @property
    def acknowledged(self) -> int:
        """Pets set up or created, interactions and saves that the engine acknowledged, warm-up included."""
        return len(self._pets) + self._interactions.total() + self._saves.total()

    def add(self, frame: Frame) -> None:
        """Take in what the samples of a frame acknowledge."""
        if not self._writes:
            return
        for packed, outcome in zip(frame.rows[::FIELDS], frame.rows[1::FIELDS], strict=True):
            place, user, _ = unpack(packed)
            match self._flow[place]:
                case CreationSettings():
                    self._create(frame.vu, acknowledged=outcome == OK)
                case SavePet() if outcome == OK and (self._saves_alone or user == CREATED_PET):
                    self._saves[self._user(frame.vu, user)] += 1
                case TalkSettings() | CareSettings() if outcome == OK:
                    self._interactions[self._user(frame.vu, user)] += 1

    def verify(self, database: Path) -> Integrity:
        """Open the database afresh and compare."""
        if not self.acknowledged:
            return Integrity(acknowledged=0, lost=0)
        try:
            lost = list(self._missing(database))
        except sqlite3.Error as error:
            complaint = f"the database cannot be read: {error}"
            return Integrity(acknowledged=self.acknowledged, lost=self.acknowledged, examples=[complaint])
        return Integrity(
            acknowledged=self.acknowledged,
            lost=sum(count for count, _ in lost),
            examples=[what for _, what in lost[:_MOST_EXAMPLES]],
        )

    def _create(self, vu: int, *, acknowledged: bool) -> None:
        user = created_user(vu, self._tried[vu])
        self._tried[vu] += 1
        if acknowledged:
            self._newest[vu] = user
            self._pets.add(user)

    def _user(self, vu: int, user: int) -> str:
        return self._newest[vu] if user == CREATED_PET else set_up_user(user)

    def _missing(self, database: Path) -> Iterator[tuple[int, str]]:
        """Each loss: how many writes, and in words."""
        if not database.exists():
            raise sqlite3.OperationalError("the file does not exist")
        with closing(sqlite3.connect(database, timeout=10)) as connection:
            connection.execute("PRAGMA query_only = ON")
            pets = dict(connection.execute(_PETS))
            interactions = dict(connection.execute(_INTERACTIONS))
        for user in self._pets - pets.keys():
            yield 1, f"the pet of {user} is not stored"
        for user, acknowledged in self._interactions.items():
            stored = interactions.get(user, 0)
            if stored < acknowledged:
                yield acknowledged - stored, f"{user}: {acknowledged} interactions acknowledged, {stored} stored"
        for user, acknowledged in self._saves.items():
            # the target counts a pet's saves in the pet itself, before it saves it: more may be stored, never fewer
            stored = saves_in(pets.get(user))
            if stored < acknowledged:
                yield (
                    acknowledged - stored,
                    f"{user}: {acknowledged} saves acknowledged, {stored} in the pet stored",
                )
