# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Fine-tuning learns a new robot, leaves others as they are, and goes on after it was killed."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hma_ros.core.settings import TRUNKS
from hma_ros.data.windows import EpisodeWindows, TokenEpisode
from hma_ros.network.attention import Steps
from hma_ros.network.checkpoint import load_hma
from hma_ros.network.config import (
    Compat,
    Diffusion,
    Domain,
    HmaConfig,
    Joints,
    TimePositions,
    preset,
)
from hma_ros.network.discrete import TokensSeen
from hma_ros.network.initial import initialised
from hma_ros.training.finetune import FineTuning, start
from hma_ros.training.trainer import HmaTrainer

JOINTS = Joints(('slide',), (0.0,), (1.0,), 'unknown', (0.0,), (1.0,), state_size=2)
OLD = Domain('old', 1, (0.0,), (1.0,), joints=JOINTS)
NEW = Domain('new', 2, (0.0,), (1.0,), joints=JOINTS)
SIZES = {'layers': 1, 'heads': 2, 'width': 32, 'positions': 4, 'action_tokens': 1}
TOKENS = {'factors': 2, 'factor_size': 4}
SMALL = preset('small', [OLD], **SIZES, **TOKENS)
BARE = replace(OLD, joints=None)
DISCRETE = HmaConfig(**SIZES, **TOKENS, window=2, domains=(BARE,), time=TimePositions.ROTARY)
PARTS = Diffusion(patch=1, latent_channels=3, width=32, blocks=1, steps=10, mask_steps=2)
CONTINUOUS = replace(DISCRETE, diffusion=PARTS)
UPSTREAM = replace(
    DISCRETE,
    compat=Compat.UPSTREAM,
    time=TimePositions.LEARNED,
    window=4,
    mup=True,
    predict_actions=False,
)
WHOLE = ('all', 'scratch')
KINDS = {'small': SMALL, 'discrete': DISCRETE, 'continuous': CONTINUOUS, 'upstream': UPSTREAM}


def trained(config):
    """Return a model with nothing left at zero."""
    torch.manual_seed(5)
    model = initialised(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return model


def source(config):
    """Return still frames, whose action is always the same."""
    rng = np.random.default_rng(0)
    tokens = np.tile(rng.integers(4, size=(1, 4, 2)), (9, 1, 1))
    if config.diffusion is not None:
        tokens = np.tile(rng.normal(size=(1, 4, 3)).astype(np.float32), (9, 1, 1))
    actions = np.tile(np.float32([[0.5, 0.5]]), (8, 1))
    joints, states = np.zeros((9, 1), np.float32), np.zeros((9, 2), np.float32)
    episodes = [TokenEpisode(tokens, actions, actions, joints, states)] * 10
    return {'new': EpisodeWindows(episodes, 4)}


def trainer(config, folder, trunk, steps=80):
    begun = start(trained(config), NEW, FineTuning(trunk, rank=2))
    facts = {'length': 4, 'windows': 4, 'compiled': False, 'precision': 'highest'}
    return HmaTrainer(begun.model.config, folder, steps, **facts, start=begun)


@pytest.mark.parametrize('trunk', TRUNKS)
@pytest.mark.parametrize('config', KINDS.values(), ids=KINDS.keys())
def test_the_loss_falls_and_the_checkpoint_is_a_plain_one(tmp_path, config, trunk):
    run = trainer(config, tmp_path, trunk)

    def loss():
        with torch.no_grad():
            terms = run.losses(source(config), 1)
        # A frozen trunk that learned nothing predicts no frames, whatever stands beside it.
        return float(sum(terms.values()) if trunk in WHOLE else terms['new/action'])

    before = loss()
    run.train(source(config))
    assert loss() < 0.8 * before
    found = load_hma(tmp_path)
    keeps = trunk == 'frozen' and config is not UPSTREAM
    assert [domain.name for domain in found.config.domains] == ['old', 'new'][not keeps :]
    assert found.config.predict_actions
    assert found.config.compat is Compat.CORRECTED
    assert not [name for name in found.state_dict() if name.endswith(('.up', '.down'))]


@pytest.mark.parametrize('config', [SMALL, DISCRETE], ids=['small', 'discrete'])
def test_other_robots_act_and_imagine_to_the_bit_as_before_with_a_frozen_trunk(tmp_path, config):
    before, run = trained(config), trainer(config, tmp_path, 'frozen', 20)
    run.train(source(config))
    after = load_hma(tmp_path)
    moved = [name for name, value in before.state_dict().items() if 'state.' not in name]
    for name in moved:
        torch.testing.assert_close(
            after.state_dict()[name], before.state_dict()[name], rtol=0, atol=0
        )
    torch.manual_seed(0)
    factors, masked = torch.randint(4, (1, 3, 4, 2)), torch.rand(1, 3, 4) < 0.5
    actions, steps = torch.randn(1, 3, 1), Steps.window(config, 3)
    outputs = []
    for model in (before, after):
        given = model.condition('old', actions, steps)
        x, _ = model.run(
            model.embed(TokensSeen(factors, masked, factors), given, steps), 'old', given, steps
        )
        outputs.append(model.read(x, 'old', (), factors).logits_BRSFV)
    torch.testing.assert_close(*outputs, rtol=0, atol=0)


def test_from_scratch_nothing_of_the_trained_model_is_left(tmp_path):
    trunks = [
        start(model, NEW, FineTuning('scratch')).model.decoder.state_dict()
        for model in (trained(SMALL), initialised(SMALL))
    ]
    for name, value in trunks[0].items():
        torch.testing.assert_close(value, trunks[1][name], rtol=0, atol=0)


@pytest.mark.parametrize('trunk', TRUNKS)
def test_what_is_frozen_stays_and_the_rest_is_learned(tmp_path, trunk):
    run = trainer(SMALL, tmp_path, trunk, 5)
    before = {name: value.clone() for name, value in run.model.named_parameters()}
    run.train(source(SMALL))
    learned = {
        name
        for name, value in run.model.named_parameters()
        if name in before and not torch.equal(value, before[name])
    }
    has_trunk = any('mlp.fc1' in name for name in learned)
    assert any('.new.' in name for name in learned)
    assert has_trunk == (trunk != 'frozen')
    assert ('decoder.layers.0.mlp.fc1.weight' in learned) == (trunk in WHOLE)


KILLED = """
import sys
from pathlib import Path

sys.path.insert(0, {folder!r})
import test_finetune as made
import hma_ros.training.run as run

# Log and save every few steps, as a long run does every few minutes.
run._LOG_EVERY, run._SAVE_EVERY_S = 1, -1.0
config = made.KINDS[{kind!r}]
made.trainer(config, Path({out!r}), {trunk!r}, 40).train(made.source(config))
"""


def log(folder):
    lines = (folder / 'log.jsonl').read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    for entry in entries:
        del entry['time_s']
    return entries


@pytest.mark.parametrize(('kind', 'trunk'), [('small', 'lora'), ('discrete', 'frozen')])
def test_a_run_that_was_killed_ends_with_the_same_losses(tmp_path, monkeypatch, kind, trunk):
    monkeypatch.setattr('hma_ros.training.run._LOG_EVERY', 1)
    text = KILLED.format(
        folder=str(Path(__file__).parent), kind=kind, out=str(tmp_path / 'killed'), trunk=trunk
    )

    def train(name):
        trainer(KINDS[kind], tmp_path / name, trunk, 40).train(source(KINDS[kind]))

    train('whole')
    process = subprocess.Popen([sys.executable, '-c', text], stderr=subprocess.DEVNULL)
    path = tmp_path / 'killed' / 'log.jsonl'
    deadline = time.monotonic() + 600
    while not (path.exists() and len(path.read_text().splitlines()) >= 5):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    train('killed')
    assert log(tmp_path / 'killed') == log(tmp_path / 'whole')
    whole, killed = (load_hma(tmp_path / name).state_dict() for name in ('whole', 'killed'))
    for name, value in whole.items():
        torch.testing.assert_close(killed[name], value, rtol=0, atol=0)
