"""The mark of tests that need strace to look into this process."""

import pytest

from perfcli.agent.system_calls import NotTraced, Strace


def _why_not() -> str:
    try:
        Strace().end()
    except NotTraced as reason:
        return f"strace {reason}"
    return ""


_WHY_NOT = _why_not()
needs_strace = pytest.mark.skipif(bool(_WHY_NOT), reason=_WHY_NOT)
