"""Judge the sensors: which may be used now, and if not, why."""

from mm_robust_seg.stages.health.monitor import HealthMonitor

__all__ = ['HealthMonitor']
