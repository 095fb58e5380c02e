"""What a signal does not see, in words: absent, empty, set aside, or only there for the customers who are engaged."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, Field

from features.canonical import OUTCOMES
from tasks.catalogue_signals import Signal

SPOKEN = frozenset({"text", "comment", "sentiment", "csat", "score", "engagement"})
"""Columns that are there only where a person said or answered something."""

OFFERED = frozenset({"usage", "tickets", "invoices", "surveys", "touchpoints", "contacts", "opportunities"})
"""Tables whose rows come from dealings with the customer: an account without any may be a silent one."""
