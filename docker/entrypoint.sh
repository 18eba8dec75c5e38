#!/usr/bin/env bash
# Runs a command with ROS and this package in its environment.
set -e
source "/opt/ros/${ROS_DISTRO}/setup.bash"
source /workspace/install/setup.bash
exec "$@"
