# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A new robot beside a trained model."""

from dataclasses import replace

import pytest
import torch

from hma_ros.core.errors import ConfigError
from hma_ros.network.config import Compat, Domain, Injection
from hma_ros.network.new_stem import extended_config, is_of_stem, with_stem

NEW = Domain('arm', 1, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def test_the_others_compute_what_they_did(make_model, make_stream):
    model = make_model().float()
    stream = make_stream(model, 4)
    actions = stream.actions_BRX.float()
    masked = torch.tensor([[False, True, False, True]])
    config = extended_config(model.config, NEW, ['robot'])
    extended = with_stem(model, config).eval()
    for field in ('logits_BRSFV', 'chunk_BRX'):
        before, after = (
            getattr(one(stream.ids_BRS, 'robot', actions, masked), field)
            for one in (model, extended)
        )
        torch.testing.assert_close(after, before, rtol=0, atol=0)


def test_actions_of_the_new_one_change_nothing_yet(make_model, make_stream):
    model = make_model(concat=False, injection=Injection.MODULATE)
    ids = make_stream(model, 3).ids_BRS
    extended = with_stem(model, extended_config(model.config, NEW, [])).double().eval()
    still, moved = (
        extended(ids, 'arm', torch.full((1, 3, 3), value).double()) for value in (0.0, 5.0)
    )
    torch.testing.assert_close(still.logits_BRSFV, moved.logits_BRSFV, rtol=0, atol=0)


def test_what_upstream_trained_goes_on_corrected(make_model):
    config = replace(make_model().config, compat=Compat.UPSTREAM, predict_actions=False)
    extended = extended_config(config, NEW, [])
    assert extended.compat is Compat.CORRECTED
    assert extended.predict_actions
    assert [domain.name for domain in extended.domains] == ['arm']


def test_a_name_that_is_kept_is_refused(make_model):
    config, new = make_model().config, replace(NEW, name='robot')
    with pytest.raises(ConfigError, match=r"stem 'robot': got a model that keeps one.*--stem"):
        extended_config(config, new, ['robot'])


def test_a_stem_that_is_not_kept_begins_anew_under_its_name(make_model):
    model = make_model()
    config = extended_config(model.config, replace(NEW, name='robot'), [])
    before, after = model.state_dict(), with_stem(model, config).state_dict()
    assert [domain.name for domain in config.domains] == ['robot']
    for name, value in after.items():
        if name in before and not is_of_stem(name, 'robot'):
            torch.testing.assert_close(value, before[name].float(), rtol=0, atol=0)


def test_a_stem_of_an_unlucky_name_owns_nothing_of_the_trunk():
    assert is_of_stem('decoder.layers.0.action_projectors.mlp.linear_out.weight', 'mlp')
    assert is_of_stem('action_mlp.model.model.0.weight', 'model')
    assert not is_of_stem('decoder.layers.0.mlp.fc1.weight', 'mlp')
    assert not is_of_stem('action_mlp.robot.model.0.weight', 'model')
