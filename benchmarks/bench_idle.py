"""Measure what the node costs while it has nothing to do: CPU seconds per second (Linux).

The node runs as a process of its own; it is measured configured, and active without images, from
what /proc says it used. Writes out/bench/idle.json.

Example: python benchmarks/bench_idle.py --duration-s 30
"""

import argparse
import os
from pathlib import Path
import tempfile
import time

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
import rclpy

from mm_robust_seg.files import write_json
from mm_robust_seg.ros.processes import Child, Children, ros_environment, shipped

_TICKS_PER_S = os.sysconf('SC_CLK_TCK')
_SETTLE_S = 3.0
_DISCOVERY_S = 1.0  # an answer may be lost before both sides know each other
_PATIENCE_S = 120.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--bundle', default='sim')
    parser.add_argument('--duration-s', type=float, default=20.0)
    parser.add_argument('--out', type=Path, default=Path('out/bench/idle.json'))
    args = parser.parse_args()
    domain_id = 1 + os.getpid() % 100
    variables = ros_environment(domain_id, shipped('config/fastdds_profile.xml'))
    os.environ.update(variables)
    result = {'duration_s': args.duration_s}
    with (
        tempfile.TemporaryDirectory() as folder,
        Children(variables, Path(folder)) as children,
    ):
        arguments = ['-p', f'engine.bundle:={args.bundle}']
        node = children.start('segmentation', 'mm_robust_seg.ros.node', arguments)
        for name, transition in (
            ('configured', Transition.TRANSITION_CONFIGURE),
            ('active_without_images', Transition.TRANSITION_ACTIVATE),
        ):
            if not change_state(transition):
                raise SystemExit(f'{name}: the node did not follow:\n{node.last_lines()}')
            result[f'{name}_cpu_s_per_s'] = round(cpu_share(node, args.duration_s), 4)
            print(f'{name}: {result[f"{name}_cpu_s_per_s"]:.2%} of a core')
    write_json(args.out, result)
    print(f'written to {args.out}')


def change_state(transition: int) -> bool:
    """Ask the node for a transition, as a client that is gone while the node is measured."""
    rclpy.init()
    client_node = rclpy.create_node('bench_idle')
    client = client_node.create_client(ChangeState, 'segmentation/change_state')
    try:
        if not client.wait_for_service(_PATIENCE_S):
            return False
        time.sleep(_DISCOVERY_S)
        request = ChangeState.Request()
        request.transition.id = transition
        future = client.call_async(request)
        rclpy.spin_until_future_complete(client_node, future, timeout_sec=_PATIENCE_S)
        return bool(future.done() and future.result().success)
    finally:
        client_node.destroy_node()
        rclpy.shutdown()


def cpu_share(process: Child, duration_s: float) -> float:
    """Return the CPU seconds per second that a process uses, all its threads together."""
    time.sleep(_SETTLE_S)
    began_s, used_s = time.monotonic(), cpu_s(process.pid)
    time.sleep(duration_s)
    process.check()
    return (cpu_s(process.pid) - used_s) / (time.monotonic() - began_s)


def cpu_s(pid: int) -> float:
    """Return user and system time of a process; proc(5), fields 14 and 15 of stat."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


if __name__ == '__main__':
    main()
