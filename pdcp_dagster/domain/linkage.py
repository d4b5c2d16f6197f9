"""Which objects belong together: links by the UIDs that objects name, along a recipe.

What lives here: recipes as data, links, the chains that they form, and what was selected in the end. What does not:
which study or object may take part and what follows from it (`verification`).

Absent never equals absent: an object that names nothing is linked to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pdcp_dagster.domain.candidates import Node, instance_records
from pdcp_dagster.domain.ct_slices import is_localiser

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd


@dataclass(frozen=True, slots=True)
class Edge:
    """One step of a recipe: `child` objects name `parent` objects.

    column: the column of the image summary that holds the UIDs which the child names: of series, where the parent is
    the recipe's anchor, else SOP instances.
    """

    child: str
    parent: str
    column: str
    wanted: str
    """What is missing where no child names the parent, in words."""


@dataclass(frozen=True, slots=True)
class LinkageRecipe:
    """How roles hang together, from the anchor (a CT series) outwards.

    edges: each one's parent is the anchor or an earlier child.
    choice: the role of which a patient may have several and only one can be meant; None where all are kept.
    """

    name: str
    anchor: str
    edges: tuple[Edge, ...]
    choice: str | None = None

    @property
    def roles(self) -> tuple[str, ...]:
        """All roles, the anchor first."""
        return (self.anchor, *(edge.child for edge in self.edges))


CRDP = LinkageRecipe(
    name="CRDP",
    anchor="CT",
    edges=(
        Edge("RTSTRUCT", "CT", "referenced_series_uids", "no structure set refers to it"),
        Edge("RTPLAN", "RTSTRUCT", "referenced_structure_set_uids", "no plan uses its structure sets"),
        Edge("RTDOSE", "RTPLAN", "referenced_plan_uids", "no dose refers to its plans"),
    ),
    choice="RTPLAN",
)
"""CT <- RTSTRUCT <- RTPLAN <- RTDOSE (PS3.3 C.8.8.5 RTReferencedSeriesSequence, C.8.8.9 and C.8.8.3 for the others)."""

SELECTED = "selected"
REFUSED = "refused"

RECIPES: Mapping[str, LinkageRecipe] = MappingProxyType({recipe.name: recipe for recipe in (CRDP,)})


@dataclass(frozen=True, slots=True)
class Link:
    """A node with the nodes that it was linked to, and by what."""

    node: Node
    parents: tuple[Node, ...] = ()
    by: str | None = None


Links = dict[str, tuple[Link, ...]]
"""Links by role."""


def link_from(anchor: Node, nodes: Sequence[Node], recipe: LinkageRecipe) -> Links:
    """Return everything that hangs on the anchor, role by role; a role that nothing reaches has no links."""
    links: Links = {anchor.role: (Link(anchor),)}
    for edge in recipe.edges:
        parents = {link.node.uid: link.node for link in links[edge.parent]}
        found = []
        for node in nodes:
            if node.role != edge.child:
                continue
            named = tuple(parents[uid] for uid in dict.fromkeys(node.names.get(edge.column, ())) if uid in parents)
            if named:
                found.append(Link(node, named, "uid"))
        links[edge.child] = tuple(found)
    return links


def first_gap(links: Links, recipe: LinkageRecipe) -> Edge | None:
    """Return the first edge that nothing was linked along, None where every role is reached."""
    return next((edge for edge in recipe.edges if not links[edge.child]), None)


def chains(links: Links, recipe: LinkageRecipe) -> tuple[Links, ...]:
    """Return the complete chains: one for each object of the recipe's choice, or one of everything without a choice."""
    choice = recipe.choice
    candidates = [links] if choice is None else [_through(links, recipe, chosen) for chosen in links[choice]]
    return tuple(chain for chain in candidates if first_gap(chain, recipe) is None)


def _through(links: Links, recipe: LinkageRecipe, chosen: Link) -> Links:
    """Return the links above and below one chosen link."""
    kept: Links = {chosen.node.role: (chosen,)}
    for edge in reversed(recipe.edges):
        if edge.child in kept and edge.parent not in kept:
            above = {parent for link in kept[edge.child] for parent in link.parents}
            kept[edge.parent] = tuple(link for link in links[edge.parent] if link.node in above)
    for edge in recipe.edges:
        if edge.child not in kept:
            kept[edge.child] = tuple(_narrowed(links[edge.child], {link.node for link in kept[edge.parent]}))
    return kept


def _narrowed(links: Iterable[Link], parents: set[Node]) -> Iterable[Link]:
    for link in links:
        named = tuple(parent for parent in link.parents if parent in parents)
        if named:
            yield Link(link.node, named, link.by)


@dataclass(frozen=True, slots=True)
class SelectedObject:
    """An instance to retrieve; `orthanc_id` is Orthanc's instance ID, `file_size` is in bytes."""

    sop_instance_uid: str
    series_instance_uid: str
    orthanc_id: str
    file_size: int


@dataclass(frozen=True, slots=True)
class Selection:
    """What was selected for a patient, every tuple in the order of the image summary."""

    study_instance_uid: str
    ct_series_uid: str
    frame_of_reference_uid: str | None
    ct_instances: tuple[SelectedObject, ...]
    """The slices, without localisers."""
    rtstructs: tuple[SelectedObject, ...] = ()
    rtplans: tuple[SelectedObject, ...] = ()
    rtdoses: tuple[SelectedObject, ...] = ()


def selection_from(verified: pd.DataFrame, summary: pd.DataFrame) -> Selection | None:
    """Return what the verified study selected, with what the image summary knows of it; None where nothing was.

    Both tables may come from a Parquet file.
    """
    return select(verified, instance_records(summary))


def select(verified: pd.DataFrame, rows: Iterable[Mapping[str, Any]]) -> Selection | None:
    """Return the same from the summary's rows as `instance_records` gives them."""
    chosen = verified[verified["verdict"] == SELECTED]
    series = chosen[chosen["role"] == "CT"]
    if len(series) != 1:
        return None
    study_uid, series_uid = str(series["study_instance_uid"].iloc[0]), str(series["series_uid"].iloc[0])
    instances = set(chosen["orthanc_id"])
    found: dict[str, list[SelectedObject]] = {"CT": [], "RTSTRUCT": [], "RTPLAN": [], "RTDOSE": []}
    frames: list[str] = []
    for row in rows:
        role = row["modality"]
        if role == "CT":
            its_slice = (row["study_instance_uid"], row["series_instance_uid"]) == (study_uid, series_uid)
            wanted = its_slice and not is_localiser(row["image_type"])
        else:
            wanted = role in found and row["instance_identifier"] in instances
        if wanted:
            found[role].append(_selected(row))
            frames += [row["frame_of_reference_uid"]] if role == "CT" and row["frame_of_reference_uid"] else []
    return Selection(
        study_instance_uid=study_uid,
        ct_series_uid=series_uid,
        frame_of_reference_uid=frames[0] if frames else None,
        ct_instances=tuple(found["CT"]),
        rtstructs=tuple(found["RTSTRUCT"]),
        rtplans=tuple(found["RTPLAN"]),
        rtdoses=tuple(found["RTDOSE"]),
    )


def _selected(row: Mapping[str, Any]) -> SelectedObject:
    return SelectedObject(
        sop_instance_uid=row["sop_instance_uid"] or "",
        series_instance_uid=row["series_instance_uid"] or "",
        orthanc_id=row["instance_identifier"] or "",
        file_size=row["file_size"] or 0,
    )
