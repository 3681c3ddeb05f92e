"""Run one scenario: the library call behind `digipal-perf run`, pytest and CI."""

from perfcli.run.supervision import StopRequest, run_scenario

__all__ = ["StopRequest", "run_scenario"]
