"""Which patches show the same tissue, and what that does to labels, splits and scores."""

from core.audit.relations.doubtful import candidate_table, label_candidates
from core.audit.relations.probes import Probe, embedding_table, main_axes, probe_table, probes
from core.audit.relations.related import find_relations, related_patches
from core.audit.relations.relation import Match, RelationKind, Relations
from core.audit.relations.signatures import signatures
from core.audit.relations.splits import split_table

__all__ = [
    "Match",
    "Probe",
    "RelationKind",
    "Relations",
    "candidate_table",
    "embedding_table",
    "find_relations",
    "label_candidates",
    "main_axes",
    "probe_table",
    "probes",
    "related_patches",
    "signatures",
    "split_table",
]
