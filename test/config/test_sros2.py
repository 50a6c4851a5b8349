"""The example policy: the node may use all of its topics and services, and nothing else."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from interface import (
    INPUTS,
    LIFECYCLE_SERVICES,
    NODE,
    outputs,
    PARAMETER_SERVICES,
    ROOT,
    services,
)

POLICY = ET.parse(ROOT / 'config' / 'sros2_policy.xml').getroot()
EVERY_NODE = {'/rosout', '/parameter_events'}
EVERY_SERVICE = PARAMETER_SERVICES | {f'{NODE}/get_type_description'}


def allowed(enclave: str, kind: str, right: str) -> set[str]:
    """Return the topics or services of an enclave for which a right is given."""
    profile = POLICY.find(f'enclaves/enclave[@path="{enclave}"]/profiles/profile')
    return {
        _resolved(item.text, profile)
        for block in profile.findall(kind)
        if block.get(right) == 'ALLOW'
        for item in block
    }


def _resolved(name: str, profile: ET.Element) -> str:
    namespace, node = profile.get('ns').rstrip('/'), profile.get('node')
    if name.startswith('~/'):
        return f'{namespace}/{node}/{name[2:]}'
    return name if name.startswith('/') else f'{namespace}/{name}'


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
