"""Counts and preparation of own operations: from pages of frames to operations of a result."""

from __future__ import annotations

from perfcli.measurement.samples import OperationSamples, counter_results, mean_preparation_ns
from perfcli.operations.own.journal import Tally
from perfcli.results import CounterResult


def operation(calls: int, preparation_ns: int = 0, **counts: float) -> OperationSamples:
    return OperationSamples(own=Tally(calls, preparation_ns, counts), counters={"letters": "count"})


def test_counts_of_several_operations_are_summed() -> None:
    operations = [operation(3, letters=24), operation(1, letters=6)]
    assert counter_results(operations) == {"letters": CounterResult(unit="count", sum=30, per_op=7.5)}


def test_the_mean_is_over_the_operations_that_declare_it() -> None:
    other = OperationSamples(own=Tally(96), counters={"words": "count"})
    assert counter_results([operation(4, letters=24), other]) == {
        "letters": CounterResult(unit="count", sum=24, per_op=6),
        "words": CounterResult(unit="count", sum=0, per_op=0),
    }


def test_without_a_success_there_is_a_sum_and_no_mean() -> None:
    assert counter_results([operation(0)]) == {"letters": CounterResult(unit="count", sum=0, per_op=None)}
    assert counter_results([OperationSamples()]) == {}


def test_preparation_is_a_mean_over_own_operations_alone() -> None:
    assert mean_preparation_ns([operation(3, 90), operation(1, 10), OperationSamples(ok=50)]) == 25
    assert mean_preparation_ns([OperationSamples(ok=50)]) is None
