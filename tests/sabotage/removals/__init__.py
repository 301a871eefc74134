"""The removals, by hand: for each guard, how it is taken out and which test must turn red."""

from __future__ import annotations

from tests.sabotage.removals.changes import CHANGES
from tests.sabotage.removals.desk import DESK
from tests.sabotage.removals.faults import FAULTS
from tests.sabotage.removals.ingest import INGEST
from tests.sabotage.removals.installing import INSTALLING
from tests.sabotage.removals.keeping import KEEPING
from tests.sabotage.removals.portal import PORTAL
from tests.sabotage.removals.queue import QUEUE
from tests.sabotage.removals.secrets import SECRETS
from tests.sabotage.removals.sending import SENDING
from tests.sabotage.removals.staying import STAYING
from tests.sabotage.removals.streaming import STREAMING
from tests.sabotage.removals.tenancy import TENANCY
from tests.sabotage.removals.tokens import TOKENS
from tests.sabotage.removals.whatsapp_consent import WHATSAPP_CONSENT
from tests.sabotage.removals.whatsapp_inbound import WHATSAPP_INBOUND
from tests.sabotage.removals.whatsapp_onboarding import WHATSAPP_ONBOARDING
from tests.sabotage.removals.whatsapp_quality import WHATSAPP_QUALITY
from tests.sabotage.removals.whatsapp_sandbox import WHATSAPP_SANDBOX
from tests.sabotage.removals.whatsapp_sending import WHATSAPP_SENDING
from tests.sabotage.removals.whatsapp_templates import WHATSAPP_TEMPLATES
from tests.sabotage.removals.whatsapp_volume import WHATSAPP_VOLUME

REMOVALS = (
    TENANCY
    + QUEUE
    + INGEST
    + SENDING
    + PORTAL
    + SECRETS
    + KEEPING
    + FAULTS
    + INSTALLING
    + DESK
    + TOKENS
    + CHANGES
    + STREAMING
    + STAYING
    + WHATSAPP_SENDING
    + WHATSAPP_TEMPLATES
    + WHATSAPP_CONSENT
    + WHATSAPP_VOLUME
    + WHATSAPP_ONBOARDING
    + WHATSAPP_INBOUND
    + WHATSAPP_QUALITY
    + WHATSAPP_SANDBOX
)
