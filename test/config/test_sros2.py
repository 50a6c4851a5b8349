# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The example policy: the node may use all of its topics and services, and nothing else."""

from __future__ import annotations

from interface import (
    INPUTS,
    LIFECYCLE_SERVICES,
    NODE,
    outputs,
    PARAMETER_SERVICES,
    services,
)
from sros2_policy import allowed, POLICY

EVERY_NODE = {'/rosout', '/parameter_events'}
EVERY_SERVICE = PARAMETER_SERVICES | {f'{NODE}/get_type_description'}


def test_the_policy_has_the_form_of_sros2():
    assert POLICY.tag == 'policy'
    assert POLICY.get('version') == '0.2.0'
    assert [e.get('path') for e in POLICY.find('enclaves')] == ['/segmentation', '/operator']
    rights = {value for block in POLICY.iter() for key, value in block.items() if key in RIGHTS}
    assert rights == {'ALLOW'}


RIGHTS = ('publish', 'subscribe', 'request', 'reply')


def test_the_node_may_publish_what_it_publishes():
    expected = {*outputs(), *EVERY_NODE, f'{NODE}/transition_event'}
    assert allowed('/segmentation', 'topics', 'publish') == expected


def test_the_node_may_hear_its_sensors():
    assert allowed('/segmentation', 'topics', 'subscribe') == {*INPUTS, '/clock'}


def test_the_node_may_answer_its_services():
    expected = services() | LIFECYCLE_SERVICES | EVERY_SERVICE
    assert allowed('/segmentation', 'services', 'reply') == expected
    assert not allowed('/segmentation', 'services', 'request')


def test_the_operator_may_see_and_ask_for_everything():
    heard = allowed('/operator', 'topics', 'subscribe')
    assert allowed('/segmentation', 'topics', 'publish') <= heard
    assert allowed('/operator', 'services', 'request') == allowed(
        '/segmentation', 'services', 'reply'
    )
    assert allowed('/operator', 'topics', 'publish') == EVERY_NODE
