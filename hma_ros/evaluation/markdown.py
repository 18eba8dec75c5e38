# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Markdown tables and the numbers in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Result = Mapping[str, Any]
# Its header, and the cell of a result.
Column = tuple[str, Callable[[Result], str]]


@dataclass(frozen=True)
class Table:
    """A header and lines of as many cells; printed as Markdown."""

    header: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        """Lay out the table: the first column to the left, the others to the right."""
        texts = (self.header, *self.lines)
        widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
        rule = ('-' * widths[0], *('-' * (width - 1) + ':' for width in widths[1:]))
        laid_out = (
            ' | '.join(
                cell.rjust(width) if column else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            for line in (self.header, rule, *self.lines)
        )
        return ''.join(f'| {line} |\n' for line in laid_out)


def results_table(results: Sequence[Result], columns: Sequence[Column]) -> Table:
    """Make a line of each result."""
    lines = tuple(tuple(cell(item) for _, cell in columns) for item in results)
    return Table(tuple(header for header, _ in columns), lines)


def joined(tables: Mapping[str, Table]) -> Table:
    """
    Join the tables of several machines; lines about the same thing stand together.

    A last column says which machine, unless all of them say the same.

    :param tables: by machine, at least one; all with the header of the first.
    """
    first, *others = tables.values()
    if all(other == first for other in others):
        return first
    width = max(len(table.header) for table in tables.values())
    header = next(table.header for table in tables.values() if len(table.header) == width)
    order = list(dict.fromkeys(line[0] for table in tables.values() for line in table.lines))
    lines = [
        (*line, *('-',) * (width - len(line)), machine)
        for machine, table in tables.items()
        for line in table.lines
    ]
    lines.sort(key=lambda line: order.index(line[0]))
    return Table((*header, 'machine'), tuple(lines))


def number(value: float | None, digits: int = 1, sign: bool = False) -> str:
    """Write a number, or a dash for None."""
    return '-' if value is None else f'{value:{"+" if sign else ""}.{digits}f}'


def perplexity(entropy_nats: float | None, short: bool = False) -> str:
    """Write the perplexity of a cross entropy; ``short`` leaves out the decimal from 100 on."""
    if entropy_nats is None:
        return '-'
    value = math.exp(entropy_nats)
    return number(value, 0 if short and value >= 100 else 1)


def interval(item: Result) -> str:
    """Write a difference with its interval."""
    ends = ', '.join(number(item[end], sign=True) for end in ('low_db', 'high_db'))
    return f'{number(item["mean_db"], sign=True)} [{ends}]'
