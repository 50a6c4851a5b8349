# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the middleware tells of a subscription besides its messages."""

from __future__ import annotations

from collections.abc import Callable
import inspect

from rclpy.qos import qos_policy_name_from_kind

try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks


def event_callbacks(
    lost: Callable[[int], None],
    incompatible: Callable[[str], None],
    matched: Callable[[], None],
) -> SubscriptionEventCallbacks:
    """Return the callbacks for one subscription.

    Args:
        lost: is told how many messages were lost since the last call.
        incompatible: is told the name of the policy, such as ``RELIABILITY``, for which a
            publisher and the subscription do not connect.
        matched: is called when a publisher connects or leaves; never on Humble, which does not
            tell.
    """
    callbacks = {
        'message_lost': lambda event: lost(event.total_count_change),
        'incompatible_qos': lambda event: incompatible(
            qos_policy_name_from_kind(event.last_policy_kind)
        ),
        'matched': lambda _: matched(),
    }
    known = inspect.signature(SubscriptionEventCallbacks).parameters
    return SubscriptionEventCallbacks(
        **{name: callback for name, callback in callbacks.items() if name in known}
    )
