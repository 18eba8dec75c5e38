# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the graphs of a bundle of the paper's family take and give, by its manifest."""

from __future__ import annotations

from hma_ros.runtime.graph import Sizes
from hma_ros.runtime.paper.manifest import PaperManifest

Signature = tuple[Sizes, Sizes]


def signature(manifest: PaperManifest, name: str) -> Signature:
    """
    Return the inputs and outputs of a graph that follow from the manifest.

    :param name: of the graph, without ending.
    """
    kind, _, of = name.partition('_')
    if kind in ('encoder', 'decoder'):
        return _codec(manifest, kind)
    if kind in ('condition', 'time', 'denoise'):
        return _head(manifest, kind, of)
    width = manifest.heads * manifest.head_width
    x: Sizes = {'x': (None, None, None, width)}
    rows = _rows(manifest)
    parts: dict[str, Signature] = {
        'stem': (
            {
                'chunk': (None, None, manifest.stem(of).chunk_size if kind == 'stem' else None),
                'known': (None, None),
                'index': (None,),
            },
            {},
        ),
        'trunk': ({**rows, **_past(manifest)}, {**_said(manifest), **_kept(manifest)}),
        'enter': ({**rows}, x),
        'leave': ({**x, 'index': (None,)}, _said(manifest)),
        'append': ({'slot': (1,), 'which': (), **_ring(manifest)}, {}),
    }
    return parts.get(kind, ({}, {}))


def _codec(manifest: PaperManifest, kind: str) -> Signature:
    size = manifest.frames.image_size if manifest.frames else None
    frames: Sizes = {'frames': (None, size, size, 3)}
    return (frames, {}) if kind == 'encoder' else ({}, frames)


def _head(manifest: PaperManifest, kind: str, head: str) -> Signature:
    size = manifest.sample_size(head)
    parts: dict[str, Signature] = {
        'condition': ({'z': (None, None)}, {'condition': (None, None)}),
        'time': ({'timestep': (None,)}, {'time': (None, None)}),
        'denoise': (
            {'x': (None, size), 'condition': (None, None), 'time': (1, None)},
            {'eps': (None, size), 'variance': (None, size)},
        ),
    }
    return parts[kind]


def _rows(manifest: PaperManifest) -> Sizes:
    is_discrete = manifest.kind == 'discrete'
    numbers = manifest.factors if is_discrete else manifest.patch_size
    tokens = manifest.image_tokens
    return {
        'tokens': (None, None, tokens, numbers),
        'masked': (None, None, tokens),
        'index': (None,),
    }


def _past(manifest: PaperManifest) -> Sizes:
    turned: Sizes = (
        {'rotation': (None, 2, manifest.head_width // 2)} if manifest.time == 'rotary' else {}
    )
    return {'past_index': (manifest.window - 1,), **turned, **_ring(manifest)}


def _ring(manifest: PaperManifest) -> Sizes:
    _, *inner = manifest.ring_shape(1)
    names = (f'past_{what}_{i}' for i in range(manifest.layers) for what in ('key', 'value'))
    return dict.fromkeys(names, (None, *inner))


def _kept(manifest: PaperManifest) -> Sizes:
    shape = (None, None, manifest.kept_tokens, manifest.heads, manifest.head_width)
    names = (f'kept_{what}_{i}' for i in range(manifest.layers) for what in ('key', 'value'))
    return dict.fromkeys(names, shape)


def _said(manifest: PaperManifest) -> Sizes:
    tokens, acts = manifest.image_tokens, manifest.predicts_actions
    if manifest.kind == 'continuous':
        z: Sizes = {'z': (None, None, tokens, None)}
        return {**z, 'z_action': (None, None, None)} if acts else z
    choices = (None, None, tokens, manifest.factors)
    said: Sizes = {
        'best': choices,
        'confidence': choices[:-1],
        'logits': (*choices, manifest.factor_size),
    }
    return {**said, 'chunk': (None, None, None)} if acts else said
