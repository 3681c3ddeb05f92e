"""Thresholds that will fail whatever the engine does are told before the run, with their places."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from perfcli.scenario.library import shipped_scenarios
from perfcli.scenario.loader import load_with_warnings

COUNTED = "load: {executor: shared-iterations, iterations: 100}"
TIMED = "load: {executor: constant-vus, duration: 1s}"
ARRIVING = "load: {executor: constant-arrival-rate, rate: 10/s, duration: 10s}"
IN_ORDER = "flow: [create_pet, {load_pet: {name: again}}]"
MIX = "flow: [{load_pet: {weight: 9}}, {save_pet: {weight: 1}}]"
NO_RATE = "will fail without samples: {} needs an arrival rate, and no phase has one"
THIN = (
    "will fail: there will be {}, and {} needs {}; plan more iterations, take a lower percentile, "
    "or write {{expr: …, allow_thin: true}}"
)

Warnings = Callable[..., list[str]]


RAMP = "load: {executor: ramping-vus, stages: [{duration: 10s, target: 3}]}"
COME_AND_GO = "vus come and go in every phase, and their memory is not a leak"


@pytest.fixture
def warnings(written: Callable[[str], Path]) -> Warnings:
    """The warnings about one threshold, of a load and a flow."""

    def told(threshold: str, load: str, flow: str = IN_ORDER) -> list[str]:
        path = written(f"name: a\nsetup: {{pets: 1}}\n{load}\n{flow}\nthresholds: [{threshold}]\n")
        return [warning.message for warning in load_with_warnings(path)[1]]

    return told


@pytest.mark.parametrize("metric", ["delivery", "offered_rate", "achieved_rate"])
def test_what_only_arrivals_have(metric: str, warnings: Warnings) -> None:
    limit = f"{metric} >= {'99%' if metric == 'delivery' else '9/s'}"
    assert warnings(limit, COUNTED) == [NO_RATE.format(metric)]
    assert warnings(limit, ARRIVING) == []


@pytest.mark.parametrize(
    ("threshold", "load", "flow", "told"),
    [
        ("latency.p95 < 1s", COUNTED, IN_ORDER, []),
        ("again.latency.p95 < 1s", COUNTED, IN_ORDER, [THIN.format("100 samples", "p95", "200")]),
        ("latency.p99.9 < 1s", COUNTED, IN_ORDER, [THIN.format("200 samples", "p99.9", "10,000")]),
        ("again.latency.p90 < 1s", COUNTED, IN_ORDER, []),
        ("again.latency.max < 1s", COUNTED, IN_ORDER, []),
        ("save_pet.latency.p50 < 1s", COUNTED, MIX, []),
        ("save_pet.latency.p90 < 1s", COUNTED, MIX, [THIN.format("10 samples", "p90", "100")]),
        ("load_pet.latency.p75 < 1s", COUNTED, MIX, []),
        ("schedule_lag.p99 < 1s", ARRIVING, IN_ORDER, [THIN.format("100 samples", "p99", "1,000")]),
        ("latency.p99 < 1s", TIMED, IN_ORDER, []),
        ("{expr: again.latency.p95 < 1s, allow_thin: true}", COUNTED, IN_ORDER, []),
        ("again.latency.p95 < 1s within 1s", COUNTED, IN_ORDER, []),
        (
            "save_pet.degradation < 50%",
            COUNTED,
            MIX,
            ["will fail without samples: there will be 10 samples, and it needs 25"],
        ),
        (
            "save_pet.raw_degradation < 50%",
            COUNTED,
            MIX,
            ["will fail without samples: there will be 10 samples, and it needs 25"],
        ),
        ("memory.leak == 0B/op", RAMP, IN_ORDER, [f"will fail without samples: {COME_AND_GO}"]),
        ("memory.leak_slope < 9B/op", RAMP, IN_ORDER, [f"will fail without samples: {COME_AND_GO}"]),
        ("memory.leak == 0B/op", TIMED, IN_ORDER, []),
        ("memory.growth < 9MB", RAMP, IN_ORDER, []),
    ],
)
def test_what_too_few_samples_cannot_judge(
    threshold: str, load: str, flow: str, told: list[str], warnings: Warnings
) -> None:
    assert warnings(threshold, load, flow) == told


NO_WRITE = "no step of the load writes, and writes of the set-up do not count"
TIRING = "{care: {actions: [play], accept_refusal: true}}"


@pytest.mark.parametrize(
    ("threshold", "flow", "why"),
    [
        ("lost_writes == 0", "[load_pet, status]", NO_WRITE),
        ("duplicate_writes == 0", "[load_pet, status]", NO_WRITE),
        ("stale_reads == 0", "[load_pet, status]", NO_WRITE),
        ("lost_updates == 0", "[load_pet, save_pet]", "it needs care actions, and no step is one"),
        ("torn_reads == 0", "[save_pet]", "it needs load_pet or status, and no step is one"),
        ("torn_reads == 0", "[load_pet]", "no step saves a pet of the set-up, so no read can be checked"),
        (
            "torn_reads == 0",
            "[save_pet, load_pet, interact]",
            "vus that share pets also talk to them or care for them, so saves leave no canaries in them",
        ),
        (
            "lost_writes == 0",
            f"[save_pet, {TIRING}]",
            "its saves are unchecked: other vus may have overwritten the shared pets: "
            "set history: true on save_pet, or users: own",
        ),
        ("lost_writes == 0", f"[save_pet: {{history: true}}, {TIRING}]", ""),
        ("lost_writes == 0", "[save_pet]", ""),
        ("lost_writes == 0", "[save_pet: {history: true}, interact]", ""),
        ("duplicate_writes == 0", f"[save_pet, {TIRING}]", ""),
        ("torn_reads == 0", "[save_pet, status]", ""),
        ("lost_updates == 0", "[care]", ""),
        ("fidelity.differences == 0", "[load_pet]", ""),
    ],
)
def test_thresholds_on_writes_that_no_write_supports(threshold: str, flow: str, why: str, warnings: Warnings) -> None:
    load = "users: uniform\nload: {executor: shared-iterations, vus: 2, iterations: 100}"
    told = f"will fail without samples: {why}"
    assert warnings(threshold, load, f"flow: {flow}") == ([told] if why else [])


def test_saves_that_stay_unchecked_beside_other_writes(warnings: Warnings) -> None:
    load = "load: {executor: shared-iterations, vus: 2, iterations: 100}"
    what_to_do = "set history: true on save_pet, or users: own"
    told = f"leaves saves unchecked: other vus may have overwritten the shared pets: {what_to_do}"
    flow = "flow: [save_pet, interact]"
    assert warnings("lost_writes == 0", f"users: uniform\n{load}", flow) == [told]
    assert warnings("duplicate_writes == 0", f"users: uniform\n{load}", flow) == []
    assert warnings("lost_writes == 0", load.replace("vus: 2", "vus: 1"), flow) == []


def test_a_phase_is_judged_by_its_own_samples_and_the_whole_by_all(written: Callable[[str], Path]) -> None:
    path = written(
        "name: a\nsetup: {pets: 1}\nflow: [load_pet]\nphases:\n"
        "  - name: calm\n    load: {executor: shared-iterations, vus: [1, 2], iterations: 100}\n"
        "    thresholds: [latency.p95 < 1s, latency.p90 < 1s]\n"
        "thresholds: [latency.p95 < 1s, latency.p99 < 1s]\n"
    )
    assert [(warning.line, warning.path) for warning in load_with_warnings(path)[1]] == [
        (7, "phases[0].thresholds[0]"),
        (8, "thresholds[1]"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("path", shipped_scenarios(), ids=lambda path: path.stem)
def test_no_shipped_scenario_is_doubtful(path: Path) -> None:
    assert load_with_warnings(path)[1] == []
