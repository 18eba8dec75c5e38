# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Windows of data sets on disk against those of the research code's loaders.

Arrays are named ``{data set}/overlapfilter{0|1}/...``: ``window`` (steps), ``stride``,
``n_action``, ``valid_start_inds``, ``action_stat``, and for each of ``item_idx`` the flat frames
``item{i}/input_ids`` and ``item{i}/action_ids``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hma_ros.core.domains import upstream_stride
from hma_ros.core.errors import ConfigError
from hma_ros.data.token_folders import TokenFolder
from hma_ros.data.token_windows import TokenWindows, upstream_starts
from hma_ros.verification.golden import GoldenArrays
from hma_ros.verification.report import FLOAT32, IDENTICAL, Comparison, compare


def check(folder: Path) -> Iterator[Comparison]:
    """
    Compare all windows in the folder, as the research code opens them.

    :raises ConfigError: a data set or an array is missing, or an array is there that nothing here
        computes.
    """
    golden = GoldenArrays(folder)
    for path in sorted(found.parent for found in folder.glob('*/metadata.json')):
        data = TokenFolder.open(path)
        for filtered in (0, 1):
            yield from _check_windows(golden, data, f'{path.name}/overlapfilter{filtered}')
    golden.check_all_read()


def _check_windows(golden: GoldenArrays, data: TokenFolder, group: str) -> Iterator[Comparison]:
    windows = TokenWindows(
        data,
        steps=int(golden[f'{group}/window']),
        stride=upstream_stride(data.domain),
        overlapping=group.endswith('0'),
        start_rule=upstream_starts,
    )
    exact = {
        'stride': windows.stride,
        'n_action': windows.stride * data.actions.shape[1],
        'valid_start_inds': windows.starts,
    }
    for name, found in exact.items():
        yield compare(f'{group}/{name}', found, golden[f'{group}/{name}'], IDENTICAL)
    statistics = golden[f'{group}/action_stat']
    yield compare(f'{group}/action_stat', data.action_statistics(), statistics, FLOAT32)
    for index in golden[f'{group}/item_idx'].tolist():
        yield from _check_item(golden, windows, group, index)


def _check_item(
    golden: GoldenArrays, windows: TokenWindows, group: str, index: int
) -> Iterator[Comparison]:
    if index not in range(len(windows)):
        raise ConfigError(
            f'{golden.path}: {group}/item_idx holds {index}, expected below {len(windows)}'
        )
    window, prefix = windows[index], f'{group}/item{index}'
    # Flat over steps, height and width; latents keep their channels.
    channels = window.frames.shape[3:]
    arrays = {'input_ids': window.frames.reshape(-1, *channels), 'action_ids': window.actions}
    for name, found in arrays.items():
        yield compare(f'{prefix}/{name}', found, golden[f'{prefix}/{name}'], IDENTICAL)
