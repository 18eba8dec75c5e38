# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What temperature, mask steps and guidance do to long rollouts of the shipped bundle.

Rollouts of all its robots, under wandering and the expert's actions, against the simulator's
truth. Choices that --json already holds are not measured again, so the same command resumes after
a stop.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.report.decoding_table import decoding_table
from hma_ros.bringup import bundle_folder
from hma_ros.core.file_hash import sha256
from hma_ros.core.generation.decoding import Decoding
from hma_ros.core.pool import SERIAL
from hma_ros.evaluation.long_horizon import measure_long_horizon
from hma_ros.evaluation.long_horizon_config import LongHorizonConfig
from hma_ros.evaluation.measurements import as_result, describe_machine, write_measurements
from hma_ros.runtime.manifest import Manifest

BUNDLE = 'hma_sim'
STEPS = (1, 8, 32)
# The first is what the bundle recommends; the others change what they name.
CHOICES = (
    Decoding(),
    Decoding(guidance=1.5),
    Decoding(guidance=2.0),
    Decoding(mask_steps=1, guidance=1.5),
    Decoding(mask_steps=1),
    Decoding(mask_steps=4),
    Decoding(temperature=0.0),
    Decoding(temperature=1.0),
)


def main() -> int:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.decoding',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('--json', type=Path, default=Path('benchmarks/out/decoding.json'), metavar='FILE')
    add('--episodes', type=int, default=8, metavar='N', help='of each robot and kind (8)')
    args = parser.parse_args()
    manifest = Manifest.read(bundle_folder(BUNDLE))
    command = f'python -m benchmarks.decoding --episodes {args.episodes}'
    bundle = sha256(manifest.folder / 'manifest.json')
    results = _measured_before(args.json, command, bundle)
    for choice in CHOICES:
        settings = _settings(choice, manifest)
        if settings not in [item['settings'] for item in results]:
            results += _measured(choice, manifest, args.episodes, settings)
            write_measurements(args.json, command, results, bundle=bundle)
    print(decoding_table(results))
    return 0


def _measured_before(path: Path, command: str, bundle: str) -> list[dict[str, Any]]:
    """Return results of the same command, bundle and processor; none if one differs."""
    if not path.exists():
        return []
    facts = json.loads(path.read_text())
    there = facts['command'], facts['bundle'], facts['machine']['processor']
    is_same = there == (command, bundle, describe_machine()['processor'])
    return list(facts['results']) if is_same else []


def _settings(choice: Decoding, manifest: Manifest) -> dict[str, Any]:
    whole = choice.completed_by(manifest.decoding)
    return {
        'temperature': whole.temperature,
        'mask steps': whole.mask_steps,
        'guidance': whole.guidance,
    }


def _measured(
    choice: Decoding, manifest: Manifest, episodes: int, settings: dict[str, Any]
) -> list[dict[str, Any]]:
    config = LongHorizonConfig(STEPS, episodes, decoding=choice)
    return [
        {**as_result('decoding', rollouts.at(steps)), 'settings': settings}
        for stem in manifest.robots.values()
        for rollouts in measure_long_horizon(manifest.folder, stem.embodiment, config, SERIAL)
        for steps in STEPS
    ]


if __name__ == '__main__':
    raise SystemExit(main())
