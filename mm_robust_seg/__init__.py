"""Semantic segmentation from RGB, thermal and depth that keeps working when a camera fails."""

__version__ = '0.1.0'
