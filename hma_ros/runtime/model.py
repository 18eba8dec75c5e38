# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The model of a bundle for one stem, whatever computes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hma_ros.core.errors import InferenceError
from hma_ros.core.generation.rotary import rotations
from hma_ros.runtime.engine import HeadPart, open_engine
from hma_ros.runtime.kv_cache import KvCache
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.providers import Execution


@dataclass(frozen=True)
class TrunkStep:
    """
    A step as the trunk takes it in.

    :param tokens_BSE: ``int64[B, S, F]`` factors or ``float32[B, S, E]`` patches.
    :param masked_BS: which tokens are to be predicted; what they hold does not matter.
    :param chunk_BX: ``float32[B, stride * A]`` in units of the data set; None masks the action.
    :param previous_BSE: tokens of the frame before; None where there is none.
    :param joints_BJ: ``float32[B, J]`` measured with the frame, rad or m; None where not known.
    :param anchor_BK: ``float32[B, K]``, where the chunk led, rad or m; None where not known.
    :param unconditional_B: ``bool``, for which of the batch the chunk, and where it led, are
        masked; None for none.
    """

    tokens_BSE: np.ndarray
    masked_BS: np.ndarray
    chunk_BX: np.ndarray | None
    previous_BSE: np.ndarray | None = None
    joints_BJ: np.ndarray | None = None
    anchor_BK: np.ndarray | None = None
    unconditional_B: np.ndarray | None = None

    @property
    def before_BSE(self) -> np.ndarray:
        """Tokens of the frame before, or of the same frame where there is none."""
        return self.tokens_BSE if self.previous_BSE is None else self.previous_BSE

    @staticmethod
    def seen(
        tokens_BSE: np.ndarray,
        chunk_BX: np.ndarray | None,
        previous_BSE: np.ndarray | None = None,
        joints_BJ: np.ndarray | None = None,
        anchor_BK: np.ndarray | None = None,
    ) -> TrunkStep:
        """Return a step of a frame that is known."""
        masked = np.zeros(tokens_BSE.shape[:2], bool)
        return TrunkStep(tokens_BSE, masked, chunk_BX, previous_BSE, joints_BJ, anchor_BK)

    @staticmethod
    def blank(
        previous_BSE: np.ndarray,
        chunk_BX: np.ndarray | None,
        anchor_BK: np.ndarray | None = None,
    ) -> TrunkStep:
        """Return a step of a frame to be imagined, which follows another."""
        masked, blank = np.ones(previous_BSE.shape[:2], bool), np.zeros_like(previous_BSE)
        return TrunkStep(blank, masked, chunk_BX, previous_BSE, None, anchor_BK)


# Of a step, the chunk and where it led, each as far as it is known, and for whom both are masked.
_Conditions = tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]


@dataclass(frozen=True)
class _Conditioned:
    """What the stem says of successive steps."""

    first: int
    conditions: Sequence[_Conditions]
    batch: int
    given: Mapping[str, Any]

    def place(self, first: int, conditions: Sequence[_Conditions], batch: int) -> slice | None:
        """Say where steps are among these, if they are."""
        begin = first - self.first
        own = self.conditions[begin : begin + len(conditions)] if begin >= 0 else ()
        is_same = len(own) == len(conditions) and batch == self.batch
        is_same = is_same and all(
            _is_equal(one, other)
            for pair in zip(own, conditions, strict=True)
            for one, other in zip(*pair, strict=True)
        )
        return slice(begin, begin + len(conditions)) if is_same else None


class Model:
    """
    Stem, trunk and heads of one embodiment.

    :param folder: of the bundle.
    :param stem: as the manifest names it.
    :param execution: where and how to run.
    :raises ConfigError: the provider does not work here.
    :raises BundleError: missing, tampered, another format, unknown stem, or a broken graph.
    """

    def __init__(
        self,
        folder: str | Path,
        stem: str,
        execution: Execution = Execution(),  # noqa: B008
    ) -> None:
        self.manifest = Manifest.read(folder)
        self.stem = self.manifest.stem(stem)
        self.manifest.verify()
        self.engine = open_engine(self.manifest, stem, execution)
        self._is_rotary = self.manifest.time == 'rotary'
        self._joints = self.manifest.joint_count(stem)
        self._anchors = self.manifest.anchor_count(stem)
        self._conditioned = _Conditioned(0, (), 0, {})
        # Idle caches by batch size.
        self._idle: dict[int, list[KvCache]] = {}

    def part(self, name: str) -> HeadPart:
        """Return a part of a diffusion head; raises BundleError if there is none of the name."""
        return self.engine.part(name)

    def kv_cache(self, batch: int = 1) -> KvCache:
        """Return room for past steps of some contexts side by side."""
        return self.engine.kv_cache(batch)

    @contextmanager
    def spread(self, cache: KvCache, batch: int) -> Iterator[KvCache]:
        """
        Lend a cache of ``batch`` copies of a single context; of one, the cache itself.

        Returned caches are lent again, so an engine prepares once what depends on the addresses of
        their buffers, such as a CUDA graph. For each size of batch ever lent they stay, with their
        memory, as long as the model.
        """
        if batch == 1:
            yield cache
            return
        idle = self._idle.setdefault(batch, [])
        copies = idle.pop() if idle else self.engine.kv_cache(batch)
        try:
            copies.take(cache, batch)
            yield copies
        finally:
            idle.append(copies)

    def run(self, cache: KvCache, first: int, steps: Sequence[TrunkStep]) -> dict[str, Any]:
        """
        Compute some steps, given the kept ones.

        :param first: index of the first of them.
        :returns: by name, see :mod:`hma_ros.export.model_graphs`, but only of the last step; what
            begins with `kept` is of all, in order of layers, and only for a cache.
        :raises InferenceError: an action is masked that this model has to see, or is not finite.
        """
        index_R = np.arange(first, first + len(steps), dtype=np.int64)
        feeds: dict[str, Any] = {
            'tokens': np.stack([step.tokens_BSE for step in steps], 1),
            'masked': np.stack([step.masked_BS for step in steps], 1),
            'index': index_R,
            'past_index': cache.steps_P,
            **self.condition(first, steps),
        }
        if self.manifest.previous_frame:
            feeds['previous'] = np.stack([step.before_BSE for step in steps], 1)
        if self.manifest.reads_joints:
            feeds |= self._joints_seen(steps)
        if self._is_rotary:
            feeds['rotation'] = rotations(index_R, self.manifest.head_width)
        outputs = self.engine.trunk(feeds, cache)
        return {
            name: value if name.startswith('kept_') else value[:, -1]
            for name, value in outputs.items()
        }

    def _joints_seen(self, steps: Sequence[TrunkStep]) -> dict[str, np.ndarray]:
        """Joints as the action head takes them; where they are not known it reads no zeros."""
        batch = len(steps[0].tokens_BSE)
        unknown = np.zeros((batch, self._joints), np.float32)
        joints = [unknown if step.joints_BJ is None else step.joints_BJ for step in steps]
        measured = [np.full(batch, step.joints_BJ is not None) for step in steps]
        return {'joints': np.stack(joints, 1), 'measured': np.stack(measured, 1)}

    def kept(self, outputs: Mapping[str, Any]) -> list[Any]:
        """Pick keys and values out of the outputs of a run."""
        return [value for name, value in outputs.items() if name.startswith('kept_')]

    def condition(self, first: int, steps: Sequence[TrunkStep]) -> Mapping[str, Any]:
        """
        Do the work of the stem, which passes of a frame share.

        Steps among those of the last call are not done again, so whoever knows what will be run
        may ask for all of it at once, which costs little more than one step.

        :returns: by name, with steps on the second axis; valid until the next call.
        :raises InferenceError: as :meth:`run`.
        """
        batch = len(steps[0].tokens_BSE)
        conditions = [(step.chunk_BX, step.anchor_BK, step.unconditional_B) for step in steps]
        known = self._conditioned  # read once: other callers may put theirs in its place
        which = known.place(first, conditions, batch)
        if which is None:
            given = self._condition(first, conditions, batch)
            # Copies: a caller may write the next action in the same place.
            kept = [(_copy(chunk), _copy(anchor), masked) for chunk, anchor, masked in conditions]
            known, which = _Conditioned(first, kept, batch, given), slice(None)
            self._conditioned = known
        return {name: value[:, which] for name, value in known.given.items()}

    def _condition(
        self, first: int, conditions: Sequence[_Conditions], batch: int
    ) -> Mapping[str, Any]:
        index_R = np.arange(first, first + len(conditions), dtype=np.int64)
        known_BR = _known([(chunk, masked) for chunk, _, masked in conditions], batch)
        if not known_BR.all() and not self.manifest.hides_actions:
            raise InferenceError(
                'chunk: masked, expected the action of every step: the blocks of a model '
                'with compat: upstream see also actions that are to be predicted'
            )
        shape = (batch, self.stem.chunk_size)
        feeds = {'chunk': _stacked('chunk', [chunk for chunk, *_ in conditions], shape)}
        if self._anchors:
            anchors = [anchor for _, anchor, _ in conditions]
            feeds['anchor'] = _stacked('anchor', anchors, (batch, self._anchors))
            feeds['anchored'] = _known(
                [(anchor, masked) for _, anchor, masked in conditions], batch
            )
        return self.engine.stem({**feeds, 'known': known_BR, 'index': index_R})


def _known(
    values: Sequence[tuple[np.ndarray | None, np.ndarray | None]], batch: int
) -> np.ndarray:
    """Say of each step for which of a batch a value is known, and not masked: ``bool[B, R]``."""
    known = [
        np.full(batch, value is not None) if masked is None else ~masked & (value is not None)
        for value, masked in values
    ]
    return np.stack(known, 1)


def _stacked(what: str, values: Sequence[np.ndarray | None], shape: tuple[int, int]) -> np.ndarray:
    """Join what conditions steps; what is not known is not read, so zeros do in its place."""
    parts = []
    for value in values:
        part = np.zeros(shape, np.float32) if value is None else np.asarray(value, np.float32)
        if part.shape != shape or not np.isfinite(part).all():
            raise InferenceError(
                f'{what}: got {part.tolist()}, expected finite float32{list(shape)}'
            )
        parts.append(part)
    return np.stack(parts, 1)


def _copy(array: np.ndarray | None) -> np.ndarray | None:
    return None if array is None else array.copy()


def _is_equal(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))
