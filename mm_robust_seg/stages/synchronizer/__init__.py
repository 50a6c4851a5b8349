from mm_robust_seg.stages.synchronizer.synchronizer import Synchronizer

__all__ = ['Synchronizer']
