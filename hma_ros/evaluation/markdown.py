# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Markdown tables and the numbers in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Result = Mapping[str, Any]
# Its header, and the cell of a result.
Column = tuple[str, Callable[[Result], str]]


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a table: the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    rule = ['-' * widths[0], *('-' * (width - 1) + ':' for width in widths[1:])]
    lines = [
        [
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in (header, rule, *rows)
    ]
    return '\n'.join(f'| {" | ".join(cells)} |' for cells in lines) + '\n'


def results_table(results: Sequence[Result], columns: Sequence[Column]) -> str:
    """Lay out a line for each result."""
    rows = [[cell(item) for _, cell in columns] for item in results]
    return markdown_table([header for header, _ in columns], rows)


def number(value: float | None, digits: int = 1, sign: bool = False) -> str:
    """Write a number, or a dash for None."""
    return '-' if value is None else f'{value:{"+" if sign else ""}.{digits}f}'
