"""The limits of the figures. They are ratios, for machines differ, and aims: a missed one is marked and fails no run.

Those by the floor are about a quarter above what was measured (docs/load-testing.md): a step that has become dearer is seen.
Lower them when a step becomes cheaper.
"""

CPU_BY_FLOOR = {
    "checkout_at_once": 6.0,
    "checkout_at_rate": 8.0,
    "payment": 6.0,
    "life": 5.5,
    "read": 4.0,
    "page": 3.5,
    "relay": 4.5,
    "job": 4.0,
}
"""The CPU of each step by that of its floor."""

P50_BY_FLOOR = {"checkout_at_once": 2.5, "checkout_at_rate": 3.5}
"""The median duration of a checkout by that of the other services' critical path under the same load."""

MORE_CPU_WITH_RATE_LIMITS = 5.0
"""Percent of the server's CPU for a checkout (contract: limits and caching, "Cost")."""

LATER_WITH_RATE_LIMITS = 1.0
"""Milliseconds by which the median checkout may be later with rate limits (there too)."""
