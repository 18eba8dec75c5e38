# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Write the golden folders ``disc_<variant>`` of small models with the research code itself.

Needs a checkout of github.com/liruiw/HMA at e3c8908 and its packages; of xformers and transformers
only the names that it imports, the first being off::

    XFORMERS_DISABLED=true PYTHONPATH=HMA python test/data/golden/write_variants.py
"""

from pathlib import Path

import numpy as np
import torch
from hma.config import GenieConfig
from hma.model.st_mask_git import STMaskGIT

DOMAIN, STRIDE = 'franka', 2
MEAN, STD = [-0.25, 0.5, 1.0], [0.5, 2.0, 1.25]
BATCH, STEPS, SIDE = 2, 4, 2
SIZES = {
    'num_layers': 2,
    # Other than the eight that cross-attention always has.
    'num_heads': 4,
    'd_model': 32,
    'T': STEPS,
    'S': SIDE**2,
    'image_vocab_size': 16,
    'num_factored_vocabs': 2,
    'action_token_size': 2,
    'mlp_ratio': 1.0,
    'qk_norm': False,
    'jointly_predict_actions': True,
}
VARIANTS = {
    'add': {'action_network': 'mlp', 'qk_norm': True},
    'concat': {'action_network': 'concat', 'qkv_bias': True},
    'concat_add': {'action_network': 'concat+mlp'},
    'modulate': {'action_network': 'modulate'},
    'modulate_video': {'action_network': 'modulate', 'jointly_predict_actions': False},
    'cross_attention': {'action_network': 'cross_attention'},
    'cross_attention_video': {
        'action_network': 'cross_attention',
        'jointly_predict_actions': False,
        'use_mup': True,
        'mlp_bias': False,
    },
    'concat_cross_attention': {'action_network': 'concat+cross_attention', 'qk_norm': True},
}


def make_model(variant: dict) -> STMaskGIT:
    """Return a model of which every parameter is random."""
    model = STMaskGIT(GenieConfig(**{**SIZES, **variant}))
    model.init_action_projectors(
        [DOMAIN], [STRIDE * len(MEAN)], [[MEAN, STD]], variant['action_network']
    )
    for name, tensor in model.named_parameters():
        spread = tensor.shape[-1] ** -0.5 if tensor.ndim == 2 and 'embed' not in name else 0.5
        torch.nn.init.normal_(tensor, float('norm' in name and 'weight' in name), spread)
    return model


@torch.no_grad()
def arrays_of(model: STMaskGIT) -> dict[str, np.ndarray]:
    tokens = torch.randint(SIZES['image_vocab_size'], (BATCH, STEPS, SIDE, SIDE))
    tokens[torch.rand(tokens.shape) < 0.4] = model.mask_token_id
    actions = torch.randn(BATCH, STEPS, STRIDE * len(MEAN))
    mask = torch.randint(2, (BATCH, STEPS))
    arrays = {'tokens_masked': tokens, f'actions_in/{DOMAIN}': actions}

    def run(suffix, tokens, actions):
        logits, chunk = model.compute_logits(tokens, action_ids=actions, domain=[DOMAIN])
        arrays[f'logits{suffix}/{DOMAIN}'] = logits
        if chunk is not None:
            arrays[f'actions_out{suffix}/{DOMAIN}'] = chunk

    run('', tokens, actions)
    run('_noact', tokens[:1], None)
    if model.config.jointly_predict_actions:
        arrays[f'action_mask/{DOMAIN}'] = mask
        model.relevant_action_mask = mask[..., None, None]
        run('_actmask', tokens, actions)
    return {name: tensor.numpy() for name, tensor in arrays.items()}


def main() -> None:
    for seed, (name, variant) in enumerate(VARIANTS.items()):
        torch.manual_seed(seed)
        folder = Path(__file__).parent / f'disc_{name}'
        make_model(variant).save_pretrained(folder)
        (folder / 'README.md').unlink(missing_ok=True)
        model = STMaskGIT.from_pretrained(folder).eval()
        np.savez_compressed(folder / 'golden.npz', **arrays_of(model))


if __name__ == '__main__':
    main()
