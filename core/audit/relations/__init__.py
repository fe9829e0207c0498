"""Which patches show the same tissue, and what that does to labels, splits and scores."""

from core.audit.relations.doubtful import label_candidates
from core.audit.relations.embedding import Embedding, embedding, nearest_neighbours
from core.audit.relations.finding import find_relations
from core.audit.relations.probes import Probe, probes
from core.audit.relations.relation import Kind, Match, Relations
from core.audit.relations.signatures import signatures
from core.audit.relations.splits import SplitAudit, split_audit

__all__ = [
    "Embedding",
    "Kind",
    "Match",
    "Probe",
    "Relations",
    "SplitAudit",
    "embedding",
    "find_relations",
    "label_candidates",
    "nearest_neighbours",
    "probes",
    "signatures",
    "split_audit",
]
