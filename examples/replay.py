# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Step the pipeline through a bag; say which sensors make each mask: ``replay.py BAG BUNDLE``."""

from pathlib import Path
import sys

from mm_robust_seg.api import BagImage, build_pipeline, Config, find_bundle, load_bundle, open_bag

bundle = load_bundle(find_bundle(sys.argv[2]))
with open_bag(Path(sys.argv[1])) as bag:
    start_ns = next(bag.images()).time_ns
    pipeline, engine = build_pipeline(Config(), bundle, start_ns)
    for item in bag.images():
        if isinstance(item, BagImage):
            pipeline.offer(item.image, item.time_ns)
        if mask := pipeline.step(item.time_ns):
            print(f'{mask.stamp_ns}: {mask.combination} {mask.report.caption()}')
    engine.close()
