# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A change of low rank begins with none, and can be merged into plain weights."""

import torch

from hma_ros.network.low_rank import adapt, merge


def logits(model, stream):
    return model(stream.ids_BRS, 'robot', stream.actions_BRX).logits_BRSFV


def test_it_begins_without_a_change_and_merges_into_plain_weights(make_model, make_stream):
    model = make_model()
    stream, names = make_stream(model, 3), list(model.state_dict())
    before = logits(model, stream)
    adapt(model, 2)
    model.double()
    torch.testing.assert_close(logits(model, stream), before, rtol=0, atol=0)
    for name, parameter in model.named_parameters():
        if name.endswith('.up'):
            torch.nn.init.normal_(parameter)
    changed = logits(model, stream)
    assert (changed - before).abs().max() > 1e-3
    merge(model)
    assert list(model.state_dict()) == names
    torch.testing.assert_close(logits(model.double(), stream), changed, rtol=1e-5, atol=1e-5)


def test_only_the_change_is_learned(make_model):
    model = make_model()
    adapt(model, 2)
    learned = {name for name, item in model.named_parameters() if item.requires_grad}
    assert learned
    assert all(name.endswith(('.up', '.down')) for name in learned)
