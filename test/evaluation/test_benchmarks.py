# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``make bench`` measures a real bundle on episodes it makes itself."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _bench(bundle: Path, *arguments: str) -> 'subprocess.CompletedProcess[str]':
    command = [sys.executable, '-m', 'benchmarks', '--bundle', str(bundle), '--only', 'robot']
    command += arguments
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_bundle_is_measured(bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / 'out' / 'latest.json'
    small = ['--steps', '40', '--threads', '1', '--episodes', '2', '--prediction-steps', '2']
    small += ['--ros-episodes', '0']
    done = _bench(bundle, *small, '--out', str(out))
    assert done.returncode == 0, done.stderr
    measured = json.loads(out.read_text())
    assert measured['command'].endswith(f'{" ".join(small)} --rounds 5 --contexts 25')
    assert measured['machine']['cores'].isdigit()
    latency, prediction = measured['results']
    assert (latency['name'], prediction['name']) == ('latency', 'prediction')
    assert latency['embodiment'] == prediction['embodiment'] == 'sim_planar'
    for quantity in ('observe_act_ms', 'imagine_ms', 'encode_ms', 'decode_ms'):
        assert 0 < latency[quantity]['p50'] <= latency[quantity]['p95'] <= latency[quantity]['p99']
    assert latency['period_ms'] == 100
    # A context that grew by a step's keys and values would double within these steps.
    assert abs(latency['memory_growth_mib']) < 0.1 * latency['memory_mib']
    assert prediction['steps'] == 2
    assert '| sim_planar |' in done.stdout


def test_a_robot_that_the_bundle_cannot_serve_is_refused(bundle: Path) -> None:
    done = _bench(bundle, '--robot', 'toaster')
    assert done.returncode == 2
    assert done.stderr == ("benchmarks: error: --robot: 'toaster', expected one of sim_planar\n")
