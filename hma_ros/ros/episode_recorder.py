# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Keeps what the camera saw and what the model imagined during an episode, for images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from sensor_msgs.msg import Image

from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.errors import MessageError
from hma_ros.core.generation.rollout_match import RolloutMatch
from hma_ros.core.messages.image import to_rgb
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.core.units import NS_PER_S
from hma_ros.core.vision.image import preprocess
from hma_ros.core.vision.metrics import psnr
from hma_ros.msg import PredictedRollout
from hma_ros.ros.qos import REPORT, SENSOR_IN
from hma_ros.ros.rollout_msg import frame_dt_s, to_frames

_WARN_EVERY_S = 5.0


@dataclass(frozen=True)
class RecordedRollout:
    """
    Imagined frames and the camera's frames of the same moments.

    :param stamp_ns: of the last frame the model had seen.
    :param last: that frame, ``uint8[H, W, 3]``.
    :param observed: ``uint8[N, H, W, 3]``.
    :param imagined: likewise.
    """

    stamp_ns: int
    last: np.ndarray
    observed: np.ndarray
    imagined: np.ndarray


class EpisodeRecorder:
    """
    Listens beside the nodes; a message that cannot be read is logged as a warning and skipped.

    :param node: whose subscriptions are used.
    :param spec: embodiment of the camera.
    :param on_step: called with each rollout's number, its frames ahead, and the PSNR in dB of the
        frame that was imagined for now, NaN where there is none.
    """

    def __init__(
        self,
        node: Node,
        spec: EmbodimentSpec,
        on_step: Callable[[int, int, float], None] = lambda step, frames, db: None,
    ) -> None:
        self._spec, self._on_step, self._logger = spec, on_step, node.get_logger()
        self.latest_diagnostics: dict[str, dict[str, str]] = {}
        self.begin(0)
        node.create_subscription(Image, spec.camera.topic, self._on_image, SENSOR_IN)
        node.create_subscription(
            PredictedRollout, 'world_model/prediction', self._on_rollout, REPORT
        )
        node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, REPORT)

    def begin(self, now_ns: int) -> None:
        """Begin a new episode; what was seen or imagined before is not part of it."""
        self._begin_ns = now_ns
        self._seen: dict[int, np.ndarray] = {}
        self._imagined: list[tuple[int, np.ndarray]] = []
        self._match = RolloutMatch(1, self._tolerance_s)

    def rollouts(self) -> list[RecordedRollout]:
        """Return the rollouts, each as far as the camera saw what became of it."""
        recorded = []
        for stamp, frames in self._imagined:
            last, observed = self._frame_at(stamp), list(self._after(stamp, len(frames)))
            if last is not None and observed:
                imagined = frames[: len(observed)]
                recorded.append(RecordedRollout(stamp, last, np.stack(observed), imagined))
        return recorded

    def ahead(self, lead: int) -> RecordedRollout | None:
        """Return the whole episode as it was imagined `lead` steps before, None if too short."""
        matched = [item for item in self.rollouts() if len(item.imagined) >= lead]
        if not matched:
            return None
        return RecordedRollout(
            matched[0].stamp_ns,
            matched[0].last,
            np.stack([item.observed[lead - 1] for item in matched]),
            np.stack([item.imagined[lead - 1] for item in matched]),
        )

    @property
    def _dt_s(self) -> float:
        return self._spec.rates.frame_dt_s

    @property
    def _tolerance_s(self) -> float:
        return self._dt_s / 4

    def _after(self, stamp_ns: int, count: int) -> Iterator[np.ndarray]:
        """Give the frames of the steps after a stamp, until one was not seen."""
        for step in range(1, count + 1):
            frame = self._frame_at(stamp_ns + round(step * self._dt_s * NS_PER_S))
            if frame is None:
                return
            yield frame

    def _frame_at(self, moment_ns: int) -> np.ndarray | None:
        nearest = min(self._seen, key=lambda stamp: abs(stamp - moment_ns), default=None)
        if nearest is None or abs(nearest - moment_ns) > self._tolerance_s * NS_PER_S:
            return None
        return self._seen[nearest]

    def _on_image(self, message: Any) -> None:
        stamp = stamp_ns(message.header.stamp)
        if stamp < self._begin_ns:
            return
        try:
            frame = to_rgb(message, self._spec.camera.topic, self._spec.camera)
            self._seen[stamp] = preprocess(frame, self._spec.camera)
        except MessageError as error:
            self._warn(error)

    def _on_rollout(self, message: Any) -> None:
        stamp = stamp_ns(message.header.stamp)
        try:
            frames = to_frames(message, 'prediction', self._spec.camera.resize)
        except MessageError as error:
            self._warn(error)
            return
        if stamp < self._begin_ns:
            return
        now, before = self._frame_at(stamp), self._match.find(stamp)
        quality = float('nan') if now is None or before is None else psnr(now, before.frame)
        self._match.add(stamp, frame_dt_s(message), frames)
        self._imagined.append((stamp, frames))
        self._on_step(len(self._imagined), len(frames), quality)

    def _warn(self, error: MessageError) -> None:
        self._logger.warning(str(error), throttle_duration_sec=_WARN_EVERY_S)

    def _on_diagnostics(self, message: Any) -> None:
        for status in message.status:
            name = status.name.partition(':')[0].rpartition('/')[2]
            self.latest_diagnostics[name] = {item.key: item.value for item in status.values}
