# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Tables of long rollouts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hma_ros.evaluation.markdown import Column, Result, Table, number, results_table


def occlusion_table(results: Sequence[Result]) -> Table:
    """Count the objects that come back where they are."""
    columns: list[Column] = [
        ('robot', lambda item: item['robot']),
        ('actions', lambda item: item['actions']),
        ('occluded for, steps', lambda item: str(item['occluded'])),
        ('cases', lambda item: str(item['cases'])),
        ('at its place, %', _share('kept', 0)),
        ('tokenizer, %', _share('kept_drawn', 0)),
    ]
    return results_table(results, [*columns, *_settings(results)])


def object_places_table(results: Sequence[Result]) -> Table:
    """Say how well the frame tokenizer keeps objects."""
    columns: list[Column] = [
        ('robot', lambda item: item['robot']),
        ('frames', lambda item: str(item['frames'])),
        ('object there, %', _share('shown')),
        ('of these within 1 px of 64, %', _share('near')),
        ('median error, px of 64', lambda item: number(item['error_px'], 2)),
        ('95th percentile, px of 64', lambda item: number(item['largest_error_px'], 2)),
    ]
    return results_table(results, [*columns, *_settings(results)])


def long_horizon_table(results: Sequence[Result]) -> Table:
    """Set what rollouts keep beside what the tokenizer alone keeps, in brackets."""

    def both(header: str, name: str, digits: int, scale: float = 1.0) -> Column:
        def cell(item: Result) -> str:
            values = (item[name], item['tokenizer'][name])
            shown = [number(None if x is None else scale * x, digits) for x in values]
            return f'{shown[0]} [{shown[1]}]'

        return header, cell

    columns: list[Column] = [
        ('robot', lambda item: item['robot']),
        ('actions', lambda item: item['actions']),
        ('steps', lambda item: str(item['steps'])),
        ('rollouts', lambda item: str(item['episodes'])),
        both('all parts there, %', 'survival', 0, 100),
        both('tool there, %', 'tool_survival', 0, 100),
        both('object there, %', 'object_survival', 0, 100),
        both('tool error, px of 64', 'tool_error_px', 1),
        both('object error, px of 64', 'object_error_px', 1),
        both('gain, dB', 'gain_db', 1),
    ]
    return results_table(results, [*columns, *_settings(results)])


def _settings(results: Sequence[Result]) -> list[Column]:
    """Name the bundle, seed and decoding where the lines differ in them."""
    settings = [item.get('settings', {}) for item in results]
    names = dict.fromkeys(name for item in settings for name in item)

    def column(name: str) -> Column:
        return name, lambda item: str(item.get('settings', {}).get(name, '-'))

    return [column(name) for name in names if len({str(item.get(name)) for item in settings}) > 1]


def _share(name: str, digits: int = 1) -> Callable[[Result], str]:
    return lambda item: number(None if item[name] is None else 100 * item[name], digits)
