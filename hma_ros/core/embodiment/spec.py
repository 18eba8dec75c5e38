# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The facts of one robot, frozen.

Axes: ``A`` action names of one low-level step, ``D`` commanded coordinates (the action without the
gripper), ``J`` joints read from the robot. Units are SI: metres, radians, seconds.
"""

from dataclasses import dataclass

SEMANTICS = (
    'ee_delta',
    'ee_position',
    'ee_pose_delta',
    'ee_pose',
    'joint_delta',
    'joint_position',
    'position',
)
DELTA_SEMANTICS = ('ee_delta', 'ee_pose_delta', 'joint_delta')
POSE_SEMANTICS = ('ee_pose_delta', 'ee_pose')
CARTESIAN_SEMANTICS = ('ee_delta', 'ee_position', *POSE_SEMANTICS)
# How many numbers an orientation takes. Euler axes as in transforms3d: s fixed, r moving.
ROTATIONS = {
    'euler_sxyz': 3,
    'euler_szyx': 3,
    'euler_rxyz': 3,
    'euler_rzyx': 3,
    'rotation_vector': 3,
    'quaternion_xyzw': 4,
    'matrix_6d': 6,
}
DELTA_FRAMES = ('base', 'tool')
UNITS = ('m', 'rad', 'unitless', 'open_closed')
TRANSPORTS = ('raw', 'compressed')
# Two pixels share their chroma.
YUV_ENCODINGS = ('uyvy', 'yuyv', 'yuv422', 'yuv422_yuy2')
# By transport.
ENCODINGS = {
    'raw': ('rgb8', 'bgr8', 'rgba8', 'bgra8', 'mono8', *YUV_ENCODINGS),
    'compressed': ('jpeg', 'png'),
}
# The names sensor_msgs had for them until ROS 2 Iron: the same encodings.
OLD_ENCODING_NAMES = {'yuv422': 'uyvy', 'yuv422_yuy2': 'yuyv'}
# The first is what holds where a file says nothing.
YUV_RANGES = ('limited', 'full')
COMMAND_INTERFACES = (
    'cartesian_pose',
    'joint_trajectory',
    'forward_position',
    'joint_target',
    'interbotix_group',
    'interbotix_single',
)
GRIPPER_INTERFACES = ('gripper_command', 'parallel_gripper_command', 'forward_position')


@dataclass(frozen=True)
class CropSpec:
    """A rectangle of the camera image, in pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class CameraSpec:
    """
    The one camera the model sees.

    ``height`` and ``width`` are those of the published image; ``crop`` is cut out first, padded
    to a square with black, then averaged down to ``resize`` (height, width). ``yuv_range`` says
    which luma is black and which white in a YUV image: 16 and 235 (``limited``), or 0 and 255
    (``full``).
    """

    topic: str
    transport: str
    info_topic: str | None
    encodings: tuple[str, ...]
    height: int
    width: int
    crop: CropSpec | None
    resize: tuple[int, int]
    max_age_s: float
    yuv_range: str = 'limited'


@dataclass(frozen=True)
class StateSource:
    """
    One ``sensor_msgs/msg/JointState`` topic.

    ``message_names[i]`` is what the driver calls ``joints[i]``; two arms may share driver names.
    """

    topic: str
    joints: tuple[str, ...]
    message_names: tuple[str, ...]


@dataclass(frozen=True)
class PoseSpec:
    """Where the measured tool pose (``geometry_msgs/msg/PoseStamped``) is read."""

    topic: str
    frame_id: str


@dataclass(frozen=True)
class StateSpec:
    """What the robot reports about itself, and how old it may be."""

    sources: tuple[StateSource, ...]
    pose: PoseSpec | None
    max_age_s: float

    @property
    def joints(self) -> tuple[str, ...]:
        """All joint names, sources in order: the order of every joint vector of this robot."""
        return tuple(name for source in self.sources for name in source.joints)


@dataclass(frozen=True)
class ActionSpec:
    """
    One low-level action in physical units.

    ``names``, ``units``, ``lower`` and ``upper`` have ``A`` entries, ``coordinates`` the ``D``
    commanded ones. With a gripper its value is the last of the names.

    A tool pose has a ``rotation``, a word of :data:`ROTATIONS`; its increments are in the axes of
    ``delta_frame``. ``is_verified`` says whether the meaning of the numbers was checked against
    what the stem was trained with.

    ``layout`` lists what a released stem takes, where that is not the action itself: names, and
    numbers for what the robot has not (:mod:`~hma_ros.core.embodiment.action_layout`); empty
    where it is.
    """

    semantics: str
    frame: str
    names: tuple[str, ...]
    units: tuple[str, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    coordinates: tuple[str, ...]
    is_verified: bool
    rotation: str | None = None
    delta_frame: str | None = None
    layout: tuple[str | float, ...] = ()

    @property
    def planned(self) -> int:
        """How many axes actions move: the coordinates and, with a rotation, three more."""
        return len(self.coordinates) + (0 if self.rotation is None else 3)

    @property
    def is_delta(self) -> bool:
        """Whether an action is an increment of the commanded target."""
        return self.semantics in DELTA_SEMANTICS

    @property
    def is_cartesian(self) -> bool:
        """Whether a tool pose is commanded."""
        return self.semantics in CARTESIAN_SEMANTICS


@dataclass(frozen=True)
class RateSpec:
    """The model clock and the controller's clock, in hertz."""

    frame_hz: float
    stride: int
    command_hz: float

    @property
    def control_hz(self) -> float:
        """Low-level actions per second, ``frame_hz * stride``."""
        return self.frame_hz * self.stride

    @property
    def step_dt_s(self) -> float:
        """Seconds one low-level action takes."""
        return 1.0 / self.control_hz

    @property
    def max_chunk_steps(self) -> int:
        """Low-level actions that a chunk may have: two steps of the model."""
        return 2 * self.stride

    @property
    def frame_dt_s(self) -> float:
        """Seconds between two frames of the model."""
        return 1.0 / self.frame_hz


@dataclass(frozen=True)
class CommandSpec:
    """
    One command topic of the robot and the coordinates it carries, in message order.

    ``message_names[i]`` is what the driver calls ``coordinates[i]``. ``time_from_start_s`` belongs
    to ``joint_trajectory`` only, ``group`` to the two ``interbotix`` interfaces, ``frame_id`` and
    ``orientation_xyzw`` to ``cartesian_pose``; without an orientation the tool keeps the one
    measured when execution starts.
    """

    interface: str
    topic: str
    coordinates: tuple[str, ...]
    message_names: tuple[str, ...]
    frame_id: str | None = None
    orientation_xyzw: tuple[float, float, float, float] | None = None
    time_from_start_s: float | None = None
    group: str | None = None


@dataclass(frozen=True)
class GripperSpec:
    """
    The gripper, and how the model's value becomes its position.

    The model says ``model_open`` or ``model_closed``; past ``threshold`` by ``hysteresis`` the
    gripper is told ``open_position`` or ``closed_position``, at most every ``min_interval_s``.
    Its ``joint`` is measured on ``joint_topic``; None for the topics of ``state.sources``.
    """

    interface: str
    name: str
    joint: str | None
    joint_topic: str | None
    open_position: float
    closed_position: float
    max_effort: float
    model_open: float
    model_closed: float
    threshold: float
    hysteresis: float
    min_interval_s: float

    @property
    def takes_goals(self) -> bool:
        """Whether it is commanded by action; on a topic if not."""
        return self.interface != 'forward_position'


@dataclass(frozen=True)
class OrientationSpec:
    """
    Limits of the tool's orientation, in radians, about ``reference_xyzw``.

    ``max_angle`` is the largest turn about any axis of the reference; ``start_margin`` is added
    to it for a robot that starts.
    """

    reference_xyzw: tuple[float, float, float, float]
    max_angle: float
    velocity: float
    acceleration: float
    following_error: float
    start_margin: float


@dataclass(frozen=True)
class LimitSpec:
    """
    Limits of the ``D`` commanded coordinates; for a tool position the box is the workspace.

    Increments stop at the border of ``lower``..``upper``, which is reported as limited; an
    absolute target outside is refused, and the robot holds.
    ``following_error`` is the largest distance between commanded and measured. A robot may start
    as far as ``start_margin`` outside the limits. ``jerk`` smooths the motion; None sets no
    limit. ``continuous`` marks joints that turn without end; ``orientation`` is there for a tool
    pose.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    velocity: tuple[float, ...]
    acceleration: tuple[float, ...]
    following_error: tuple[float, ...]
    start_margin: tuple[float, ...]
    continuous: tuple[bool, ...]
    jerk: tuple[float, ...] | None = None
    orientation: OrientationSpec | None = None


@dataclass(frozen=True)
class StopSpec:
    """
    A topic that stops the robot when ``field`` takes one of ``stop_values``.

    ``latched`` says that its driver publishes only changes and keeps the last one for latecomers
    (transient local). A ``mandatory`` topic must have said that there is no stop before the robot
    moves, and its publisher must stay. With ``heartbeat_s`` a longer silence stops the robot.
    """

    topic: str
    type: str
    field: str
    stop_values: tuple[bool | int, ...]
    reason: str
    latched: bool = False
    mandatory: bool = False
    heartbeat_s: float | None = None


@dataclass(frozen=True)
class EmbodimentSpec:
    """
    Everything the package knows about one robot.

    ``path`` is the file it was read from, ``home`` the ``J`` joint positions of a good start.
    """

    name: str
    path: str
    description: str
    sources: tuple[str, ...]
    simulated: bool
    stem: str
    camera: CameraSpec
    state: StateSpec
    action: ActionSpec
    rates: RateSpec
    commands: tuple[CommandSpec, ...]
    gripper: GripperSpec | None
    limits: LimitSpec
    stops: tuple[StopSpec, ...]
    home: tuple[float, ...]

    @property
    def base_frame(self) -> str:
        """The frame in which the robot stands: that of its tool pose or of its positions."""
        if self.state.pose is not None:
            return self.state.pose.frame_id
        return 'base_link' if self.action.frame == 'joints' else self.action.frame
