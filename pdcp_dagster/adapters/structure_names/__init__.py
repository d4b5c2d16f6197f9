"""Maps from ROI names to AAPM TG-263: their files, and matching the regular expressions in them.

What lives here: YAML and the engine of regular expressions. What does not: what a map means
(`domain.structure_names`).
"""

from pdcp_dagster.adapters.structure_names.expressions import ExpressionError, group_names, match_wholly
from pdcp_dagster.adapters.structure_names.map_file import StructureNamesError, read_structure_names

__all__ = ["ExpressionError", "StructureNamesError", "group_names", "match_wholly", "read_structure_names"]
