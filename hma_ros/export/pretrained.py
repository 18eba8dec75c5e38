# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Trained models to go on from, with their frame tokenizers.

| source | layout |
|---|---|
| run | what `hma train` or `hma finetune` wrote: `model` or `fine_tuned`, `tokenizer` |
| bundle | with the network in it, or of preset `small`, whose graphs hold all weights |
| checkpoint | `config.json` and `model.safetensors`, ours or as the authors release them |
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import torch

from hma_ros.core.errors import ConfigError
from hma_ros.core.file_hash import sha256
from hma_ros.core.generation.decoding import Decoding
from hma_ros.export.bundle_weights import read_bundle_model
from hma_ros.export.tokenizer_graphs import GraphCodec
from hma_ros.network.checkpoint import (
    CONFIG_FILE,
    Hma,
    ReleasedCheckpoint,
    load_hma,
    save_tokenizer,
)
from hma_ros.network.config import HmaConfig
from hma_ros.network.frames import FrameCodec, load_codec
from hma_ros.network.strict_loading import fingerprint, read_config
from hma_ros.network.tokenizer import LATENT_SCALE, FrameTokenizer
from hma_ros.runtime.frames import level_values
from hma_ros.runtime.graph import Graph
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.manifest_file import FILE_NAME

_GRAPHS = ('encoder', 'decoder')
_CODEC_FILE = 'codec.json'


@dataclass(frozen=True)
class Pretrained:
    """
    A model to go on from.

    :param model: its network.
    :param weights: file that the network was read from.
    :param tokenizer: where its frame tokenizer is.
    :param codec: that.
    :param decoding: that the bundle recommends; of other sources all is left open.
    """

    model: Hma
    weights: Path
    tokenizer: Path
    codec: FrameCodec | GraphCodec
    decoding: Decoding = field(default_factory=Decoding)

    @property
    def facts(self) -> dict[str, str]:
        """Where the weights come from, with their SHA-256."""
        return {'path': str(self.weights), 'sha256': sha256(self.weights)}

    @property
    def codec_fingerprint(self) -> str:
        """Tell the frame tokenizer, and how it was made to fit, from others."""
        codec, patch = self.codec, getattr(self.codec, 'patch', 1)
        digest = hashlib.sha256(f'{codec.name} {codec.latent_scale} {patch}'.encode())
        if isinstance(codec, GraphCodec):
            digest.update(codec.graphs['encoder'].SerializeToString(deterministic=True))
        else:
            digest.update(f'{codec.makes} {fingerprint(codec)}'.encode())
        return digest.hexdigest()[:12]


def read_pretrained(source: Path, tokenizer: Path | None = None) -> Pretrained:
    """
    Read a model and its frame tokenizer.

    :param source: see the table above.
    :param tokenizer: instead of that beside the model; needed where there is none.
    :raises ConfigError: neither of the three, a broken file, or a tokenizer that makes other
        tokens than the model takes.
    :raises BundleError: a bundle whose weights cannot be read.
    """
    model, weights, beside = _read(source)
    tokenizer = tokenizer or beside
    if tokenizer is None:
        raise ConfigError(
            f'{source}: got no frame tokenizer, expected one; set --tokenizer to that with which '
            'the model was trained'
        )
    is_bundle = (source / FILE_NAME).is_file()
    decoding = _recommended(Manifest.read(source)) if is_bundle else Decoding()
    return Pretrained(model, weights, tokenizer, read_codec(tokenizer, model.config), decoding)


def _recommended(manifest: Manifest) -> Decoding:
    """Return what a bundle says; a temperature that it leaves open stays open."""
    return replace(manifest.decoding, temperature=manifest.temperature)


def _read(source: Path) -> tuple[Hma, Path, Path | None]:
    """Return the network, the file of its weights, and where its tokenizer is."""
    if (source / FILE_NAME).is_file():
        if (source / CONFIG_FILE).is_file():
            return load_hma(source), source / 'model.safetensors', source
        return read_bundle_model(source), source / 'weights.bin', source
    for name in ('fine_tuned', 'model'):
        if (source / name / CONFIG_FILE).is_file():
            folder = source / name
            return load_hma(folder), folder / 'model.safetensors', source / 'tokenizer'
    if 'domains' in read_config(source / CONFIG_FILE):
        return load_hma(source), source / 'model.safetensors', None
    checkpoint = ReleasedCheckpoint(source)
    # No stem of theirs is kept, so one is read, and that only if there is any.
    stems = [domain.name for domain in checkpoint.config.domains[:1]]
    return checkpoint.read(stems), checkpoint.weights_file, None


def read_codec(path: Path, config: HmaConfig) -> FrameCodec | GraphCodec:
    """
    Read a frame tokenizer and fit it to a model.

    :param path: see :func:`~hma_ros.network.frames.load_codec`; or a folder of graphs: a bundle,
        or what :func:`save_codec` wrote.
    :raises ConfigError: unreadable, or it does not fit.
    """
    path = path.resolve()
    if not all((path / f'{name}.onnx').is_file() for name in _GRAPHS):
        return load_codec(path, config, LATENT_SCALE if config.diffusion else 1.0)
    graphs = {name: onnx.load(path / f'{name}.onnx') for name in _GRAPHS}
    _check_tokens(path, graphs['encoder'], config)
    if (path / FILE_NAME).is_file():
        manifest = Manifest.read(path)
        if manifest.frames is None:
            raise ConfigError(f'{path}: got a bundle of tokens alone, expected a frame tokenizer')
        frames, parity = manifest.frames, manifest.codec_parity['encoder']
        return GraphCodec(frames.tokenizer, frames.image_size, frames.latent_scale, graphs, parity)
    return GraphCodec(**read_config(path / _CODEC_FILE), graphs=graphs)


def _check_tokens(path: Path, encoder: onnx.ModelProto, config: HmaConfig) -> None:
    """Refuse an encoder whose tokens or latents do not fit a model: ConfigError naming both."""
    output = encoder.graph.output[0].type.tensor_type
    is_latent = output.elem_type == onnx.TensorProto.FLOAT
    got = (*(dim.dim_value for dim in output.shape.dim[1:]), is_latent)
    parts = config.diffusion
    size = parts.patch**2 * parts.latent_channels if parts else config.factors
    wanted = (config.image_tokens, size, parts is not None)
    if got != wanted:
        raise ConfigError(
            f'{path}: tokenizer: got {_tokens_text(*got)}, expected {_tokens_text(*wanted)}, as '
            'the model takes; choose the tokenizer that the model was trained with'
        )


def _tokens_text(count: int, size: int, is_latent: bool) -> str:
    if is_latent:
        return f'{count} latent patches of {size} values'
    return f'{count} tokens of {size} factors'


def save_codec(codec: FrameCodec | GraphCodec, source: Path, folder: Path) -> None:
    """
    Keep a frame tokenizer for :func:`read_codec`.

    Our own and graphs are written; other people's, which are large, are linked.

    :param source: where it was read from.
    :param folder: new, or with the same in it.
    """
    if isinstance(codec, GraphCodec):
        folder.mkdir(parents=True, exist_ok=True)
        for name, graph in codec.graphs.items():
            onnx.save(graph, folder / f'{name}.onnx')
        facts = {
            'name': codec.name,
            'image_size': codec.image_size,
            'latent_scale': codec.latent_scale,
            'parity': dict(codec.parity),
        }
        (folder / _CODEC_FILE).write_text(json.dumps(facts, indent=1))
    elif isinstance(tokenizer := getattr(codec, 'tokenizer', None), FrameTokenizer):
        save_tokenizer(tokenizer, folder)
    else:
        target = source.resolve()
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.is_symlink():
            folder.unlink()
        folder.symlink_to(target)


def encode_with(
    codec: FrameCodec | GraphCodec, folder: Path
) -> Callable[[np.ndarray], np.ndarray]:
    """
    Return a function from ``uint8[B, H, W, 3]`` to the tokens that the model takes.

    :param folder: where :func:`save_codec` put it.
    """
    if isinstance(codec, GraphCodec):
        graph = Graph(folder / 'encoder.onnx')
        return lambda frames: graph({'frames': frames})[0]

    def encode(frames: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return codec.encode(torch.tensor(frames)).numpy()

    return encode


def draw_with(
    codec: FrameCodec | GraphCodec, folder: Path, config: HmaConfig
) -> Callable[[np.ndarray], np.ndarray]:
    """
    Return a function that encodes frames ``uint8[B, H, W, 3]`` and decodes them again.

    :param folder: where :func:`save_codec` put it.
    :param config: of the model.
    """
    encode = encode_with(codec, folder)
    if isinstance(codec, GraphCodec):
        decoder, is_levels = Graph(folder / 'decoder.onnx'), codec.name == 'levels'

        def draw(frames: np.ndarray) -> np.ndarray:
            tokens = encode(frames)
            values = level_values(tokens, config.factor_size) if is_levels else tokens
            return decoder({'tokens': values})[0]

        return draw

    def redraw(frames: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return codec.decode(torch.tensor(encode(frames))).numpy()

    return redraw


def encode_in_worker(folder: Path, config: HmaConfig, frames: np.ndarray) -> np.ndarray:
    """
    Encode frames in a worker process, which reads the frame tokenizer once.

    :param folder: where :func:`save_codec` put it.
    :param config: of the model.
    """
    return _kept_encoder(folder, config)(frames)


@cache
def _kept_encoder(folder: Path, config: HmaConfig) -> Callable[[np.ndarray], np.ndarray]:
    return encode_with(read_codec(folder, config), folder)
