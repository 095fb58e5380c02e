"""Retries and backoff of requests to a CRM: urllib3's, which both clients use."""

from urllib3.util.retry import Retry

from keepwell.playbook.crm.settings import CrmSettings

AGAIN = (429, 500, 502, 503, 504)
"""Answers after which the same request may succeed."""


def retries(settings: CrmSettings) -> Retry:
    """Every method, for every request can be sent twice; Retry-After is kept up to the longest wait.

    The last answer is given back rather than raised, so that the client says what it was.
    """
    return Retry(
        total=settings.tries - 1, status_forcelist=AGAIN, allowed_methods=None,
        backoff_factor=settings.backoff_seconds, backoff_max=settings.max_wait_seconds,
        retry_after_max=settings.max_wait_seconds, raise_on_status=False,
    )  # fmt: skip
