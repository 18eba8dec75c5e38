# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Two processes of torchrun train one model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from hma_ros.network.checkpoint import load_hma
from hma_ros.network.strict_loading import load_tensors
from hma_ros.training.workers import Workers

SCRIPT = """
import sys
from pathlib import Path

sys.path.insert(0, {folder!r})
import test_finetune as made
from torch import distributed
import hma_ros.training.run as run
from hma_ros.network.strict_loading import save_tensors

run._LOG_EVERY = 1
config, out = made.KINDS['small'], Path({out!r})
trainer = made.trainer(config, out, 'lora', {steps})
trainer.train(made.source(config))
rank, count = trainer.run.workers.rank, trainer.run.workers.count
save_tensors(dict(trainer.model.state_dict()), out / f'rank_{{rank}}_of_{{count}}')
distributed.destroy_process_group()
"""


@pytest.fixture
def together(tmp_path):
    """Train with two processes; return the folder."""

    def train(steps):
        script = tmp_path / 'script.py'
        script.write_text(
            SCRIPT.format(folder=str(Path(__file__).parent), out=str(tmp_path), steps=steps)
        )
        command = [sys.executable, '-m', 'torch.distributed.run', '--standalone']
        command += ['--nproc-per-node', '2', str(script)]
        done = subprocess.run(
            command,
            env={**os.environ, 'OMP_NUM_THREADS': '1'},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return tmp_path

    return train


def test_two_processes_train_one_model_and_write_it_once(together):
    folder = together(60)
    first, second = (load_tensors(folder / f'rank_{rank}_of_2') for rank in (0, 1))
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=0, atol=0, msg=name)
    entries = [json.loads(line) for line in (folder / 'log.jsonl').read_text().splitlines()]
    assert [entry['step'] for entry in entries] == list(range(1, 61))
    losses = [entry['new/action'] for entry in entries]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    assert [domain.name for domain in load_hma(folder).config.domains] == ['new']


def test_a_process_that_is_alone_changes_nothing():
    workers = Workers()
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.grad = torch.tensor([1.0, 2.0])
    workers.average([parameter])
    assert parameter.grad.tolist() == [1.0, 2.0]
    assert (workers.seed(5), workers.agree(1), workers.is_first) == (5, 1, True)
