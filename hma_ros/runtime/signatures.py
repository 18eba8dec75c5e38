# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the graphs of a bundle take and give, by its manifest."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.ports import Sizes

Signature = tuple[Sizes, Sizes]


def signature(manifest: Manifest, name: str) -> Signature:
    """
    Return the inputs and outputs of a graph that follow from the manifest.

    :param name: of the graph, without ending.
    :raises BundleError: of a stem that there is not.
    :raises KeyError: of no kind that bundles have.
    """
    kind, _, of = name.partition('_')
    return _KINDS[kind](manifest, of)


def _encoder(manifest: Manifest, _: str) -> Signature:
    return _frames(manifest), {'tokens': (None, *_tokens(manifest))}


def _decoder(manifest: Manifest, _: str) -> Signature:
    return {'tokens': (None, *_tokens(manifest))}, _frames(manifest)


def _stem(manifest: Manifest, stem: str) -> Signature:
    chunk = (None, None, manifest.stem(stem).chunk_size)
    count = manifest.anchor_count(stem)
    anchor: Sizes = {'anchor': (None, None, count), 'anchored': (None, None)} if count else {}
    return {'chunk': chunk, 'known': (None, None), 'index': (None,), **anchor}, {}


def _trunk(manifest: Manifest, stem: str) -> Signature:
    given = {**_steps(manifest), **_joints(manifest, stem), **_past(manifest)}
    return given, {**_said(manifest), **_kept(manifest)}


def _enter(manifest: Manifest, _: str) -> Signature:
    return _steps(manifest), _x(manifest)


def _leave(manifest: Manifest, stem: str) -> Signature:
    given = {**_x(manifest), **_previous(manifest), **_joints(manifest, stem)}
    return {**given, 'index': (None,)}, _said(manifest)


def _append(manifest: Manifest, _: str) -> Signature:
    cache = _kv_cache_sizes(manifest)
    steps: Sizes = dict.fromkeys((f'{name}_step' for name in cache), None)
    new: Sizes = {f'{name}_new': shape for name, shape in cache.items()}
    return {'slot': (1,), 'which': (), **cache, **steps}, new


def _condition(_: Manifest, __: str) -> Signature:
    return {'z': (None, None)}, {'condition': (None, None)}


def _time(_: Manifest, __: str) -> Signature:
    return {'timestep': (None,)}, {'time': (None, None)}


def _denoise(manifest: Manifest, head: str) -> Signature:
    x = (None, manifest.sample_size(head))
    return {'x': x, 'condition': (None, None), 'time': (1, None)}, {'eps': x, 'variance': x}


_KINDS: dict[str, Callable[[Manifest, str], Signature]] = {
    'encoder': _encoder,
    'decoder': _decoder,
    'stem': _stem,
    'trunk': _trunk,
    'enter': _enter,
    'leave': _leave,
    'append': _append,
    'condition': _condition,
    'time': _time,
    'denoise': _denoise,
}


def _frames(manifest: Manifest) -> Sizes:
    size = manifest.frames.image_size if manifest.frames else None
    return {'frames': (None, size, size, 3)}


def _x(manifest: Manifest) -> Sizes:
    return {'x': (None, None, None, manifest.heads * manifest.head_width)}


def _tokens(manifest: Manifest) -> tuple[int, int]:
    is_discrete = manifest.kind == 'discrete'
    return manifest.image_tokens, manifest.factors if is_discrete else manifest.patch_size


def _steps(manifest: Manifest) -> Sizes:
    tokens = _tokens(manifest)
    return {
        'tokens': (None, None, *tokens),
        **_previous(manifest),
        'masked': (None, None, tokens[0]),
        'index': (None,),
    }


def _previous(manifest: Manifest) -> Sizes:
    shape = (None, None, *_tokens(manifest))
    return {'previous': shape} if manifest.previous_frame else {}


def _joints(manifest: Manifest, stem: str) -> Sizes:
    if not manifest.reads_joints:
        return {}
    return {'joints': (None, None, manifest.joint_count(stem)), 'measured': (None, None)}


def _past(manifest: Manifest) -> Sizes:
    turned: Sizes = (
        {'rotation': (None, 2, manifest.head_width // 2)} if manifest.time == 'rotary' else {}
    )
    return {'past_index': (manifest.window - 1,), **turned, **_kv_cache_sizes(manifest)}


def _kv_cache_sizes(manifest: Manifest) -> Sizes:
    _, *inner = manifest.kv_cache_shape(1)
    return _of_layers(manifest, 'past', (None, *inner))


def _kept(manifest: Manifest) -> Sizes:
    shape = (None, None, manifest.kept_tokens, manifest.heads, manifest.head_width)
    return _of_layers(manifest, 'kept', shape)


def _of_layers(manifest: Manifest, when: str, shape: tuple[int | None, ...]) -> Sizes:
    kinds = product(('key', 'value'), range(manifest.layers))
    return dict.fromkeys((f'{when}_{what}_{layer}' for what, layer in kinds), shape)


def _said(manifest: Manifest) -> Sizes:
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
