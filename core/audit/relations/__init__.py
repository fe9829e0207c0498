"""Which patches show the same tissue, and what that does to labels and splits."""

from core.audit.relations.finding import find_relations
from core.audit.relations.relation import Kind, Match, Relations
from core.audit.relations.signatures import signatures

__all__ = ["Kind", "Match", "Relations", "find_relations", "signatures"]
