"""How the decoding helpers report a message that cannot be read."""

from __future__ import annotations

from mm_robust_seg.dataflow import Reason
from mm_robust_seg.errors import RobustSegError


class MalformedError(RobustSegError):
    """Carries a Rejection's reason and sentence up to ``decode``, which never lets it out."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
