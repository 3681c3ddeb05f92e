"""The search for a capacity, on simulated engines whose edge is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random
from statistics import pstdev

import pytest

from perfcli.capacity.search import MOST_RUNS, Answer, Length, Outcome, Probe, Search

HALF = 976.0

Engine = Callable[[float, int, Random], bool]
"""Whether a run at a load holds, given how many were made before it."""


def logistic(half: float, scale: float) -> Engine:
    return lambda load, run, random: random.random() > 1 / (1 + (half / load) ** (1 / scale))


ENGINES: dict[str, Engine] = {
    "edge": logistic(HALF, 0.01),
    "slope": logistic(HALF, 0.048),
    "cliff": lambda load, run, random: load < HALF,
    "never": lambda load, run, random: False,
    "always": lambda load, run, random: True,
    "drift": lambda load, run, random: logistic(HALF * 0.975**run, 0.02)(load, run, random),
    "hole": lambda load, run, random: load > 2 * HALF or logistic(HALF, 0.02)(load, run, random),
}
"""The slope is that of an engine with two servers, 2 ms of lognormal service and runs of 3 s."""


def find(
    engine: Engine, seed: int | str, *, whole: bool = False, highest: float = 10_000
) -> tuple[Answer, list[Probe]]:
    random = Random(f"search/{seed}")
    search = Search(1 if whole else random.uniform(50, 100), highest, whole=whole)
    step: Probe | Answer = search.next
    probes = []
    while isinstance(step, Probe):
        probes.append(step)
        step = search.observe(step.load, held=engine(step.load, len(probes) - 1, random))
    return step, probes


def answers(name: str, count: int) -> list[Answer]:
    return [find(ENGINES[name], f"{name}/{number}")[0] for number in range(count)]


def check_edge(found: Sequence[Answer], coverage: float, deviation: float) -> None:
    assert {answer.outcome for answer in found} == {Outcome.FOUND}
    assert max(answer.runs for answer in found) <= MOST_RUNS
    assert sum(answer.lower <= HALF <= answer.upper for answer in found) >= coverage * len(found)
    lower_ends = [answer.holds.load / HALF for answer in found if answer.holds]
    assert len(lower_ends) == len(found)
    assert pstdev(lower_ends) <= deviation


@pytest.mark.slow
@pytest.mark.parametrize("name", ["edge", "slope", "cliff"])
def test_the_edge_is_found(name: str) -> None:
    check_edge(answers(name, 6), coverage=0.6, deviation=0.05)


@pytest.mark.nightly
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("name", ["edge", "slope", "cliff"])
def test_the_edge_is_found_in_a_thousand_searches(name: str) -> None:
    found = answers(name, 1_000)
    check_edge(found, coverage=0.88, deviation=0.03)
    assert sum(answer.drift is not None and answer.drift.p < 0.01 for answer in found) <= 0.03 * len(found)


def test_an_engine_that_never_holds_is_named() -> None:
    answer, probes = find(ENGINES["never"], 1)
    assert (answer.outcome, answer.holds) == (Outcome.NEVER, None)
    assert answer.fails is not None
    assert answer.fails.load == pytest.approx(probes[0].load / 64, rel=0.01)


def test_an_engine_that_always_holds_is_named() -> None:
    answer, _ = find(ENGINES["always"], 1, highest=2_000)
    assert (answer.outcome, answer.fails) == (Outcome.ALWAYS, None)
    assert answer.holds is not None
    assert answer.holds.load == 2_000


@pytest.mark.slow
def test_a_machine_that_slows_down_is_named() -> None:
    assert sum(answer.drift is not None and answer.drift.p < 0.01 for answer in answers("drift", 3)) >= 2


@pytest.mark.slow
def test_thresholds_that_hold_again_above_are_named() -> None:
    for answer in answers("hole", 3):
        assert answer.holds_again is not None
        assert answer.holds_again.load > 2 * HALF
        assert answer.lower <= HALF <= answer.upper


@pytest.mark.nightly
@pytest.mark.timeout(1_800)
def test_drift_and_a_hole_are_named_in_nine_of_ten() -> None:
    drifting, holes = answers("drift", 1_000), answers("hole", 1_000)
    assert sum(answer.drift is not None and answer.drift.p < 0.01 for answer in drifting) >= 900
    assert sum(answer.holds_again is not None for answer in holes) >= 900


@pytest.mark.slow
@pytest.mark.parametrize("most", [1, 2, 5, 10, 37])
def test_whole_loads_end_one_apart_if_they_must(most: int) -> None:
    answer, probes = find(lambda load, run, random: load <= most, most, whole=True)
    assert answer.outcome is Outcome.FOUND
    assert answer.holds is not None
    assert answer.fails is not None
    assert answer.holds.load <= most < answer.fails.load <= max(most + 1, most * 1.06)
    assert all(probe.load.is_integer() for probe in probes)


@pytest.mark.slow
def test_one_mistake_on_the_way_up_is_made_good() -> None:
    """A single run that fails far below the edge, from which plain bisection never comes back."""

    def mistaken(load: float, run: int, random: Random) -> bool:
        return load < HALF and run != 8

    answer, probes = find(mistaken, "m2")
    assert probes[8].length is Length.MEDIUM
    assert probes[8].load < 0.95 * HALF
    assert answer.holds is not None
    assert answer.holds.load == pytest.approx(HALF, rel=0.06)


def test_what_is_known_is_answered_at_any_time() -> None:
    search = Search(100, 10_000)
    assert search.answer() == Answer(Outcome.UNFINISHED, 0)
    for _ in range(3):
        search.observe(search.next.load, held=True)
    known = search.answer()
    assert known.outcome is Outcome.UNFINISHED
    assert known.holds is not None
    assert known.holds.load == 400
    assert math.isinf(known.upper)


def test_an_end_that_is_not_tried_yet_is_no_answer() -> None:
    search = Search(100, 10_000)
    for held in (True, True, False, False, False, True, True):  # 100, 200, 400 twice, 800, 283, 336
        search.observe(search.next.load, held=held)
    assert search.next.length is Length.FULL
    known = search.answer()
    assert known.holds is not None
    assert known.fails is not None
    assert (known.holds.load, known.holds.held, known.holds.runs) == (336, 1, 1)
    assert (known.fails.load, known.fails.held, known.fails.runs) == (400, 0, 2)


@pytest.mark.nightly
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("name", ["edge", "slope", "cliff"])
def test_it_is_about_as_steady_as_mlrsearch(name: str) -> None:
    random = Random(f"mlr/{name}")
    theirs = [_lower_bound_of_mlrsearch(ENGINES[name], random) / HALF for _ in range(300)]
    ours = [answer.holds.load / HALF for answer in answers(name, 300) if answer.holds]
    assert pstdev(ours) <= 1.2 * pstdev(theirs)


def _lower_bound_of_mlrsearch(engine: Engine, random: Random) -> float:
    from MLRsearch import AbstractMeasurer, Config, MeasurementResult, MultipleLossRatioSearch, SearchGoal

    class Measurer(AbstractMeasurer):
        def measure(self, intended_duration: float, intended_load: float) -> MeasurementResult:
            held = engine(intended_load, 0, random)
            return MeasurementResult(
                intended_duration, intended_load, offered_count=1_000, loss_count=0 if held else 500
            )

    goal = SearchGoal(
        loss_ratio=0.0,
        exceed_ratio=0.5,
        relative_width=0.05,
        initial_trial_duration=1.0,
        final_trial_duration=3.0,
        duration_sum=21.0,
    )
    config = Config()
    config.min_load, config.max_load = random.uniform(50, 100), 10_000.0
    config.goals, config.warmup_duration = (goal,), 0.0
    found = MultipleLossRatioSearch(config).search(Measurer())[goal]
    return float(found.relevant_lower_bound)
