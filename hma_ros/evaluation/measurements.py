# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What was measured, with the command and the machine it was measured with, as JSON."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from hma_ros import __version__


def as_result(name: str, measured: Any) -> dict[str, Any]:
    """Turn a dataclass into a result; what is not a finite number becomes None."""
    return {'name': name, **{key: _plain(value) for key, value in asdict(measured).items()}}


def write_measurements(
    path: str | Path, command: str, results: Sequence[dict[str, Any]], **more: Any
) -> None:
    """
    Write one file of results, with the machine they were measured on.

    :param more: further facts of the file, beside the results that tables show.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {'command': command, 'machine': describe_machine(), **more, 'results': list(results)}
    path.write_text(json.dumps(facts, indent=1, allow_nan=False) + '\n', encoding='utf-8')


# Vector instructions by their flags in /proc/cpuinfo, the fastest for a network first.
_VECTORS = (
    ('amx_int8', 'AMX'),
    ('avx512_bf16', 'AVX512-BF16'),
    ('avx512_vnni', 'AVX512-VNNI'),
    ('avx512f', 'AVX-512'),
    ('avx_vnni', 'AVX-VNNI'),
    ('avx2', 'AVX2'),
    ('asimddp', 'NEON with dot products'),
)


def describe_machine() -> dict[str, str]:
    """Name what decides how fast things are here."""
    memory_gib = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30
    return {
        'processor': _processor(),
        'cores': str(len(os.sched_getaffinity(0))),
        'memory': f'{memory_gib:.1f} GiB',
        'system': f'{platform.system()} {platform.machine()}',
        'python': platform.python_version(),
        'numpy': np.__version__,
        'onnxruntime': onnxruntime.__version__,
        'hma_ros': __version__,
        'load, 1 min average': f'{os.getloadavg()[0]:.1f}',
    }


def _processor() -> str:
    """Name the processor and the first of its vector instructions in the list above."""
    path = Path('/proc/cpuinfo')
    lines = path.read_text().splitlines() if path.exists() else []
    facts = dict(line.split(':', 1) for line in reversed(lines) if ':' in line)
    found = {key.strip(): value.split() for key, value in facts.items()}
    name = ' '.join(found.get('model name', ())) or platform.processor() or platform.machine()
    flags = {*found.get('flags', ()), *found.get('Features', ())}
    return ', '.join([name, *(words for flag, words in _VECTORS if flag in flags)][:2])


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
