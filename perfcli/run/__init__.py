"""Run one scenario: the library call behind `digipal-perf run`, pytest and CI."""

from perfcli.run.one_run import run_scenario
from perfcli.run.supervision import StopRequest

__all__ = ["StopRequest", "run_scenario"]
