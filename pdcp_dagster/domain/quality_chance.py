"""Whether two shares differ by more than chance.

What lives here: Fisher's exact test, one-sided, and what of it counts as beyond chance. What does not: what is compared
(`quality_cohort`, `quality_drift`).
"""

from __future__ import annotations

import math

BEYOND_CHANCE = 0.01
"""All comparisons of one check together cry wolf at most this often (Bonferroni): once in a hundred reports."""


def is_more(some: int, of: int, others: int, of_others: int, comparisons: int = 1) -> bool:
    """Whether `some` of `of` is a larger share than `others` of `of_others`, beyond chance in so many comparisons."""
    return chance_of_more(some, of, others, of_others) < BEYOND_CHANCE / max(1, comparisons)


def chance_of_more(some: int, of: int, others: int, of_others: int) -> float:
    """Return the probability of `some` or more of `of` if both groups were drawn from one (hypergeometric tail)."""
    having, everybody = some + others, of + of_others
    of_all = _log_choose(everybody, of)
    return math.fsum(
        math.exp(_log_choose(having, count) + _log_choose(everybody - having, of - count) - of_all)
        for count in range(some, min(having, of) + 1)
    )


def _log_choose(n: int, k: int) -> float:
    if not 0 <= k <= n:
        return -math.inf
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
