# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Measure what the node costs while it has nothing to do: CPU seconds per second (Linux).

The node runs as a process of its own; it is measured configured, and active without images.
Writes out/bench/idle.json.

Example: python benchmarks/bench_idle.py --duration-s 30
"""

import argparse
import os
from pathlib import Path
import tempfile
import time

from benchmarks.process_use import use
from mm_robust_seg.errors import RobustSegError
from mm_robust_seg.files import shipped, write_json
from mm_robust_seg.ros.processes.bring_up import BringUp
from mm_robust_seg.ros.processes.children import (
    Child,
    Children,
    quiet_domain,
    ros_environment,
)
from mm_robust_seg.ros.processes.client import ACTIVATE, Client, CONFIGURE

_STEPS = (('configured', CONFIGURE), ('active_without_images', ACTIVATE))
_DISCOVERY_S, _LOADING_S, _SETTLE_S = 40.0, 180.0, 3.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--bundle', default='sim')
    parser.add_argument('--duration-s', type=float, default=20.0)
    parser.add_argument('--out', type=Path, default=Path('out/bench/idle.json'))
    args = parser.parse_args()
    variables = ros_environment(quiet_domain(), shipped('config/fastdds_profile.xml'))
    os.environ.update(variables)
    try:
        result = measure(args.bundle, args.duration_s, variables)
    except RobustSegError as error:
        raise SystemExit(str(error)) from error
    write_json(args.out, result)
    print(f'written to {args.out}')


def measure(bundle: str, duration_s: float, variables: dict[str, str]) -> dict[str, float]:
    """Start the node, and return its CPU seconds per second in each state."""
    result = {'duration_s': duration_s}
    with (
        tempfile.TemporaryDirectory() as folder,
        Children(variables, Path(folder)) as children,
    ):
        node = children.start(
            'segmentation', 'mm_robust_seg.ros.node.node', ['-p', f'engine.bundle:={bundle}']
        )
        for name, transition in _STEPS:
            change_state(children, node, transition)
            time.sleep(_SETTLE_S)
            share = cpu_share(node, duration_s)
            children.check()
            print(f'{name}: {share:.2%} of a core')
            result[f'{name}_cpu_s_per_s'] = round(share, 4)
    return result


def change_state(children: Children, node: Child, transition: int) -> None:
    """Ask the node for a transition, as a client that is gone while the node is measured."""
    client = Client('bench_idle')
    try:
        bring_up = BringUp(client, children)
        bring_up.wait(lambda: client.sees_node() or None, _DISCOVERY_S, 'the node is not heard')
        time.sleep(1.0)  # an answer may be lost before both sides know each other
        if not bring_up.wait(client.transition(transition), _LOADING_S, 'no answer'):
            raise RobustSegError(f'the node refused:\n{node.last_lines()}')
    finally:
        client.close()


def cpu_share(process: Child, duration_s: float) -> float:
    """Return the CPU seconds per second that a process uses, all its threads together."""
    began_s, used_s = time.monotonic(), use(process.pid).cpu_s
    time.sleep(duration_s)
    return (use(process.pid).cpu_s - used_s) / (time.monotonic() - began_s)


if __name__ == '__main__':
    main()
