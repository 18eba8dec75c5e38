# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Write a bundle: graphs, manifest, and the proof that they equal the network."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx
import torch

from hma_ros.core.errors import BundleError
from hma_ros.export.graphs import Part, bundle_parts, write_graph
from hma_ros.export.half import compute_half
from hma_ros.network.hma import Hma, StemConfig
from hma_ros.network.tokenizer import FrameTokenizer
from hma_ros.runtime.graph import Graph
from hma_ros.runtime.manifest import FILE_NAME, FORMAT, StemInfo, sha256
from hma_ros.runtime.providers import Execution

# float16 storage moves weights by up to 2**-11 of their size, and pictures by a few of 255 levels.
_TOLERANCE = 2e-2
_AGREEMENT = 0.98
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
    :raises BundleError: the graphs do not compute what the network computes.
    """
    partial = folder.with_name(f'{folder.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    parts = bundle_parts(model, tokenizer, _PROOF_ROWS)
    for part in parts:
        path = partial / f'{part.name}.onnx'
        write_graph(part, path)
        if precision == 'fp16':
            onnx.save(compute_half(onnx.load(path)), path)
    proofs = {part.name: prove(part, partial) for part in parts}
    stems = {name: asdict(_stem_info(stem)) for name, stem in model.stem_configs.items()}
    trunk = model.trunk.config
    manifest = {
        'format': FORMAT,
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
        'parity': {
            'largest_relative_error': max(proof.error for proof in proofs.values()),
            'least_agreement': min(proof.agreement for proof in proofs.values()),
        },
        'precision': precision,
    }
    (partial / FILE_NAME).write_text(json.dumps(manifest, indent=1) + '\n')
    shutil.rmtree(folder, ignore_errors=True)
    return partial.rename(folder)


@dataclass(frozen=True)
class Proof:
    """
    How far a graph is from the network.

    :param error: largest difference of a real output, relative to its largest value.
    :param agreement: share of equal choices: of tokens, and of the most likely levels.
    """

    error: float
    agreement: float


def prove(part: Part, folder: Path) -> Proof:
    """
    Run a part of the network and its graph on the same random inputs.

    :raises BundleError: out of tolerance.
    """
    with torch.no_grad():
        expected = part.module(*part.inputs.values())
    expected = expected if isinstance(expected, tuple) else (expected,)
    graph = Graph(folder / f'{part.name}.onnx', Execution(provider='cpu', threads=1))
    found = graph({name: value.numpy() for name, value in part.inputs.items()})
    pairs = [(left, right.numpy()) for left, right in zip(found, expected, strict=True)]
    real = [pair for pair in pairs if pair[1].dtype != np.int64]
    choices = [pair for pair in pairs if pair[1].dtype == np.int64]
    if part.name == 'trunk':
        choices.append((found[0].argmax(-1), pairs[0][1].argmax(-1)))
    proof = Proof(
        error=max((_relative_error(*pair) for pair in real), default=0.0),
        agreement=min((float((left == right).mean()) for left, right in choices), default=1.0),
    )
    if proof.error > _TOLERANCE or proof.agreement < _AGREEMENT:
        raise BundleError(
            f'{folder / part.name}.onnx: relative error {proof.error:.2g} and agreement '
            f'{proof.agreement:.4f}, expected at most {_TOLERANCE} and at least {_AGREEMENT}'
        )
    return proof


def _relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    wide = expected.astype(np.float64)
    return float(np.abs(found - wide).max() / max(np.abs(wide).max(), 1e-9))


def _stem_info(stem: StemConfig) -> StemInfo:
    return StemInfo(
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
