# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The parts of the network as ONNX graphs."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from hma_ros.core.errors import BundleError
from hma_ros.network.hma import Hma
from hma_ros.network.tokenizer import FrameTokenizer
from hma_ros.network.trunk import TrunkConfig

OPSET = 18
# Smaller tensors are norms and biases: nothing to save, precision to lose.
_HALF_FROM_ELEMENTS = 1024


class _Encode(nn.Module):
    def __init__(self, tokenizer: FrameTokenizer) -> None:
        super().__init__()
        self.tokenizer = tokenizer

    def forward(self, frames: Tensor) -> Tensor:
        return self.tokenizer.encode(frames)


class _Decode(nn.Module):
    def __init__(self, tokenizer: FrameTokenizer) -> None:
        super().__init__()
        self.tokenizer = tokenizer

    def forward(self, values: Tensor) -> Tensor:
        return self.tokenizer.decode(values)


class _Step(nn.Module):
    """One row through the trunk with a cache."""

    def __init__(self, model: Hma) -> None:
        super().__init__()
        self.trunk = model.trunk

    def forward(
        self,
        levels: Tensor,
        previous: Tensor,
        masked: Tensor,
        modulation: Tensor,
        past: Tensor,
        bias: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        x = self.trunk.embed(levels, previous, masked)
        x, row = self.trunk.step(x, modulation, past, bias)
        logits = self.trunk.token_logits(x, previous)
        return logits, self.trunk.action_features(x), row


def export_graphs(model: Hma, tokenizer: FrameTokenizer, folder: Path) -> list[str]:
    """
    Write all graphs of a bundle.

    :returns: the names of the files.
    """
    config, names = model.trunk.config, []
    graphs = {
        'encoder': (_Encode(tokenizer), _encoder_inputs(tokenizer), ['levels']),
        'decoder': (_Decode(tokenizer), _decoder_inputs(config), ['frames']),
        'trunk': (_Step(model), trunk_inputs(config, 2), ['logits', 'features', 'row']),
    }
    for name, stem in model.stem_configs.items():
        chunk = torch.zeros(2, 1, stem.chunk_size)
        graphs[f'stem_{name}'] = (
            model.stems[name],
            {'chunk': chunk, 'known': torch.ones(2, 1, dtype=torch.bool)},
            ['modulation'],
        )
        features = torch.zeros(2, 1, config.feature_size)
        graphs[f'head_{name}'] = (model.heads[name], {'features': features}, ['chunk'])
    for name, (module, inputs, outputs) in graphs.items():
        _write(module.eval(), inputs, outputs, folder / f'{name}.onnx')
        names.append(f'{name}.onnx')
    return names


def trunk_inputs(config: TrunkConfig, batch: int) -> dict[str, Tensor]:
    """Random inputs of the trunk graph, the oldest slot of the context empty."""
    tokens = (batch, 1, config.image_tokens)
    past = (
        config.layers,
        2,
        batch,
        config.row_tokens,
        config.heads,
        config.window - 1,
        config.head_width,
    )
    bias = torch.zeros(batch, config.window - 1)
    bias[:, 0] = float('-inf')
    return {
        'levels': torch.randint(config.levels, (*tokens, config.factors)),
        'previous': torch.randint(config.levels, (*tokens, config.factors)),
        'masked': torch.rand(tokens) < 0.5,
        'modulation': 0.1 * torch.randn(batch, config.layers, 2, config.width),
        'past': torch.randn(past),
        'bias': bias,
    }


def _encoder_inputs(tokenizer: FrameTokenizer) -> dict[str, Tensor]:
    size = tokenizer.config.image_size
    return {'frames': torch.randint(256, (2, size, size, 3), dtype=torch.uint8)}


def _decoder_inputs(config: TrunkConfig) -> dict[str, Tensor]:
    return {'values': torch.rand(2, config.image_tokens, config.factors) * 2 - 1}


def _write(module: nn.Module, inputs: dict[str, Tensor], outputs: list[str], path: Path) -> None:
    batched = {'past': 2}
    shapes = tuple({batched.get(name, 0): torch.export.Dim.DYNAMIC} for name in inputs)
    with warnings.catch_warnings():
        # The exporter warns about its own use of deprecated torch functions.
        warnings.simplefilter('ignore')
        program = torch.onnx.export(
            module,
            tuple(inputs.values()),
            dynamic_shapes=shapes,
            input_names=list(inputs),
            output_names=outputs,
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise BundleError(f'{path}: the exporter gave nothing, expected a graph')
    onnx.save(store_half(program.model_proto), path)


def store_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """
    Keep large weights as half precision on disk, cast to float32 when the graph is loaded.

    The arithmetic stays float32: onnxruntime folds the casts once, at load time.
    """
    graph, casts = model.graph, []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < _HALF_FROM_ELEMENTS:
            continue
        name, half = tensor.name, f'{tensor.name}_half'
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), half))
        casts.append(helper.make_node('Cast', [half], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        graph.node.insert(0, cast)
    return model
