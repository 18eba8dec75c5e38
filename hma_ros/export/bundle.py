# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Write a bundle of HMA, with a parity check against the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from hma_ros.core.embodiment.stem_facts import StemFacts, stem_entry
from hma_ros.core.embodiment.stem_spec import StemSpec
from hma_ros.core.errors import ConfigError
from hma_ros.core.file_hash import sha256
from hma_ros.core.generation.decoding import Decoding
from hma_ros.core.progress import moving
from hma_ros.export.append_graph import append_graph
from hma_ros.export.compiled import (
    check_compiled,
    compiled_parts,
    graphs_around,
    write_compiled,
)
from hma_ros.export.fuse import fuse_attention
from hma_ros.export.graphs import store_half
from hma_ros.export.half_precision import compute_half
from hma_ros.export.int8_decoder import write_int8_decoder
from hma_ros.export.model_graphs import ModelPart, head_parts, model_parts
from hma_ros.export.parity import Parity
from hma_ros.export.quantise import quantise
from hma_ros.export.replace import replacing
from hma_ros.export.tokenizer_graphs import GraphCodec, codec_parts
from hma_ros.export.weights import SharedWeights
from hma_ros.network.checkpoint import Hma, save_hma
from hma_ros.network.config import HmaConfig
from hma_ros.network.continuous import ContinuousHma
from hma_ros.network.frames import FrameCodec, make_codec
from hma_ros.network.tokenizer import LATENT_SCALE, FrameTokenizer
from hma_ros.runtime.graph import Graph
from hma_ros.runtime.manifest import (
    INT8_DECODER,
    PATCH_HEAD,
    FrameFacts,
)
from hma_ros.runtime.manifest_file import write_facts
from hma_ros.runtime.providers import Execution

WEIGHTS = 'weights.bin'
APPEND = 'append.onnx'
_KEPT = ('past_key', 'past_value', 'kept_')
# A constant of a layout may be so many standard deviations from the mean; below the least one a
# number never changed, and the stem would take the noise of a measurement for something huge.
_FAR_DEVIATIONS = 10.0
_NO_DEVIATION = 1e-6
# Tolerances of parts in reduced precision. Random weights give near-ties, so few tokens agree; the
# root mean square is the meaningful check. In int8 a trained model may attend to another of two
# equally good steps, so the largest error says little.
TOLERANCES = {
    'fp32': Parity(error=1e-3, deviation=1e-3, agreement=0.999),
    'fp16': Parity(error=2e-2, deviation=2e-2, agreement=0.95),
    'int8': Parity(error=2.0, deviation=0.2, agreement=0.5),
}
# Of float32 arithmetic whose weights were rounded to half precision when they were stored.
STORED_HALF = Parity(error=1e-2, deviation=5e-3, agreement=0.99)


# A value of an image that lies on an integer may be truncated to either side of it, and a latent
# near zero may change its sign.
CODEC_TOLERANCES = {
    'encoder': Parity(error=1e-3, deviation=1e-3, agreement=0.998),
    'decoder': Parity(error=2e-2, deviation=1e-2, agreement=1.0),
    # About 30 dB of an image of usual brightness; a single pixel says little.
    INT8_DECODER: Parity(error=1.0, deviation=0.06, agreement=1.0),
}


@dataclass(frozen=True)
class BundleOptions:
    """
    What a bundle shall hold, and recommend.

    :param stems: to export; none means all the model has.
    :param precision: ``fp32``, or ``fp16`` or ``int8`` of what is worth to be made cheaper.
    :param mask_steps: passes per frame that the bundle recommends.
    :param denoise_steps: calls of the denoiser per sample that a continuous one recommends.
    :param temperature: that it recommends, see
        :class:`~hma_ros.core.generation.decoding.Decoding`.
    :param unmasking: likewise.
    :param guidance: likewise.
    :param drawing: ``tokens`` or ``expected``, see
        :class:`~hma_ros.runtime.manifest.Manifest`.
    :param stores_half: whether large weights are stored as half precision and computed as
        float32, see :func:`~hma_ros.export.graphs.store_half`.
    :param codec: the frame tokenizer; without one the bundle takes and gives tokens alone.
    :param frames: ``uint8[N, H, W, 3]`` RGB, at least two, to calibrate an int8 decoder on; None
        for none.
    :param robots: the robots that stems serve, by stem; without one it runs on none.
    :param checkpoint: whether the network is kept too, for the torch engine.
    """

    stems: Sequence[str] = ()
    precision: str = 'fp32'
    mask_steps: int = 2
    denoise_steps: int = 16
    temperature: float | None = None
    unmasking: str = 'confident'
    guidance: float = 1.0
    drawing: str = 'tokens'
    stores_half: bool = False
    codec: FrameCodec | GraphCodec | None = None
    frames: np.ndarray | None = None
    robots: Mapping[str, StemSpec] = field(default_factory=dict)
    checkpoint: bool = False

    def recommending(self, decoding: Decoding) -> BundleOptions:
        """Return these with what a decoding does not leave open."""
        return replace(self, **{name: getattr(decoding, name) for name in decoding.chosen})


def export_bundle(
    model: Hma,
    folder: Path,
    options: BundleOptions = BundleOptions(),
) -> Path:
    """
    Write and check a bundle; an existing one is replaced only by one within tolerance.

    Where the compiled library does not run, it cannot be checked, and the bundle is left
    without layers for it; a warning says so.

    :returns: the folder.
    :raises ConfigError: there is something that is no bundle, unknown precision or stem, a robot
        that does not fit its stem, or a model whose past steps change.
    :raises BundleError: the graphs do not compute what the network computes.
    """
    facts = _manifest(model.config, options)
    with replacing(folder) as partial:
        parity = Parity.worst(_write(model.eval(), list(facts['stems']), partial, options))
        if options.checkpoint:
            save_hma(model, partial)
        if options.codec:
            facts['codec_parity'] = _write_codecs(model.config, options, partial)
        facts['files'] = {path.name: sha256(path) for path in sorted(partial.iterdir())}
        facts['parity'] = parity.as_facts(_tolerance(options.precision, options))
        write_facts(partial, facts)
    return folder


def check_options(config: HmaConfig, options: BundleOptions) -> None:
    """Refuse before the work what :func:`export_bundle` would; raises ConfigError as it does."""
    _manifest(config, options)


def check_part(part: ModelPart, path: Path, tolerated: Parity) -> Parity:
    """
    Run a part of the network and its graph on the same random inputs.

    :returns: what was found.
    :raises BundleError: out of tolerance.
    """
    expected = part.outputs()
    graph = Graph(path, Execution(provider='cpu', threads=2))
    inputs = {
        name: part.inputs[name].numpy().astype(port.dtype) for name, port in graph.inputs.items()
    }
    found = dict(zip(graph.outputs, graph(inputs), strict=True))
    pairs = [(found[name], value.numpy()) for name, value in expected.items()]
    return Parity.of(pairs).check(tolerated, path)


def own_options(
    tokenizer: FrameTokenizer, config: HmaConfig, precision: str = 'fp32'
) -> BundleOptions:
    """
    Return what is recommended for a model trained here on our own tokens.

    :raises ConfigError: the tokenizer makes other tokens than the model takes.
    """
    codec = make_codec(tokenizer, config, LATENT_SCALE if config.diffusion else 1.0)
    return codec_options(codec, config, precision)


def codec_options(
    codec: FrameCodec | GraphCodec, config: HmaConfig, precision: str = 'fp32'
) -> BundleOptions:
    """Return what is recommended for a model trained here, with a tokenizer that fits it."""
    # Of patches, and of other people's tokens, there is no table of values to take the mean of.
    is_expected = codec.name == 'levels' and not config.diffusion
    return BundleOptions(
        precision=precision,
        drawing='expected' if is_expected else 'tokens',
        stores_half=True,
        codec=codec,
    )


def _write(
    model: Hma, stems: Sequence[str], folder: Path, options: BundleOptions
) -> Iterator[Parity]:
    precision, config = options.precision, model.config
    parts = [part for stem in stems for part in model_parts(model, stem)]
    if isinstance(model, ContinuousHma):
        parts += head_parts(model.diffloss, PATCH_HEAD, config.width)
    compiled = compiled_parts(parts, config, precision)
    parts += [graph for part in compiled for graph in graphs_around(model, part)]
    with SharedWeights(folder / WEIGHTS) as weights:
        for part in moving(parts, 'graphs', 'graph'):
            graph = part.graph()
            if part.heavy:
                graph = _cheaper(graph, part.name, precision, config)
            if options.stores_half:
                graph = store_half(graph)
            weights.save(graph, folder / f'{part.name}.onnx')
        for part in compiled:
            write_compiled(model, part, precision, options.stores_half, weights, folder)
    for part in moving(parts, 'parities', 'graph'):
        tolerated = _tolerance(precision if part.heavy else 'fp32', options)
        yield check_part(part, folder / f'{part.name}.onnx', tolerated)
    for part in moving(compiled, 'compiled', 'part'):
        yield check_compiled(model, part, precision, folder, _tolerance(precision, options))
    _write_append(config, folder, precision)


def _tolerance(precision: str, options: BundleOptions) -> Parity:
    """Return what a part computed in a precision may be off."""
    is_rounded = options.stores_half and precision == 'fp32'
    return STORED_HALF if is_rounded else TOLERANCES[precision]


def _write_codecs(config: HmaConfig, options: BundleOptions, folder: Path) -> dict[str, Any]:
    """Write encoder and decoders; returns the parity of each, by its own tolerance."""
    codec, frames = options.codec, options.frames
    parity = _write_codec(codec, folder) if codec else {}
    if codec and frames is not None:
        levels, tolerated = _levels(codec, config), CODEC_TOLERANCES[INT8_DECODER]
        for name in moving([INT8_DECODER], 'frame tokenizer', 'graph'):
            found = write_int8_decoder(folder, frames, levels, tolerated)
            parity[name] = found.as_facts(tolerated)
    return parity


def _levels(codec: FrameCodec | GraphCodec, config: HmaConfig) -> int:
    """Return how many levels a factor has whose values are decoded; 0 where tokens are."""
    return config.factor_size if codec.name == 'levels' else 0


def _write_codec(codec: FrameCodec | GraphCodec, folder: Path) -> dict[str, dict[str, float]]:
    parity: dict[str, dict[str, float]] = {}
    if isinstance(codec, GraphCodec):
        for name, graph in codec.graphs.items():
            onnx.save(graph, folder / f'{name}.onnx')
            parity[name] = dict(codec.parity)
        return parity
    for part in moving(codec_parts(codec), 'frame tokenizer', 'graph'):
        path, tolerated = folder / f'{part.name}.onnx', CODEC_TOLERANCES[part.name]
        onnx.save(part.graph(), path)
        parity[part.name] = check_part(part, path, tolerated).as_facts(tolerated)
    return parity


def _cheaper(
    model: onnx.ModelProto, name: str, precision: str, config: HmaConfig
) -> onnx.ModelProto:
    if precision == 'fp32':
        return model
    if precision == 'int8':
        is_trunk = name.startswith('trunk_')
        if is_trunk:
            model = fuse_attention(model, config.heads, config.layers)
        return quantise(model, is_end=is_trunk)
    # Past steps as they are kept: half the memory, and no casts.
    ports = [port.name for port in (*model.graph.input, *model.graph.output)]
    kept = [name for name in ports if name.startswith(_KEPT)]
    return compute_half(model, kept, is_typed=True)


def _write_append(config: HmaConfig, folder: Path, precision: str) -> None:
    names = [f'past_{what}_{i}' for i in range(config.layers) for what in ('key', 'value')]
    shape = (1, config.kept_tokens, config.heads, config.window - 1, config.head_width)
    dtype = 'float16' if precision == 'fp16' else 'float32'
    onnx.save(append_graph(names, shape, dtype), folder / APPEND)


def _manifest(config: HmaConfig, options: BundleOptions) -> dict[str, Any]:
    """Say everything but what is measured; raises ConfigError as :func:`export_bundle` does."""
    if options.precision not in TOLERANCES:
        raise ConfigError(
            f'precision: got {options.precision!r}, expected one of {", ".join(TOLERANCES)}'
        )
    if not config.is_cacheable:
        raise ConfigError(
            'injection: cross_attention with compat: upstream mixes past and future steps, '
            'expected a model whose past steps can be kept'
        )
    if not config.domains:
        raise ConfigError('domains: none, expected a model with at least one stem')
    diffusion, codec = config.diffusion, options.codec
    kind = 'continuous' if diffusion else 'discrete'
    Decoding(guidance=options.guidance).check_model(kind, config.hides_actions)
    names = list(options.stems) or [domain.name for domain in config.domains]
    return {
        'kind': kind,
        'compat': config.compat.value,
        'time': config.time.value,
        'layers': config.layers,
        'heads': config.heads,
        'head_width': config.head_width,
        'window': config.window,
        'image_tokens': config.image_tokens,
        'kept_tokens': config.kept_tokens,
        'factors': config.factors,
        'factor_size': config.factor_size,
        'patch_size': diffusion.patch**2 * diffusion.latent_channels if diffusion else 0,
        'predicts_actions': config.predict_actions,
        'hides_actions': config.hides_actions,
        'mask_steps': options.mask_steps,
        'denoise_steps': options.denoise_steps,
        'temperature': options.temperature,
        'unmasking': options.unmasking,
        'guidance': options.guidance,
        'previous_frame': config.previous_frame,
        'action_delay': int(config.twin),
        'reads_joints': config.keypoints,
        'drawing': options.drawing,
        'precision': options.precision,
        'frames': codec and asdict(FrameFacts(codec.name, codec.image_size, codec.latent_scale)),
        'stems': {
            name: stem_entry(_stem(config, name, options.robots.get(name))) for name in names
        },
    }


def _stem(config: HmaConfig, name: str, robot: StemSpec | None) -> StemFacts:
    domain = config.domain(name)
    robot = robot or domain.robot
    if config.keypoints and robot is None:
        raise ConfigError(f"stem '{name}': got no robot, expected the one whose joints it reads")
    if config.anchor and domain.anchor and (robot is None or not robot.anchor):
        raise ConfigError(
            f"stem '{name}': got a robot without an anchor, expected that of its training"
        )
    stem = StemFacts(name, domain.stride, domain.mean, domain.std, robot)
    if robot and (robot.stride, robot.width) != (stem.stride, stem.width):
        taken = ', '.join(str(entry) for entry in robot.layout or robot.action_names)
        raise ConfigError(
            f"stem '{name}': got {robot.embodiment} of {robot.width} numbers ({taken}) x stride "
            f'{robot.stride}, expected a robot of {stem.width} x {stem.stride}'
        )
    if robot and robot.layout:
        _check_layout(name, stem, robot.layout)
    return stem


def _check_layout(name: str, stem: StemFacts, layout: Sequence[str | float]) -> None:
    """Compare a layout with the statistics of the data: what never changed there must not here."""
    numbers = zip(layout, stem.mean, stem.std, strict=True)
    for place, (entry, mean, std) in enumerate(numbers, 1):
        where = f"stem '{name}': action.layout: number {place}: got {entry!r}, expected "
        if isinstance(entry, str):
            if std < _NO_DEVIATION:
                raise ConfigError(f'{where}{mean:g}: in the data it never changes; write that')
        elif abs(entry - mean) > _FAR_DEVIATIONS * std + _NO_DEVIATION:
            far = _FAR_DEVIATIONS * std
            raise ConfigError(
                f'{where}{mean - far:g} to {mean + far:g}, as in the data; correct it'
            )
