# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Write a bundle: graphs, manifest, and the proof that they equal the network."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import onnx
import torch

from hma_ros.core.stem_spec import StemSpec
from hma_ros.export.graphs import Part, bundle_parts, write_graph
from hma_ros.export.half import compute_half
from hma_ros.export.proof import Proof
from hma_ros.export.replace import replacing
from hma_ros.network.hma import Hma, StemConfig
from hma_ros.network.tokenizer import FrameTokenizer
from hma_ros.runtime.graph import Graph
from hma_ros.runtime.manifest_file import sha256, write_facts
from hma_ros.runtime.providers import Execution

# float16 storage moves weights by up to 2**-11 of their size, and pictures by a few of 255 levels.
TOLERATED = Proof(error=2e-2, deviation=2e-2, agreement=0.98)
_PROOF_ROWS = 16


def export_bundle(
    model: Hma,
    tokenizer: FrameTokenizer,
    folder: Path,
    mask_steps: int = 2,
    max_horizon: int = 32,
    precision: str = 'fp32',
) -> Path:
    """
    Write a bundle and prove it; a bundle that is there already is replaced only by a proven one.

    :param precision: of the arithmetic, ``fp32`` or ``fp16``.
    :returns: the folder.
    :raises ConfigError: there is something that is no bundle.
    :raises BundleError: the graphs do not compute what the network computes.
    """
    with replacing(folder) as partial:
        parts = bundle_parts(model, tokenizer, _PROOF_ROWS)
        for part in parts:
            path = partial / f'{part.name}.onnx'
            write_graph(part, path)
            if precision == 'fp16':
                onnx.save(compute_half(onnx.load(path)), path)
        proof = Proof.worst(prove(part, partial) for part in parts)
        stems = {name: asdict(stem_info(stem)) for name, stem in model.stem_configs.items()}
        trunk = model.trunk.config
        facts = {
            'stems': stems,
            'image_size': tokenizer.config.image_size,
            'image_tokens': trunk.image_tokens,
            'factors': trunk.factors,
            'levels': trunk.levels,
            'layers': trunk.layers,
            'row_tokens': trunk.row_tokens,
            'heads': trunk.heads,
            'head_width': trunk.head_width,
            'window': trunk.window,
            'mask_steps': mask_steps,
            'max_horizon': max_horizon,
            'files': {path.name: sha256(path) for path in sorted(partial.glob('*.onnx'))},
            'parity': proof.parity(TOLERATED),
            'precision': precision,
        }
        write_facts(partial, facts)
    return folder


def prove(part: Part, folder: Path, tolerated: Proof = TOLERATED) -> Proof:
    """
    Run a part of the network and its graph on the same random inputs.

    :param tolerated: of what it gives.
    :raises BundleError: out of tolerance.
    """
    with torch.no_grad():
        expected = part.module(*part.inputs.values())
    expected = expected if isinstance(expected, tuple) else (expected,)
    graph = Graph(folder / f'{part.name}.onnx', Execution(provider='cpu', threads=1))
    found = graph({name: value.numpy() for name, value in part.inputs.items()})
    pairs = [(left, right.numpy()) for left, right in zip(found, expected, strict=True)]
    if part.name == 'trunk':
        pairs.append((found[0].argmax(-1), pairs[0][1].argmax(-1)))
    return Proof.of(pairs).check(tolerated, folder / f'{part.name}.onnx')


def stem_info(stem: StemConfig) -> StemSpec:
    """Pick out what the runtime needs to know of a stem."""
    return StemSpec(
        action_names=stem.action_names,
        stride=stem.stride,
        frame_hz=stem.frame_hz,
        embodiment=stem.embodiment,
        trained_on=stem.trained_on,
        lower=stem.lower,
        upper=stem.upper,
        joint_names=stem.joint_names,
        joint_motion=stem.joint_motion,
    )
