"""The floor under the rates: what a send has to keep to, however many workers there are and whatever has become of Valkey."""

from __future__ import annotations

from konstruct.channels import pace_repository
from konstruct.channels.delivery_job import Job
from konstruct.channels.limits import SendLimits
from konstruct.channels.patience import Patience
from konstruct.channels.rates import POST
from konstruct.db.session import TenantSession


class Paced(Exception):  # noqa: N818  # control flow of one send, not an error
    """Rolls back the beginning of a send: the number, or the person, was sent something a moment ago."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:.3f} s")
        self.seconds = seconds


class Pacing:
    """Counts in the transaction that begins a send, for channels whose rates ask for it."""

    def __init__(self, limits: SendLimits, patience: Patience) -> None:
        self._limits = limits
        self._patience = patience

    async def begin(self, session: TenantSession, job: Job) -> None:
        """Raise Paced if the person or the number was sent something a moment ago. Locks the number's row, last of all."""
        if (rate := self._limits.kept(job.method(POST))) is None:
            return
        conversation_id, account_id = job.claim.conversation_id, job.sender.account_id
        wait_s = await pace_repository.take_pair(session, conversation_id, rate.spacing_s, self._patience.send_s)
        if wait_s <= 0:
            wait_s = await pace_repository.take_number(session, account_id, rate.interval_s, rate.burst)
        if wait_s > 0:
            raise Paced(wait_s)

    async def end(self, session: TenantSession, job: Job) -> None:
        """The call has ended: the person is spared from now on. Locks the lane's row, which comes before the delivery's."""
        if (rate := self._limits.kept(job.method(POST))) is not None:
            await pace_repository.end_pair(session, job.claim.conversation_id, rate.spacing_s)
