"""Random lives of pets in two engines on one file, against a plain model in memory."""

import tempfile
from copy import deepcopy
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from digipal.ai import SimulatedAI
from digipal.core import AttributeEngine, DigiPal, EggType, LifeStage
from digipal.core.digipal_core import DigiPalCore
from digipal.storage import StorageManager

USERS = ("ann", "bob")
users = st.sampled_from(USERS)
engines = st.integers(0, 1)
actions = st.sampled_from(["meat", "scold", "rest", "play", "strength_training", "fly"])
texts = st.sampled_from(["eat", "play", "good", "blah", "", "🥚\0"])


class Engines(RuleBasedStateMachine):
    """Two engines, one with room for every pet and one for a single pet, and a model of what they must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "pets.db"
        self.storages = [StorageManager(path, Path(self.folder.name) / "assets") for _ in range(2)]
        self.cores = [
            DigiPalCore(storage, SimulatedAI(latency_ms=0), max_active_pets=room)
            for storage, room in zip(self.storages, (len(USERS), 1), strict=True)
        ]
        self.reference = AttributeEngine()
        self.pets: dict[str, DigiPal] = {}
        self.said: dict[str, list[str]] = {}
        self.owners: dict[str, str] = {}
        self.backups: dict[str, tuple[DigiPal | None, dict[str, list[str]]]] = {}

    def teardown(self) -> None:
        for core, storage in zip(self.cores, self.storages, strict=True):
            core.shutdown()
            storage.close()
        self.folder.cleanup()

    @initialize()
    def begin(self) -> None:
        for user in USERS:
            self.create(0, user, EggType.RED)

    @rule(engine=engines, user=users, egg=st.sampled_from(EggType))
    def create(self, engine: int, user: str, egg: EggType) -> None:
        try:
            pet = self.cores[engine].create_new_pet(egg, user)
        except RuntimeError:
            assert user in self.pets
        else:
            assert user not in self.pets
            self.pets[user] = DigiPal.from_dict(pet.to_dict())
            self.said[pet.id] = []
            self.owners[pet.id] = user

    @rule(engine=engines, user=users, action=actions)
    def care(self, engine: int, user: str, action: str) -> None:
        done, interaction = self.cores[engine].apply_care_action(user, action)
        if user not in self.pets:
            assert not done
            return
        expected, reference = self.reference.apply_care_action(self.pets[user], action)
        assert (done, interaction.result) == (expected, reference.result)
        if action != "fly":
            self.said[self.pets[user].id].append(action)

    @rule(engine=engines, user=users, text=texts)
    def talk(self, engine: int, user: str, text: str) -> None:
        core = self.cores[engine]
        _, interaction = core.process_interaction(user, text)
        if user not in self.pets:
            assert "No DigiPal found" in interaction.pet_response
            return
        pet = self.pets[user]
        self.said[pet.id].append(text)
        if pet.life_stage is LifeStage.EGG and text:
            assert "hatched" in interaction.pet_response
        pet.life_stage = core.active_pets[user].life_stage
        pet.modify_attributes(interaction.attribute_changes)

    @rule(engine=engines, user=users)
    def delete(self, engine: int, user: str) -> None:
        if user in self.pets:
            assert self.storages[engine].delete_pet(self.pets.pop(user).id)
            for core in self.cores:
                core.active_pets.pop(user, None)

    @rule(engine=engines, user=users)
    def back_up(self, engine: int, user: str) -> None:
        known = user in self.owners.values()
        assert self.storages[engine].create_backup(user) is known
        if known:
            said = {pet_id: list(said) for pet_id, said in self.said.items() if self.owners[pet_id] == user}
            self.backups[user] = (deepcopy(self.pets.get(user)), said)

    @rule(engine=engines, user=users)
    def restore(self, engine: int, user: str) -> None:
        assert self.storages[engine].restore_backup(user) is (user in self.backups)
        if user not in self.backups:
            return
        pet, said = self.backups[user]
        self.said.update(deepcopy(said))
        if pet is not None:
            self.pets[user] = deepcopy(pet)
        elif user in self.pets and self.pets[user].id in said:
            del self.pets[user]

    @rule(engine=engines)
    def evict(self, engine: int) -> None:
        self.cores[engine].active_pets.clear()

    @rule(engine=engines, user=users)
    def rename(self, engine: int, user: str) -> None:
        (pet,) = self.storages[engine].get_user_pets(user) or [None]
        if pet is not None:
            pet.name += "!"
            self.storages[engine].save_pet(pet)
            self.pets[user].name += "!"

    @invariant()
    def storage_holds_the_model(self) -> None:
        for user in USERS:
            stored = self.storages[0].load_pet(user)
            expected = self.pets.get(user)
            assert (stored is None) == (expected is None)
            if stored is not None and expected is not None:
                for name in ("id", "name", "life_stage", "energy", "happiness", "weight", "hp", "care_mistakes"):
                    assert getattr(stored, name) == getattr(expected, name), name
        for pet_id, said in self.said.items():
            rows = self.storages[1].db.execute_query(
                "SELECT user_input FROM interactions WHERE digipal_id = ? ORDER BY id", (pet_id,)
            )
            assert [row[0] for row in rows] == said


Engines.TestCase.settings = settings(max_examples=30, stateful_step_count=30)
TestEngines = Engines.TestCase
