"""Every kind of mutation, by its name."""

from tests.mutations import encodings, imports, mappings, playbooks, refused_rows, results, settings, tables
from tests.mutations.kinds import KINDS

__all__ = ["KINDS"]

AREAS = (settings, encodings, results, mappings, playbooks, imports, tables, refused_rows)
