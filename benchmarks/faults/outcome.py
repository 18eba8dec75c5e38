# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The outcome of each fault, and of all together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.faults.bench import Bench
from benchmarks.faults.catalogue import Fault
from benchmarks.faults.wire import Worst


@dataclass
class Outcome:
    """
    One injected fault.

    ``where`` is ``in_process`` or ``dds``. ``reaction_s`` is the time from the fault until the
    last command that moved; None where the robot need not come to rest, or rested already.
    """

    name: str
    kind: str
    robot: str
    where: str
    worst: Worst
    stale: tuple[str, ...] = ()
    recovered: bool = True
    reaction_s: float | None = None
    note: str = ''

    @property
    def passed(self) -> bool:
        """Whether nothing was wrong."""
        return self.worst.is_within and not self.stale and self.recovered


@dataclass
class _Group:
    """Outcomes that are shown together."""

    worst: Worst = field(default_factory=Worst)
    count: int = 0
    outside_limits: int = 0
    stale: int = 0
    unrecovered: int = 0
    reactions_s: list[float] = field(default_factory=list)
    notes: set[str] = field(default_factory=set)

    def add(self, outcome: Outcome) -> None:
        self.count += 1
        self.worst.include(outcome.worst)
        self.outside_limits += not outcome.worst.is_within
        self.stale += len(outcome.stale)
        self.unrecovered += not outcome.recovered
        if outcome.reaction_s is not None:
            self.reactions_s.append(outcome.reaction_s)
        self.notes |= {*outcome.stale, outcome.note} - {''}

    def facts(self) -> dict[str, Any]:
        reactions, failures = self.reactions_s, self.outside_limits + self.stale + self.unrecovered
        return {
            'count': self.count,
            'reaction_s': {
                'median': round(median(reactions), 4) if reactions else None,
                'max': round(max(reactions), 4) if reactions else None,
            },
            'worst': {
                name: round(getattr(self.worst, name), 6)
                for name in ('velocity', 'acceleration', 'position', 'gripper')
            },
            'outside_limits': self.outside_limits,
            'stale': self.stale,
            'unrecovered': self.unrecovered,
            'verdict': 'failed' if failures else 'passed',
            'notes': sorted(self.notes),
        }


def injected(
    bench: Bench, name: str, fault: Fault, robot: str, reach: Callable[[], None]
) -> Outcome:
    """
    Inject a fault in a phase, and judge from there until chunks are followed again.

    :param reach: brings the bench into the phase.
    """
    bench.wire.fresh_worst()
    bench.stale = []
    reaction_s, note = None, ''
    try:
        reach()
        was_moving, start_s = bench.is_moving, bench.steady_s()
        fault.inject(bench)
        if fault.stops and was_moving:
            reaction_s = max(bench.last_moving_s - start_s, 0.0)
        recovered = bench.recover()
    except (TimeoutError, ChildProcessError) as error:
        recovered, note = False, str(error)[:300]
    worst = bench.wire.fresh_worst()
    stale = tuple(bench.stale)
    return Outcome(name, fault.kind, robot, bench.where, worst, stale, recovered, reaction_s, note)


def from_facts(facts: Mapping[str, Any]) -> Outcome:
    """Read what ``dataclasses.asdict`` made of an outcome."""
    return Outcome(**{**facts, 'worst': Worst(**facts['worst']), 'stale': tuple(facts['stale'])})


def summary(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """
    Return totals, ``faults`` and ``kinds``.

    Faults are by name and robot; kinds, for a table, by where they were injected.
    """
    all_of_them = list(outcomes)
    faults = [
        {'name': name, 'kind': kind, 'robot': robot, 'where': where, **group.facts()}
        for (kind, name, robot, where), group in _grouped(
            all_of_them, lambda item: (item.kind, item.name, item.robot, item.where)
        )
    ]
    kinds = [
        {'kind': kind, 'where': where, **group.facts()}
        for (where, kind), group in _grouped(all_of_them, lambda item: (item.where, item.kind))
    ]
    totals = {
        total: sum(item[total] for item in faults)
        for total in ('outside_limits', 'stale', 'unrecovered')
    }
    over_dds = sum(item['count'] for item in faults if item['where'] == 'dds')
    return {
        'injected': len(all_of_them),
        'over_dds': over_dds,
        **totals,
        'faults': faults,
        'kinds': kinds,
    }


def _grouped(
    outcomes: Iterable[Outcome], key: Callable[[Outcome], tuple[Hashable, ...]]
) -> list[tuple[tuple[Any, ...], _Group]]:
    groups: dict[tuple[Any, ...], _Group] = {}
    for outcome in outcomes:
        groups.setdefault(key(outcome), _Group()).add(outcome)
    return sorted(groups.items())
