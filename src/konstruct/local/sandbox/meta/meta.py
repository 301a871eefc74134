"""The simulated Meta as one thing: what its calls, its pages and its phones work on."""

from __future__ import annotations

from dataclasses import dataclass

from konstruct.local.sandbox.meta.application import MetaApplication
from konstruct.local.sandbox.meta.pace import Pace
from konstruct.local.sandbox.meta.post import MetaPost
from konstruct.local.sandbox.meta.store import MetaStore
from konstruct.local.sandbox.slack.faults import Faults
from konstruct.local.sandbox.store import SandboxStore


@dataclass(frozen=True, slots=True)
class Meta:
    """Everything together. Faults and store are the sandbox's own."""

    sandbox: SandboxStore
    app: MetaApplication
    post: MetaPost
    pace: Pace
    faults: Faults

    @property
    def store(self) -> MetaStore:
        """Return what Meta remembers."""
        return self.sandbox.meta

    def now(self) -> float:
        """Return the simulated time in Unix seconds."""
        return self.sandbox.control.now()
