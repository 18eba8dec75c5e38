# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Import and reading of recordings, as tables."""

from __future__ import annotations

from collections.abc import Sequence

from hma_ros.evaluation.markdown import Column, Result, Table, number, results_table


def data_import_table(results: Sequence[Result]) -> Table:
    """Tell how fast bags are imported."""
    columns: list[Column] = [
        ('what', lambda item: item['what']),
        ('per second of CPU time', lambda item: number(item['rate'], 0)),
    ]
    return results_table(results, columns)


def import_memory_table(results: Sequence[Result]) -> Table:
    """Memory that the import of a large bag takes, early and late."""
    columns: list[Column] = [
        ('bag, GB', lambda item: number(item['gigabytes'])),
        ('steps', lambda item: str(item['steps'])),
        ('seconds', lambda item: number(item['seconds'], 0)),
        ('memory, MiB', lambda item: f'{item["first_mib"]:g} to {item["last_mib"]:g}'),
        ('at most, MiB', lambda item: number(item['most_mib'], 1)),
    ]
    return results_table(results, columns)


def lerobot_reading_table(results: Sequence[Result]) -> Table:
    """Compare our readers of LeRobot data sets with LeRobot's own."""
    columns: list[Column] = [
        ('stored as', lambda item: item['stored']),
        ('reader', lambda item: item['reader']),
        ('frames', lambda item: str(item['frames'])),
        ('frames per second of CPU time', lambda item: number(item['rate'], 0)),
        ('least', lambda item: number(min(item['rates']), 0)),
        ('most', lambda item: number(max(item['rates']), 0)),
        ("pixels, difference to LeRobot's", lambda item: f'{item.get("image_difference", "-")}'),
        ('joints, actions', lambda item: f'{item.get("number_difference", "-")}'),
    ]
    return results_table(results, columns)
