# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Write a bundle: graphs, manifest, and the proof that they equal the network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.errors import BundleError
from hma_ros.export.graphs import export_graphs, trunk_inputs
from hma_ros.network.hma import Hma
from hma_ros.network.tokenizer import FrameTokenizer
from hma_ros.runtime.bundle import Graph
from hma_ros.runtime.manifest import FILE_NAME, FORMAT, StemInfo, sha256

# float16 storage moves weights by up to 2**-11 of their size; logits of a trained trunk by less.
_TOLERANCE = 5e-3
_AGREEMENT = 0.98
_PROOF_ROWS = 16


def export_bundle(
    model: Hma,
    tokenizer: FrameTokenizer,
    folder: Path,
    embodiments: Mapping[str, EmbodimentSpec],
    mask_steps: int = 2,
    max_horizon: int = 32,
) -> Path:
    """
    Write a bundle and prove it.

    :param embodiments: by stem, the embodiment whose episodes it was trained on.
    :returns: the folder.
    :raises BundleError: the graphs do not compute what the network computes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = export_graphs(model, tokenizer, folder)
    parity = prove(model, folder)
    stems = {
        name: asdict(
            StemInfo(
                stem.action_names,
                stem.stride,
                stem.frame_hz,
                embodiments[name].name,
                'simulation' if embodiments[name].simulated else 'robot',
                stem.lower,
                stem.upper,
            )
        )
        for name, stem in model.stem_configs.items()
    }
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
        'files': {name: sha256(folder / name) for name in files},
        'parity': parity,
    }
    (folder / FILE_NAME).write_text(json.dumps(manifest, indent=1))
    return folder


def prove(model: Hma, folder: Path) -> dict[str, float]:
    """
    Run network and exported trunk on fresh random rows.

    :returns: largest relative error of the logits, and the share of equal tokens.
    :raises BundleError: out of tolerance.
    """
    inputs = trunk_inputs(model.trunk.config, _PROOF_ROWS)
    with torch.no_grad():
        x = model.trunk.embed(inputs['levels'], inputs['previous'], inputs['masked'])
        x, _ = model.trunk.step(x, inputs['modulation'], inputs['past'], inputs['bias'])
        expected = model.trunk.token_logits(x, inputs['previous']).numpy()
    graph = Graph(folder / 'trunk.onnx', threads=1)
    found = graph({name: value.numpy() for name, value in inputs.items()})[0]
    error = float(np.abs(found - expected).max() / np.abs(expected).max())
    agreement = float((found.argmax(-1) == expected.argmax(-1)).mean())
    if error > _TOLERANCE or agreement < _AGREEMENT:
        raise BundleError(
            f'{folder}: relative error {error:.2g} and token agreement {agreement:.4f}, '
            f'expected at most {_TOLERANCE} and at least {_AGREEMENT}'
        )
    return {'largest_relative_error': error, 'token_agreement': agreement}
