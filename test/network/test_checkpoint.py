# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Checkpoints of HMA are read whole or refused by name."""

import json
import shutil
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import torch

from hma_ros.core.errors import ConfigError
from hma_ros.network.checkpoint import load_hma, load_released, save_hma
from hma_ros.network.config import (
    Compat,
    Diffusion,
    Domain,
    HmaConfig,
    Injection,
    TimePositions,
)
from hma_ros.network.continuous import ContinuousHma
from hma_ros.network.discrete import DiscreteHma
from hma_ros.network.strict_loading import load_tensors, save_tensors

DATA = Path(__file__).parents[1] / 'data'
RELEASED = DATA / 'golden/disc_concat_modulate'
LAYOUTS = json.loads((DATA / 'released_layouts.json').read_text())
DOMAINS = (
    Domain('language_table', 1, (0.0,) * 2, (1.0,) * 2),
    Domain('droid', 7, (0.0,) * 7, (1.0,) * 7),
)
# As trained by the published scripts.
BASE = HmaConfig(
    layers=32,
    heads=8,
    width=256,
    window=12,
    positions=256,
    mup=True,
    domains=DOMAINS,
    compat=Compat.UPSTREAM,
)


def published(kind: str) -> dict[str, list[int]]:
    """Names and shapes of a released Base model that has two domains."""
    places = product(range(32), range(4), [domain.name for domain in DOMAINS])
    shapes = {}
    for layer, block, domain in places:
        for pattern, shape in LAYOUTS[kind].items():
            name = pattern.format(layer=layer, block=block, domain=domain)
            shapes[name] = shape[domain] if isinstance(shape, dict) else shape
    return shapes


def as_continuous(config: HmaConfig) -> HmaConfig:
    """Return the continuous model that was trained beside a discrete one."""
    diffusion = Diffusion(
        patch=2, latent_channels=4, width=1024, blocks=4, steps=100, mask_steps=16
    )
    return replace(config, positions=1024, qkv_bias=True, mlp_bias=False, diffusion=diffusion)


def shapes_of(model: torch.nn.Module) -> dict[str, list[int]]:
    return {name: list(tensor.shape) for name, tensor in model.state_dict().items()}


def with_weights(folder: Path, change) -> Path:
    """Return a copy of the released folder after ``change(tensors)``."""
    shutil.copytree(RELEASED, folder)
    tensors = load_tensors(folder / 'model.safetensors')
    change(tensors)
    save_tensors(tensors, folder / 'model.safetensors')
    return folder


def test_the_discrete_layout_is_the_published_one():
    with torch.device('meta'):
        model = DiscreteHma(BASE)
    assert shapes_of(model) == published('discrete')
    assert len(shapes_of(model)) == 859


@pytest.mark.parametrize(
    ('kind', 'width', 'million'),
    [
        (DiscreteHma, 256, 43.645),
        (DiscreteHma, 1024, 678.681),
        (ContinuousHma, 256, 95.752),
        (ContinuousHma, 1024, 741.246),
    ],
)
def test_the_sizes_are_those_of_table_1(kind, width, million):
    """One data set, language_table: 44, 679, 96 and 741 million."""
    config = replace(BASE, width=width, domains=DOMAINS[:1])
    if kind is ContinuousHma:
        config = as_continuous(config)
    with torch.device('meta'):
        model = kind(config)
    count = sum(parameter.numel() for parameter in model.parameters())
    assert round(count / 1e6, 3) == million


@pytest.mark.parametrize(('predicts', 'tensors'), [(True, 991), (False, 903)])
def test_the_continuous_layout_is_the_published_one(predicts, tensors):
    config = replace(as_continuous(BASE), predict_actions=predicts)
    with torch.device('meta'):
        shapes = shapes_of(ContinuousHma(config))
    expected = published('continuous')
    # Published checkpoints hold these heads also where nothing has trained them.
    heads = {name for name in expected if name.startswith('action_diff_losses.')}
    assert shapes == {n: expected[n] for n in expected if predicts or n not in heads}
    assert len(shapes) == tensors


def test_untrained_heads_of_a_continuous_model_are_left_out(tmp_path):
    folder = shutil.copytree(DATA / 'golden/mar_concat_modulate', tmp_path / 'video')
    facts = json.loads((folder / 'config.json').read_text())
    assert any('action_diff_losses' in name for name in load_released(folder).state_dict())
    (folder / 'config.json').write_text(json.dumps({**facts, 'jointly_predict_actions': False}))
    model = load_released(folder)
    assert not any('action_diff_losses' in name for name in model.state_dict())
    save_hma(model, folder)
    assert load_hma(folder).config == model.config


def test_a_released_folder_is_read_in_upstream_meaning():
    model = load_released(RELEASED)
    assert model.config.compat is Compat.UPSTREAM
    assert not model.training
    weights = load_tensors(RELEASED / 'model.safetensors')
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())


def test_every_missing_unexpected_or_misshapen_parameter_is_named(tmp_path):
    def spoil(tensors):
        del tensors['out_x_proj.bias'], tensors['decoder.layers.2.norm2.weight']
        tensors['out_x_proj.biases'] = torch.zeros(16)
        tensors['action_mlp.franka.model.0.weight'] = torch.zeros(32, 7)

    folder = with_weights(tmp_path / 'spoilt', spoil)
    with pytest.raises(ConfigError) as caught:
        load_released(folder)
    assert str(caught.value) == (
        f'{folder}/model.safetensors: got other parameters than the model has: '
        'missing decoder.layers.2.norm2.weight; unexpected out_x_proj.biases; '
        'action_mlp.franka.model.0.weight [32, 7], expected [32, 14]; missing out_x_proj.bias'
    )


@pytest.mark.parametrize('prefix', ['model.', 'net.model.'])
def test_a_prefix_of_every_name_is_named(tmp_path, prefix):
    def rename(tensors):
        for name in list(tensors):
            tensors[prefix + name] = tensors.pop(name)

    folder = with_weights(tmp_path / 'renamed', rename)
    with pytest.raises(ConfigError, match=f"got '{prefix}' in front of every name, .* without it"):
        load_released(folder)


def test_thousands_of_differences_are_a_few_and_a_count(tmp_path):
    def rename(tensors):
        for name in list(tensors):
            tensors[f'{name}.student'] = tensors.pop(name)

    folder = with_weights(tmp_path / 'renamed', rename)
    message = r'has: missing .*; unexpected .*\.student; .*; and \d+ more$'
    with pytest.raises(ConfigError, match=message) as caught:
        load_released(folder)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    'prefix', ['module.', '_orig_mod.', 'module._orig_mod.', '_fsdp_wrapped_module.module.']
)
def test_weights_that_were_saved_inside_a_wrapper_are_read(tmp_path, prefix):
    def wrap(tensors):
        for name in list(tensors):
            tensors[prefix + name] = tensors.pop(name)

    wrapped = load_released(with_weights(tmp_path / 'wrapped', wrap)).state_dict()
    plain = load_released(RELEASED).state_dict()
    assert list(wrapped) == list(plain)
    assert all(torch.equal(wrapped[name], plain[name]) for name in plain)


def test_a_compiled_part_of_a_model_is_read(tmp_path):
    def wrap(tensors):
        for name in [name for name in tensors if name.startswith('decoder.')]:
            tensors[name.replace('decoder.', 'decoder._orig_mod.')] = tensors.pop(name)

    assert load_released(with_weights(tmp_path / 'compiled', wrap)).config.layers


def test_a_tensor_with_and_without_a_prefix_is_refused(tmp_path):
    def double(tensors):
        tensors['module.out_x_proj.bias'] = tensors['out_x_proj.bias'].clone()

    folder = with_weights(tmp_path / 'double', double)
    with pytest.raises(ConfigError, match=r'out_x_proj.bias: got it with and without'):
        load_released(folder)


@pytest.mark.parametrize('name', ['config.json', 'model.safetensors'])
def test_a_file_cloned_without_git_lfs_says_how_to_get_it(tmp_path, name):
    folder = shutil.copytree(RELEASED, tmp_path / 'pointer')
    oid = 'ab' * 32
    (folder / name).write_text(
        f'version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 1234567\n'
    )
    with pytest.raises(ConfigError, match=f'{name}: got a Git LFS pointer.*`git lfs pull`'):
        load_released(folder)


def test_parameters_that_are_not_finite_are_named(tmp_path):
    def spoil(tensors):
        tensors['out_x_proj.bias'][3] = torch.nan

    folder = with_weights(tmp_path / 'spoilt', spoil)
    with pytest.raises(ConfigError, match=r'got nan or inf in out_x_proj.bias, expected finite'):
        load_released(folder)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'action_network': 'film'}, "action_network: 'film', expected mlp, cross_attention,"),
        (
            {'d_actions': [14, 15]},
            'd_actions of aloha: got 15, expected a multiple of the 14 means',
        ),
        ({'d_actions': [14]}, 'action_domains, d_actions, action_stats: 2, 1 and 2 entries'),
        ({'d_actions': None}, 'd_actions: got null, expected the numbers of a chunk for each'),
        (
            {'action_stats': None},
            r'action_stats: got null, expected mean and .* \(franka, aloha\); set it to',
        ),
        ({'image_vocab_size': 63}, 'image_vocab_size: got 63, expected a power of 2'),
        ({'d_model': None}, 'd_model: got None, expected an integer of at least 1'),
        ({'num_layers': 'one'}, "num_layers: got 'one', expected an integer of at least 1"),
        ({'num_layers': 2.5}, 'num_layers: got 2.5, expected an integer of at least 1'),
        ({'num_heads': 0}, 'num_heads: got 0, expected an integer of at least 1'),
        ({'num_factored_vocabs': 0}, 'num_factored_vocabs: got 0, expected an integer of at'),
        ({'mlp_ratio': 'wide'}, "mlp_ratio: got 'wide', expected a number"),
        ({'use_mup': 'no'}, "use_mup: got 'no', expected true or false"),
        ({'action_domains': 'franka'}, "action_domains: got 'franka', expected a list of names"),
        ({'action_domains': [1, 2]}, 'action_domains: got 1, expected names'),
        ({'d_actions': [14, 'x']}, "d_actions of aloha: got 'x', expected an integer of at"),
        ({'action_stats': [1, 2]}, 'action_stats of franka: got 1, expected two lists of numb'),
        ({'action_stats': [[[0], []]] * 2}, 'action_stats of franka: got 1 means and 0 stds'),
        ({'num_heads': 5}, 'heads: got 5, expected a divisor of width 32'),
        ({'jointly_predict_states': False}, 'jointly_predict_states: False, expected true'),
    ],
)
def test_a_configuration_that_no_model_has_is_refused(tmp_path, change, message):
    folder = shutil.copytree(RELEASED, tmp_path / 'released')
    facts = json.loads((folder / 'config.json').read_text())
    (folder / 'config.json').write_text(json.dumps({**facts, **change}))
    with pytest.raises(ConfigError, match=message) as caught:
        load_released(folder)
    assert str(folder / 'config.json') in str(caught.value)


def test_parameters_that_do_not_fit_blame_the_keys_that_were_taken_from_defaults(tmp_path):
    folder = shutil.copytree(RELEASED, tmp_path / 'older')
    facts = json.loads((folder / 'config.json').read_text())
    del facts['qk_norm'], facts['mlp_ratio']
    (folder / 'config.json').write_text(json.dumps({**facts, 'proj_bias': not facts['proj_bias']}))
    with pytest.raises(ConfigError, match='got other parameters than the model has') as caught:
        load_released(folder)
    assert str(caught.value).endswith(
        '; config.json lacks 2 keys, took qk_norm True, mlp_ratio 4.0; set those that the model '
        'was trained with otherwise'
    )


def test_more_layers_than_tensors_blame_the_configuration(tmp_path):
    folder = shutil.copytree(RELEASED, tmp_path / 'other')
    facts = json.loads((folder / 'config.json').read_text())
    (folder / 'config.json').write_text(json.dumps({**facts, 'num_layers': 999}))
    message = r'layers in config.json .*: got 999, .* tensors, each with tensors of its own; take'
    with pytest.raises(ConfigError, match=message):
        load_released(folder)


def test_a_folder_that_is_not_there_may_be_on_hugging_face(tmp_path):
    with pytest.raises(ConfigError, match='absent: got no such folder, expected .*safetensors$'):
        load_released(tmp_path / 'absent')
    with pytest.raises(ConfigError, match='hf download liruiw/hma-base-disc --local-dir hma-base'):
        load_released('liruiw/hma-base-disc')


def test_missing_keys_and_files_are_named(tmp_path):
    with pytest.raises(ConfigError, match=f'^{tmp_path}: got no config.json, expected'):
        load_released(tmp_path)
    (tmp_path / 'config.json').write_text('[]')
    with pytest.raises(ConfigError, match='config.json: got list, expected a JSON object'):
        load_released(tmp_path)
    (tmp_path / 'config.json').write_text('{"T": 12}')
    with pytest.raises(ConfigError, match='config.json: got no num_layers, num_heads, d_model'):
        load_released(tmp_path)
    shutil.copy(RELEASED / 'config.json', tmp_path)
    with pytest.raises(
        ConfigError, match=f'^{tmp_path}: got no model.safetensors, expected it, or model.saf'
    ):
        load_released(tmp_path)


def test_a_checkpoint_without_actions_has_no_stems(tmp_path):
    folder = tmp_path / 'passive'

    def strip(tensors):
        for name in [name for name in tensors if 'action_' in name and 'mask' not in name]:
            del tensors[name]

    with_weights(folder, strip)
    facts = json.loads((folder / 'config.json').read_text())
    facts.update(init_actions=False, action_domains=None, d_actions=None, action_stats=None)
    (folder / 'config.json').write_text(json.dumps(facts))
    assert load_released(folder).config.domains == ()


@pytest.mark.parametrize('compat', Compat)
@pytest.mark.parametrize('time', TimePositions)
@pytest.mark.parametrize('injection', Injection)
def test_our_own_checkpoints_come_back_as_they_were(tmp_path, compat, time, injection):
    small = replace(
        BASE, layers=2, width=16, window=3, positions=4, action_tokens=2, factor_size=4
    )
    model = DiscreteHma(replace(small, compat=compat, time=time, injection=injection))
    for tensor in model.parameters():
        torch.nn.init.normal_(tensor)
    save_hma(model, tmp_path)
    again = load_hma(tmp_path)
    assert again.config == model.config
    weights = again.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'time': 'sundial'}, "'sundial' is not a valid TimePositions"),
        ({'gadgets': 3}, "unexpected keyword argument 'gadgets'"),
        ({'domains': [{'name': 'droid'}]}, "'stride'"),
    ],
)
def test_a_spoilt_configuration_of_ours_is_refused(tmp_path, change, message):
    save_hma(DiscreteHma(replace(BASE, layers=1, width=16, factor_size=4)), tmp_path)
    facts = json.loads((tmp_path / 'config.json').read_text())
    (tmp_path / 'config.json').write_text(json.dumps({**facts, **change}))
    with pytest.raises(ConfigError, match=message):
        load_hma(tmp_path)


def test_a_released_checkpoint_is_not_one_of_ours():
    with pytest.raises(ConfigError, match="config.json: got 'domains', expected what save_hma"):
        load_hma(RELEASED)
