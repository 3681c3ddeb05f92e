"""Many tests at once: S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
Statistics 6, 1979.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Each p as if it stood alone, in the same order.

    Taking those up to α for true errs in any of them with a probability of at most α, however they hang together.
    """
    ascending = sorted(range(len(p_values)), key=p_values.__getitem__)
    scaled = (min(1.0, (len(p_values) - place) * p_values[index]) for place, index in enumerate(ascending))
    of_index = dict(zip(ascending, accumulate(scaled, max), strict=True))
    return [of_index[index] for index in range(len(p_values))]
