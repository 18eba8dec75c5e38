# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The trunk of one stem as graphs that lanes run side by side.

`enter_S`, `layer_I_S` and `leave_S` are the parts of :mod:`hma_ros.network.paper.lanes`; S is a
stem, I a layer, whose graph serves every lane.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.func import functional_call

from hma_ros.core.lanes import LANES
from hma_ros.export.paper_graphs import PaperPart
from hma_ros.export.proof import Proof
from hma_ros.network.paper.checkpoint import PaperModel
from hma_ros.network.paper.lanes import EnterPart, LayerPart, LeavePart
from hma_ros.network.paper.trunk import Block
from hma_ros.runtime.graph import Graph
from hma_ros.runtime.paper.lanes import Lanes
from hma_ros.runtime.providers import Execution

# How the names of outputs begin that are for the next layer, or for rows to come.
PASSED_ON = ('kept_', 'x_', 'query_', 'key_', 'value_')
_ENTER = ('tokens', 'masked', 'index', 'action')
_OF_STEM = ('injected', 'shift_scale')
_OF_ROWS = ('index', 'past_index', 'rotation')
# Axes whose size is not fixed, of what has them elsewhere than in front, batch and rows.
_VARYING: dict[str, tuple[int, ...]] = {
    'index': (0,),
    'rotation': (0,),
    'past_index': (),
    'layer': (),
    'past_key': (0,),
    'past_value': (0,),
}


def lane_graphs(model: PaperModel, trunk: PaperPart) -> Iterator[tuple[str, onnx.ModelProto]]:
    """
    Cut a trunk, and export what it is cut into.

    :param trunk: the whole of it, whose example inputs they share.
    :returns: names without ending, and graphs.
    :raises BundleError: the exporter gave no graph.
    """
    stem = trunk.name.removeprefix('trunk_')
    enter = _part(f'enter_{stem}', EnterPart(model), _chosen(trunk, *_ENTER))
    yield enter.name, enter.graph()
    entered = enter.outputs()
    for layer, graph in enumerate(_layers(model, stem, _layer_inputs(trunk, entered))):
        yield f'layer_{layer}_{stem}', graph
    left = {name: entered[name] for name in entered if name.startswith('x_')}
    leave = _part(f'leave_{stem}', LeavePart(model, stem), {**left, **_chosen(trunk, 'index')})
    yield leave.name, leave.graph()


class _Open(nn.Module):
    """A part whose weights are inputs too, so that layers of one shape are exported once."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self._part = part

    def forward(self, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute it with the weights given."""
        weights = {name: value for name, value in feeds.items() if '.' in name}
        result: dict[str, Tensor] = functional_call(self._part, weights, feeds)
        return result


def _layers(model: PaperModel, stem: str, inputs: dict[str, Tensor]) -> Iterator[onnx.ModelProto]:
    opened: dict[bool, onnx.ModelProto] = {}
    for layer, (block, following) in enumerate(pairwise([*model.blocks, None])):
        part, is_last = LayerPart(cast('Block', block), following, stem), following is None
        weights = {**part.state_dict(), 'layer': torch.tensor([layer])}
        if is_last not in opened:
            opened[is_last] = _part('layer', _Open(part), {**inputs, **weights}).graph()
        yield _closed(opened[is_last], weights)


def _closed(opened: onnx.ModelProto, weights: dict[str, Tensor]) -> onnx.ModelProto:
    """Make constants of the inputs that are weights, and are read."""
    model = onnx.ModelProto()
    model.CopyFrom(opened)
    read = {name for node in model.graph.node for name in node.input}
    model.graph.initializer.extend(
        numpy_helper.from_array(value.numpy(), name)
        for name, value in weights.items()
        if name in read
    )
    ports = [port for port in model.graph.input if port.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(ports)
    return model


def _layer_inputs(trunk: PaperPart, entered: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return what the first lane of a layer takes."""
    past = {
        name: trunk.inputs[f'{name}_0'].chunk(LANES, 1)[0] for name in ('past_key', 'past_value')
    }
    made = {name: entered[name] for name in entered if name.startswith(('key', 'value'))}
    own = {name: entered[f'{name}_0'] for name in ('x', 'query')}
    return {**own, **made, **_chosen(trunk, *_OF_ROWS, *_OF_STEM), **past}


def prove_lanes(trunk: PaperPart, folder: Path, layers: int, tolerated: Proof) -> Proof:
    """
    Run the trunk of the network, and its lanes, on the same random inputs.

    :returns: what was found.
    :raises BundleError: out of tolerance.
    """
    stem = trunk.name.removeprefix('trunk_')

    def open_graph(name: str, execution: Execution) -> Graph:
        return Graph(folder / f'{name}.onnx', execution)

    lanes = Lanes(open_graph, stem, layers, Execution(provider='cpu'))
    inputs = {name: value.numpy() for name, value in trunk.inputs.items()}
    found = _join(lanes(inputs, _split(inputs)))
    pairs = [(found[name], value.numpy()) for name, value in trunk.outputs().items()]
    return Proof.of(pairs).check(tolerated, folder / f'layer_*_{stem}.onnx')


def _split(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Kept rows of each lane."""
    return {
        f'{name}_{lane}': np.ascontiguousarray(part)
        for name, whole in inputs.items()
        if name.startswith(('past_key', 'past_value'))
        for lane, part in enumerate(np.split(whole, LANES, 1))
    }


def _join(outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What is kept of all lanes, and the rest as it is."""
    kept = {name.rpartition('_')[0] for name in outputs if name.startswith('kept_')}
    joined = {
        name: np.concatenate([outputs[f'{name}_{lane}'] for lane in range(LANES)], 2)
        for name in kept
    }
    return {**outputs, **joined}


def _chosen(trunk: PaperPart, *names: str) -> dict[str, Tensor]:
    return {name: trunk.inputs[name] for name in names if name in trunk.inputs}


def _part(name: str, module: nn.Module, inputs: dict[str, Tensor]) -> PaperPart:
    # Names of weights have parts.
    varying = {port: _VARYING.get(port, (0, 1)) for port in inputs if '.' not in port}
    # Parts of larger arrays would be exported as such.
    dense = {port: value.contiguous() for port, value in inputs.items()}
    return PaperPart(name, module, dense, varying, heavy=True)
