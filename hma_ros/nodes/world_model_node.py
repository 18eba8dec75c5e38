# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Watches the camera, imagines what follows, and proposes actions."""

import threading
import time
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Empty

from hma_ros.core.control.executed_actions import ExecutedActions
from hma_ros.core.embodiment import EmbodimentSpec, load_embodiment
from hma_ros.core.errors import BundleError, HmaError, MessageError
from hma_ros.core.frame_clock import FrameClock, FramePick
from hma_ros.core.image import preprocess
from hma_ros.core.imagination_budget import ImaginationBudget
from hma_ros.core.strip import strip
from hma_ros.msg import ActionChunk, PredictedRollout
from hma_ros.nodes.execution_gate import check_may_execute
from hma_ros.nodes.world_model_parameters import WorldModelParameters
from hma_ros.ros.chunk_msg import from_actions, to_actions
from hma_ros.ros.diagnostics import WARN, Diagnostics
from hma_ros.ros.image_msg import from_rgb, to_rgb
from hma_ros.ros.lifecycle import HmaNode, run
from hma_ros.ros.mailbox import Mailbox
from hma_ros.ros.parameters import read
from hma_ros.ros.qos import REPORT
from hma_ros.ros.rollout_msg import from_rollout
from hma_ros.ros.sensor_subscription import SensorSubscription
from hma_ros.ros.stamps import stamp_ns
from hma_ros.ros.state_samples import StateSamples
from hma_ros.ros.work_thread import WorkThread
from hma_ros.runtime.families import SIZE_REMEDY, size_difference
from hma_ros.runtime.open import open_world_model
from hma_ros.runtime.world import World

_NS = 1_000_000_000
_REPORT_S = 1.0
_HEARTBEAT_S = 0.1
_TELL_S = 10.0
_LOOK_S = 0.02
_MAILBOX_SIZE = 16


class WorldModelNode(HmaNode):
    """One model, one context; frames on the model clock in, chunks and rollouts out."""

    def __init__(self) -> None:
        super().__init__('world_model', WorldModelParameters)
        # The frame clock is fed while a row is being computed.
        self._lock = threading.Lock()
        self._worker: WorkThread | None = None
        self._failures = 0
        self._is_working = False

    @property
    def failure(self) -> str | None:
        """Why the process must end; None while it need not."""
        return None if self._worker is None else self._worker.failure

    def set_up(self) -> None:
        """Load the model and run it once, so that the first frame finds it warm."""
        given = self._given = read(self, WorldModelParameters)
        spec = self._spec = load_embodiment(given.embodiment)
        check_may_execute(spec, given.mode, given.bundle, given.allow_simulation_bundle)
        self._model = self._load_model()
        check_stem(spec, self._model)
        self._reads_joints = bool(self._model.stem.joint_names)
        self._horizon = min(given.horizon, self._model.manifest.max_horizon)
        self._diagnostics = Diagnostics(self, spec.name)
        self.get_logger().info(given.summary(spec, self._model.provider))
        self._warm_up()
        self._open_topics()
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        for period_s, callback in ((_REPORT_S, self._report), (_HEARTBEAT_S, self._beat)):
            self.own(self.create_timer(period_s, callback, clock=steady), self.destroy_timer)
        self._spent = self.own(
            self.create_guard_condition(self._give_up), self.destroy_guard_condition
        )

    def _load_model(self) -> World:
        given = self._given
        model = open_world_model(given.bundle, self._spec.stem, given.execution, given.decoding)
        if given.provider not in ('auto', model.provider):
            self.get_logger().warning(
                f'provider: got {model.provider}, expected {given.provider}; allow_cpu is set'
            )
        if refusal := model.manifest.policy_refusal:
            self.get_logger().warning(f'predicts alone and proposes no actions: {refusal}')
        return model

    def start(self) -> None:
        """Begin with an empty context."""
        spec = self._spec
        self._frame_clock = FrameClock(spec.rates.frame_hz, spec.camera.max_age_s)
        self._mailbox = Mailbox(_MAILBOX_SIZE)
        self._budget = ImaginationBudget(self._horizon, spec.rates.frame_dt_s)
        self._executed = ExecutedActions(spec, self._state.measured)
        self._pick: FramePick | None = None
        self._row_ns: int | None = None
        self._state.clear()
        self._failures = 0
        self._heard_s = self._told_s = time.monotonic()
        self._is_working = True
        self._worker = WorkThread(self._work, _LOOK_S)

    def stop(self) -> None:
        """Finish the present row, if there is one."""
        self._is_working = False
        if self._worker is not None:
            self._worker.close()

    def _open_topics(self) -> None:
        camera = self._spec.camera
        self._camera_topic = self.resolve_topic_name(camera.topic)
        self._executed_topic = self.resolve_topic_name(self._given.executed_topic)
        self._camera_type = Image if camera.transport == 'raw' else CompressedImage
        self._chunks = self.publisher(ActionChunk, '~/action_chunk', REPORT)
        self._rollouts = self.publisher(PredictedRollout, '~/prediction', REPORT)
        self._strips = self.publisher(Image, '~/prediction/image', REPORT)
        self._heartbeats = self.publisher(Empty, '~/heartbeat', REPORT)
        SensorSubscription(self, self._camera_type, camera.topic, self._on_image)
        self.subscribe(ActionChunk, self._given.executed_topic, self._on_executed, REPORT)
        self._state = StateSamples(
            self,
            self._spec,
            self._on_state,
            partial(self._diagnostics.trouble, 'bad states'),
            partial(self._diagnostics.over, 'bad states'),
        )

    def _warm_up(self) -> None:
        camera = self._spec.camera
        dark = np.zeros((camera.height, camera.width, 3), np.uint8)
        still = np.zeros((1, self._model.stem.stride, self._model.stem.action_dim), np.float32)
        self._model.observe(preprocess(dark, camera), None)
        if not self._model.manifest.policy_refusal:
            self._model.act()
        if self._horizon:
            self._model.imagine(still, 1)
        self._model.reset()

    def _on_image(self, message: Any) -> None:
        if not self._is_working:
            return
        stamp, self._heard_s = stamp_ns(message.header.stamp), time.monotonic()
        with self._lock:
            refusal = self._frame_clock.offer(stamp, self.now_ns())
            if refusal is None:
                self._mailbox.put(stamp, message, self._heard_s)
        if refusal is not None:
            self._diagnostics.trouble('missed rows', f'{self._camera_topic}: {refusal}', WARN)
        self._wake()

    def _on_executed(self, message: Any) -> None:
        if not self._is_working:
            return
        try:
            actions = to_actions(message, self._spec, self._executed_topic)
        except MessageError as error:
            self._diagnostics.trouble('bad reports', str(error))
            return
        self._diagnostics.over('bad reports')
        self._executed.report(stamp_ns(message.header.stamp), actions)
        self._wake()

    def _on_state(self) -> None:
        # They come often: only a row that waits for them is worth waking up for.
        if self._is_working and self._pick is not None:
            self._wake()

    def _wake(self) -> None:
        if self._worker is not None:
            self._worker.wake()

    def _work(self) -> None:
        """Process the rows that are due; runs in the worker's thread."""
        while self._is_working and not self._is_spent() and self._next_row():
            pass
        if self._is_spent():
            self._spent.trigger()

    def _is_spent(self) -> bool:
        return bool(self._failures >= self._given.max_failures)

    def _give_up(self) -> None:
        if not self._is_working or not self._is_spent():
            return
        self.get_logger().error(
            f'{self._camera_topic}: expected a row that succeeds, got {self._failures} failures '
            'in a row: deactivating; activate again when the cause is gone'
        )
        self.trigger_deactivate()

    def _next_row(self) -> bool:
        with self._lock:
            now_ns = self.now_ns()
            if self._pick is not None and self._frame_clock.is_lost(self._pick, now_ns):
                self._pick = self._row_ns = None
            if self._pick is None:
                self._pick = self._due(now_ns)
            if self._pick is None or self._must_wait(self._pick, now_ns):
                return False
            pick, self._pick = self._pick, None
        try:
            self._process(pick)
        except HmaError as error:
            # The context lacks this row: the next one starts a new context.
            self._row_ns = None
            self._failures += 1
            self._diagnostics.trouble('dropped rows', str(error))
        else:
            self._failures = 0
        return True

    def _due(self, now_ns: int) -> FramePick | None:
        pick = self._frame_clock.tick(now_ns)
        if pick.stamp_ns is not None:
            return pick
        if pick.reason is not None and pick.reason != 'no image':
            self._diagnostics.trouble('missed rows', f'{self._camera_topic}: {pick.reason}', WARN)
        return None

    def _must_wait(self, pick: FramePick, now_ns: int) -> bool:
        """Whether joints of the row, or what was executed before it, may still come."""
        stamp = pick.stamp_ns or 0
        if now_ns - stamp >= self._given.executed_timeout_s * _NS:
            return False
        if self._reads_joints and not self._state.measured.joints_reach(stamp):
            return True
        if pick.restarts or self._row_ns is None:
            return False
        has_reporter = self.count_publishers(self._executed_topic) > 0
        return self._executed.may_come(self._row_ns, has_reporter)

    def _process(self, pick: FramePick) -> None:
        stamp = pick.stamp_ns or 0
        taken = self._mailbox.take(stamp)
        if taken is None:
            raise MessageError(
                f'{self._camera_topic}: expected the image of the row to be kept, '
                'got none: the model is slower than its clock'
            )
        message, receipt_s = taken
        started_s = time.monotonic()
        self._diagnostics.latency('waiting', started_s - receipt_s)
        frame = self._decode(message)
        joints = self._measured(stamp) if self._reads_joints else None
        if joints is None and self._reads_joints:
            return
        decoded_s = time.monotonic()
        chunk = self._decide(frame, joints, pick.restarts)
        decided_s = time.monotonic()
        self._row_ns = stamp
        if chunk is not None:
            self._chunks.publish(from_actions(self._spec, stamp, chunk))
        done_s = time.monotonic()
        self._diagnostics.latency('conversion', decoded_s - started_s)
        self._diagnostics.latency('inference', decided_s - decoded_s)
        self._diagnostics.latency('publishing', done_s - decided_s)
        self._diagnostics.latency('receipt to action', done_s - receipt_s)
        self._diagnostics.latency('image stamp to action', (self.now_ns() - stamp) * 1e-9)
        self._diagnostics.well('rows', 'missed rows', 'dropped rows', 'camera timeouts')
        self._budget.row_arrived(receipt_s)
        self._tell(self._imagine(stamp, frame, message.header.frame_id))

    def _decode(self, message: Any) -> NDArray[np.uint8]:
        camera = self._spec.camera
        return preprocess(to_rgb(message, self._camera_topic, camera), camera)

    def _measured(self, stamp: int) -> NDArray[np.float32] | None:
        """Return the joints of a frame; without them the row is lost, never made up."""
        try:
            joints = self._state.measured.joints_at(stamp).astype(np.float32)
        except MessageError as error:
            self._row_ns = None
            self._diagnostics.trouble('missed joints', str(error))
            return None
        self._diagnostics.over('missed joints')
        return joints

    def _decide(
        self, frame: NDArray[np.uint8], joints: NDArray[np.float32] | None, restarts: bool
    ) -> NDArray[np.float32] | None:
        """Take in a row; returns what to do then, if there is a policy."""
        executed = None
        if restarts or self._row_ns is None:
            self._model.reset()
            self._budget.restart()
            self._diagnostics.counts['new contexts'] += 1
        else:
            executed, origin = self._executed.find(self._row_ns)
            self._diagnostics.counts[f'{origin} actions'] += 1
        known = None if executed is None else executed.astype(np.float32)
        self._model.observe(frame, known, joints)
        return None if self._model.manifest.policy_refusal else self._model.act()

    def _imagine(self, stamp: int, frame: NDArray[np.uint8], frame_id: str) -> int:
        """Publish what follows; returns how many frames there was time for."""
        if self._horizon == 0 or not self._model.can_imagine:
            return 0
        started_s = time.monotonic()
        most = self._budget.frames(started_s)
        rollout = self._model.imagine(None, most, self._is_next_here)
        spent_s, frames = time.monotonic() - started_s, len(rollout.frames)
        self._budget.imagined(frames, spent_s)
        self._diagnostics.latency('imagined frame', spent_s / frames)
        self._diagnostics.counts['imagined frames'] += frames
        self._rollouts.publish(
            from_rollout(self._spec, stamp, rollout.frames, rollout.actions, frame_id)
        )
        self._strips.publish(from_rgb(strip([frame, *rollout.frames]), stamp, frame_id))
        return frames

    def _is_next_here(self) -> bool:
        with self._lock:
            return self._frame_clock.has_next()

    def _beat(self) -> None:
        if self._is_working:
            self._heartbeats.publish(Empty())

    def _report(self) -> None:
        silent_s = time.monotonic() - self._heard_s if self._is_working else 0.0
        if silent_s > self._given.camera_timeout_s:
            self._diagnostics.trouble('camera timeouts', self._silence(silent_s))
        self._diagnostics.note('conflicting publishers', self._state.measured.conflict)
        self._diagnostics.publish(
            {
                'active': self._is_working,
                'rows in context': self._model.rows,
                'provider': self._model.provider,
                'trained on': self._model.stem.trained_on,
                'share of transport and conversion': 1.0
                - self._share('inference', 'receipt to action'),
            }
        )

    def _tell(self, frames: int) -> None:
        """Say now and then what the model does, for those who watch the terminal."""
        now_s = time.monotonic()
        if self._diagnostics.counts['rows'] > 1 and now_s - self._told_s < _TELL_S:
            return
        self._told_s = now_s
        to_action = self._diagnostics.latencies['receipt to action']
        self.get_logger().info(
            f'{self._diagnostics.counts["rows"]} rows, imagining {frames} frames ahead; image to '
            f'action {to_action.percentile_ms(50):.0f} ms (median), '
            f'{to_action.percentile_ms(95):.0f} ms (95 of 100)'
        )

    def _share(self, part: str, whole: str) -> float:
        windows = self._diagnostics.latencies
        if part not in windows or whole not in windows:
            return float('nan')
        return windows[part].mean_s() / windows[whole].mean_s()

    def _silence(self, silent_s: float) -> str:
        package = self._camera_type.__module__.partition('.')[0]
        publishers = self.get_publishers_info_by_topic(self._camera_topic)
        types = ', '.join(sorted({item.topic_type for item in publishers}))
        return (
            f'{self._camera_topic}: expected {package}/msg/{self._camera_type.__name__} from '
            f'the camera within {self._given.camera_timeout_s:g} s, got none for '
            f'{silent_s:.0f} s ({len(publishers)} publishers{": " if types else ""}{types})'
        )


def check_stem(spec: EmbodimentSpec, model: World) -> None:
    """
    Compare the embodiment with the stem that shall serve it.

    :raises BundleError: other actions, joints, stride, frame rate or image size than the stem was
        trained on.
    """
    # A model that reads no joints does not mind which there are.
    joints = spec.state.joints if model.stem.joint_names else ()
    for what, expected, got in (
        ('action names', tuple(model.stem.action_names), spec.action.names),
        ('joints', tuple(model.stem.joint_names), joints),
        ('stride', model.stem.stride, spec.rates.stride),
        ('frame_hz', model.stem.frame_hz, spec.rates.frame_hz),
    ):
        if expected != got:
            raise BundleError(
                f'{spec.path}: {what}: got {got}, expected {expected} of the stem {spec.stem!r} '
                f'in {model.manifest.folder}; correct the file or choose another bundle'
            )
    if difference := size_difference(model.manifest, spec.camera.resize):
        raise BundleError(f'{spec.path}: {difference}; {SIZE_REMEDY}')


def main() -> int:
    """Run the node."""
    return run(WorldModelNode)
