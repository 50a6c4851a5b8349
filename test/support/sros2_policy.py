# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The example policy of SROS 2: what it allows."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from interface import ROOT

POLICY = ET.parse(ROOT / 'config' / 'sros2_policy.xml').getroot()


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
