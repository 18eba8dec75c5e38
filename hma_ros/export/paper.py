# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Write a bundle of a model of the paper, with proof that it computes what the network does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from tqdm import tqdm

from hma_ros.core.errors import BundleError, ConfigError
from hma_ros.export.graphs import trace
from hma_ros.export.paper_graphs import PaperModel, PaperPart, head_parts, paper_parts
from hma_ros.export.quantise import quantise
from hma_ros.export.weights import SharedWeights
from hma_ros.network.paper.config import PaperConfig
from hma_ros.network.paper.continuous import ContinuousHma
from hma_ros.runtime.graph import Graph
from hma_ros.runtime.manifest import FILE_NAME, sha256
from hma_ros.runtime.paper.manifest import FAMILY, FORMAT, PaperStem
from hma_ros.runtime.providers import Execution

WEIGHTS = 'weights.bin'


@dataclass(frozen=True)
class Tolerance:
    """
    What a precision may differ from the network.

    :param error: largest difference of a real output, relative to its largest value.
    :param agreement: least share of equal tokens; thin margins of random weights flip many.
    """

    error: float
    agreement: float


TOLERANCES = {'fp32': Tolerance(1e-3, 0.999), 'int8': Tolerance(0.2, 0.5)}


def export_paper(
    model: PaperModel,
    folder: Path,
    stems: Sequence[str] = (),
    precision: str = 'fp32',
    mask_steps: int = 2,
) -> Path:
    """
    Write a bundle and prove it; one that is there already is replaced only by a proven one.

    :param stems: to export; none means all the model has.
    :param precision: ``fp32``, or ``int8`` of the matrix products.
    :param mask_steps: passes per frame that the bundle recommends.
    :returns: the folder.
    :raises ConfigError: unknown precision or stem, or a model whose past rows change.
    :raises BundleError: the graphs do not compute what the network computes.
    """
    _check(model.config, precision)
    names = list(stems) or [domain.name for domain in model.config.domains]
    partial = folder.with_name(f'{folder.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    proofs = _write(model.eval(), names, partial, precision)
    facts = _manifest(model.config, names, precision, mask_steps)
    facts['files'] = {path.name: sha256(path) for path in sorted(partial.iterdir())}
    facts['parity'] = {
        'largest_relative_error': max(proof.error for proof in proofs),
        'least_agreement': min(proof.agreement for proof in proofs),
        'tolerated_relative_error': TOLERANCES[precision].error,
        'tolerated_agreement': TOLERANCES[precision].agreement,
    }
    (partial / FILE_NAME).write_text(json.dumps(facts, indent=1) + '\n')
    shutil.rmtree(folder, ignore_errors=True)
    return partial.rename(folder)


def prove_part(part: PaperPart, path: Path, tolerance: Tolerance) -> Tolerance:
    """
    Run a part of the network and its graph on the same random inputs.

    :returns: what was found.
    :raises BundleError: out of tolerance.
    """
    expected = part.outputs()
    graph = Graph(path, Execution(provider='cpu', threads=2))
    inputs = {name: value.numpy() for name, value in part.inputs.items() if name in graph.inputs}
    found = dict(zip(graph.outputs, graph(inputs), strict=True))
    errors, agreements = [0.0], [1.0]
    for name, value in expected.items():
        if value.is_floating_point():
            errors.append(_relative_error(found[name], value.numpy()))
        else:
            agreements.append(float((found[name] == value.numpy()).mean()))
    proof = Tolerance(max(errors), min(agreements))
    if proof.error > tolerance.error or proof.agreement < tolerance.agreement:
        raise BundleError(
            f'{path.name}: relative error {proof.error:.2g} and agreement {proof.agreement:.4f}, '
            f'expected at most {tolerance.error} and at least {tolerance.agreement}'
        )
    return proof


def _check(config: PaperConfig, precision: str) -> None:
    if precision not in TOLERANCES:
        raise ConfigError(f"precision: '{precision}', expected one of {', '.join(TOLERANCES)}")
    if not config.is_cacheable:
        raise ConfigError(
            'injection: cross_attention in upstream meaning mixes past and future rows, expected '
            'a model whose past rows can be kept'
        )
    if not config.domains:
        raise ConfigError('domains: none, expected a model with at least one stem')


def _write(
    model: PaperModel, stems: Sequence[str], folder: Path, precision: str
) -> list[Tolerance]:
    parts = [part for stem in stems for part in paper_parts(model, stem)]
    if isinstance(model, ContinuousHma):
        parts += head_parts(model.diffloss, 'patch', model.config.width)
    with SharedWeights(folder / WEIGHTS) as weights:
        for part in tqdm(parts, 'graphs', unit='graph'):
            weights.save(_graph(part, precision), folder / f'{part.name}.onnx')
    proofs = []
    for part in tqdm(parts, 'proofs', unit='graph'):
        used = precision if part.heavy else 'fp32'
        proofs.append(prove_part(part, folder / f'{part.name}.onnx', TOLERANCES[used]))
    return proofs


def _graph(part: PaperPart, precision: str) -> onnx.ModelProto:
    model = trace(part.module, part.inputs, part.varying, list(part.outputs()))
    return quantise(model) if precision == 'int8' and part.heavy else model


def _manifest(
    config: PaperConfig, stems: Sequence[str], precision: str, mask_steps: int
) -> dict[str, Any]:
    diffusion = config.diffusion
    return {
        'family': FAMILY,
        'format': FORMAT,
        'kind': 'continuous' if diffusion else 'discrete',
        'meaning': config.meaning.value,
        'time': config.time.value,
        'layers': config.layers,
        'heads': config.heads,
        'head_width': config.head_width,
        'window': config.rows,
        'image_tokens': config.image_tokens,
        'kept_tokens': config.kept_tokens,
        'factors': config.factors,
        'factor_size': config.factor_size,
        'patch_size': diffusion.patch**2 * diffusion.latent_channels if diffusion else 0,
        'predicts_actions': config.predict_actions,
        'mask_steps': mask_steps,
        'precision': precision,
        'stems': {name: asdict(_stem(config, name)) for name in stems},
    }


def _stem(config: PaperConfig, name: str) -> PaperStem:
    domain = config.domain(name)
    return PaperStem(domain.stride, domain.mean, domain.std)


def _relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    wide = expected.astype(np.float64)
    return float(np.abs(found - wide).max() / max(np.abs(wide).max(), 1e-9))
