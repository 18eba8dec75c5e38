# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the graphs of a bundle of the paper's family take and give, by its manifest."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

from hma_ros.runtime.graph import Sizes
from hma_ros.runtime.paper.manifest import PaperManifest

Signature = tuple[Sizes, Sizes]


def signature(manifest: PaperManifest, name: str) -> Signature:
    """
    Return the inputs and outputs of a graph that follow from the manifest.

    :param name: of the graph, without ending.
    :raises BundleError: of a stem that there is not.
    :raises KeyError: of no kind that bundles have.
    """
    kind, _, of = name.partition('_')
    return _KINDS[kind](manifest, of)


def _encoder(manifest: PaperManifest, _: str) -> Signature:
    return _frames(manifest), {'tokens': (None, *_tokens(manifest))}


def _decoder(manifest: PaperManifest, _: str) -> Signature:
    return {'tokens': (None, *_tokens(manifest))}, _frames(manifest)


def _stem(manifest: PaperManifest, stem: str) -> Signature:
    chunk = (None, None, manifest.stem(stem).chunk_size)
    return {'chunk': chunk, 'known': (None, None), 'index': (None,)}, {}


def _trunk(manifest: PaperManifest, stem: str) -> Signature:
    given = {**_rows(manifest), **_joints(manifest, stem), **_past(manifest)}
    return given, {**_said(manifest), **_kept(manifest)}


def _enter(manifest: PaperManifest, _: str) -> Signature:
    return _rows(manifest), _x(manifest)


def _leave(manifest: PaperManifest, stem: str) -> Signature:
    return {**_x(manifest), **_joints(manifest, stem), 'index': (None,)}, _said(manifest)


def _append(manifest: PaperManifest, _: str) -> Signature:
    ring = _ring(manifest)
    rows: Sizes = dict.fromkeys((f'{name}_row' for name in ring), None)
    new: Sizes = {f'{name}_new': shape for name, shape in ring.items()}
    return {'slot': (1,), 'which': (), **ring, **rows}, new


def _condition(_: PaperManifest, __: str) -> Signature:
    return {'z': (None, None)}, {'condition': (None, None)}


def _time(_: PaperManifest, __: str) -> Signature:
    return {'timestep': (None,)}, {'time': (None, None)}


def _denoise(manifest: PaperManifest, head: str) -> Signature:
    x = (None, manifest.sample_size(head))
    return {'x': x, 'condition': (None, None), 'time': (1, None)}, {'eps': x, 'variance': x}


_KINDS: dict[str, Callable[[PaperManifest, str], Signature]] = {
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


def _frames(manifest: PaperManifest) -> Sizes:
    size = manifest.frames.image_size if manifest.frames else None
    return {'frames': (None, size, size, 3)}


def _x(manifest: PaperManifest) -> Sizes:
    return {'x': (None, None, None, manifest.heads * manifest.head_width)}


def _tokens(manifest: PaperManifest) -> tuple[int, int]:
    is_discrete = manifest.kind == 'discrete'
    return manifest.image_tokens, manifest.factors if is_discrete else manifest.patch_size


def _rows(manifest: PaperManifest) -> Sizes:
    tokens = _tokens(manifest)
    before: Sizes = {'previous': (None, None, *tokens)} if manifest.previous_frame else {}
    return {
        'tokens': (None, None, *tokens),
        **before,
        'masked': (None, None, tokens[0]),
        'index': (None,),
    }


def _joints(manifest: PaperManifest, stem: str) -> Sizes:
    if not manifest.reads_joints:
        return {}
    return {'joints': (None, None, manifest.joint_count(stem)), 'measured': (None, None)}


def _past(manifest: PaperManifest) -> Sizes:
    turned: Sizes = (
        {'rotation': (None, 2, manifest.head_width // 2)} if manifest.time == 'rotary' else {}
    )
    return {'past_index': (manifest.window - 1,), **turned, **_ring(manifest)}


def _ring(manifest: PaperManifest) -> Sizes:
    _, *inner = manifest.ring_shape(1)
    return _of_layers(manifest, 'past', (None, *inner))


def _kept(manifest: PaperManifest) -> Sizes:
    shape = (None, None, manifest.kept_tokens, manifest.heads, manifest.head_width)
    return _of_layers(manifest, 'kept', shape)


def _of_layers(manifest: PaperManifest, when: str, shape: tuple[int | None, ...]) -> Sizes:
    kinds = product(('key', 'value'), range(manifest.layers))
    return dict.fromkeys((f'{when}_{what}_{layer}' for what, layer in kinds), shape)


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
