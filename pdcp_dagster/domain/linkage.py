"""Which objects belong together: links along a recipe, by UIDs that objects name or by what the recipe falls back on.

What lives here: recipes as data, links, and the chains that they form. What does not: which object may take part
(`fitness`, `approvals`), which chain is chosen (`patient_links`, `study_selection`), the selection (`selection`).

Absent never equals absent: an object that names nothing is linked to nothing by it. A reference that is present and
leads elsewhere is never overridden by a fall-back.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pdcp_dagster.domain.candidates import Node

UID = "uid"
STRUCTURE_SET = "structure_set"
FRAME_OF_REFERENCE = "frame_of_reference"


@dataclass(frozen=True, slots=True)
class Way:
    """One way in which a child tells its parent.

    by: what it is called in `linked_by`.
    column: the column of the image summary with the UIDs that the child names; none: by equal, non-null frames of
    reference within one study, a dose only where its grid lies inside the anchor.
    parent_column: none: the UIDs are the parent's own; else the parent names the same ones in this column.
    through: the UIDs are of objects of this role, which name the parent in `parent_column`; of one that is not in the
    archive nothing is known.
    """

    by: str
    column: str | None = None
    parent_column: str | None = None
    through: str | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """One step of a recipe: `child` objects tell their `parent` objects.

    ways: in order; the first of which the child says anything is the only one that counts.
    wanted: what is missing where no child tells the parent, in words.
    """

    child: str
    parent: str
    ways: tuple[Way, ...]
    wanted: str


@dataclass(frozen=True, slots=True)
class LinkageRecipe:
    """How roles hang together, from the anchor (a CT series) outwards.

    edges: each one's parent is the anchor or an earlier child.
    choice: the role of which a patient may have several and only one can be meant; None where all are kept.
    grouped_by: columns of UIDs; objects of the choice that name the same ones (in the first column in which they name
    any) are meant together; none: each object is by itself.
    keeps_all: of roles before the choice all that are linked are kept, not only those that the choice uses.
    """

    name: str
    anchor: str
    edges: tuple[Edge, ...]
    choice: str | None = None
    grouped_by: tuple[str, ...] = ()
    keeps_all: bool = False

    @property
    def roles(self) -> tuple[str, ...]:
        """All roles, the anchor first."""
        return (self.anchor, *(edge.child for edge in self.edges))

    @property
    def witnesses(self) -> frozenset[str]:
        """Roles that are no part of a chain and yet tell of links."""
        return frozenset(way.through for edge in self.edges for way in edge.ways if way.through) - {*self.roles}

    def edge_of(self, child: str) -> Edge:
        """Return the edge by which a role is linked."""
        return next(edge for edge in self.edges if edge.child == child)


_FRAME = Way(FRAME_OF_REFERENCE)
_STRUCTURES = Edge("RTSTRUCT", "CT", (Way(UID, "referenced_series_uids"), _FRAME), "no structure set refers to it")

CR = LinkageRecipe("CR", "CT", (_STRUCTURES,))
"""CT <- RTSTRUCT (PS3.3 C.8.8.5 RTReferencedSeriesSequence)."""

CRD = LinkageRecipe(
    "CRD",
    "CT",
    (
        _STRUCTURES,
        Edge(
            "RTDOSE",
            "RTSTRUCT",
            (
                Way(UID, "referenced_plan_uids", "referenced_structure_set_uids", through="RTPLAN"),
                Way(STRUCTURE_SET, "referenced_structure_set_uids"),
                _FRAME,
            ),
            "no dose belongs to its structure sets",
        ),
    ),
    choice="RTDOSE",
    grouped_by=("referenced_plan_uids", "referenced_structure_set_uids"),
    keeps_all=True,
)
"""CT <- RTSTRUCT <- RTDOSE, for archives without plans; a plan that is there tells which doses are its own."""

CRDP = LinkageRecipe(
    "CRDP",
    "CT",
    (
        _STRUCTURES,
        Edge(
            "RTPLAN",
            "RTSTRUCT",
            (Way(UID, "referenced_structure_set_uids"), _FRAME),
            "no plan uses its structure sets",
        ),
        Edge(
            "RTDOSE",
            "RTPLAN",
            (
                Way(UID, "referenced_plan_uids"),
                Way(STRUCTURE_SET, "referenced_structure_set_uids", "referenced_structure_set_uids"),
                _FRAME,
            ),
            "no dose refers to its plans",
        ),
    ),
    choice="RTPLAN",
)
"""CT <- RTSTRUCT <- RTPLAN <- RTDOSE (PS3.3 C.8.8.5, C.8.8.9 and C.8.8.3)."""

RECIPES: Mapping[str, LinkageRecipe] = MappingProxyType({recipe.name: recipe for recipe in (CRDP, CRD, CR)})


@dataclass(frozen=True, slots=True)
class Link:
    """A node with the nodes that it was linked to, and by what.

    open: by a fall-back, which may as well mean a parent that was not linked, or one of several of which only one can
    be meant.
    """

    node: Node
    parents: tuple[Node, ...] = ()
    by: str | None = None
    open: bool = False


Links = dict[str, tuple[Link, ...]]
"""Links by role."""


@dataclass(frozen=True, slots=True)
class LinkageContext:
    """What links are looked for among.

    nodes: everything that may take part, witnesses too. others: what may not, though objects may refer to it.
    inside: whether the grid of the first lies inside the second; None where that cannot be known.
    """

    recipe: LinkageRecipe
    nodes: Sequence[Node]
    inside: Callable[[Node, Node], bool | None]
    others: tuple[Node, ...] = ()


def link_from(anchor: Node, context: LinkageContext) -> Links:
    """Return everything that hangs on the anchor, role by role; a role that nothing reaches has no links."""
    links: Links = {anchor.role: (Link(anchor),)}
    for edge in context.recipe.edges:
        parents = [link.node for link in links[edge.parent]]
        children = [node for node in context.nodes if node.role == edge.child] if parents else []
        found = (_link(child, parents, edge, anchor, context) for child in children)
        links[edge.child] = tuple(link for link in found if link is not None)
    return links


def _link(child: Node, parents: Sequence[Node], edge: Edge, anchor: Node, context: LinkageContext) -> Link | None:
    for way in edge.ways:
        told = _told(child, parents, way, anchor, context)
        if told is not None:
            is_open = way.by != UID and _is_open(child, told, way, edge, anchor=anchor, context=context)
            return Link(child, told, way.by, is_open) if told else None
    return None


def _is_open(
    child: Node, told: tuple[Node, ...], way: Way, edge: Edge, *, anchor: Node, context: LinkageContext
) -> bool:
    """Whether a fall-back may mean others, too: also what was refused or set aside, or hangs on another anchor."""
    possible = [node for node in (*context.nodes, *context.others) if node.role == edge.parent]
    meant = _told(child, possible, way, anchor, context) or ()
    return len(meant) > len(told) or (len(told) > 1 and not context.recipe.keeps_all)


def _told(
    child: Node, parents: Sequence[Node], way: Way, anchor: Node, context: LinkageContext
) -> tuple[Node, ...] | None:
    """Return which parents a child tells in one way, none where it tells others; None where it tells nothing."""
    if way.column is None:
        return tuple(parent for parent in parents if frame_gap(child, parent, anchor, context) == "") or None
    named = set(child.names.get(way.column, ()))
    if way.through is not None:
        witnesses = [node for node in context.nodes if node.role == way.through and node.uid in named]
        if not witnesses and any(other.role == way.through and other.uid in named for other in context.others):
            return ()
        named = {uid for witness in witnesses for uid in witness.names.get(way.parent_column or "", ())}
    if not named:
        return None
    if way.parent_column is None or way.through is not None:
        return tuple(parent for parent in parents if parent.uid in named)
    return tuple(parent for parent in parents if named & set(parent.names.get(way.parent_column, ())))


def frame_gap(child: Node, parent: Node, anchor: Node, context: LinkageContext) -> str:
    """Return in words why a child cannot be linked to a parent by frame of reference, "" where it can be."""
    if not child.frames or not parent.frames:
        return "no frame of reference to go by"
    if not set(child.frames) & set(parent.frames):
        return "another frame of reference"
    if child.study_uid != parent.study_uid:
        return "another study"
    if child.role == "RTDOSE":
        inside = context.inside(child, anchor)
        if not inside:
            return "a grid that is not inside the CT" if inside is False else "an unknown grid"
    return ""


def witnesses_of(chain: Chain, context: LinkageContext) -> tuple[Node, ...]:
    """Return the objects that are no part of a chain and yet tell of its links."""
    named = {
        (way.through, uid)
        for edge in context.recipe.edges
        for way in edge.ways
        if way.through in context.recipe.witnesses
        for node in chain.of_role(edge.child)
        for uid in node.names.get(way.column or "", ())
    }
    return tuple(node for node in context.nodes if (node.role, node.uid) in named)


def first_gap(links: Links, recipe: LinkageRecipe) -> Edge | None:
    """Return the first edge that nothing was linked along, None where every role is reached."""
    return next((edge for edge in recipe.edges if not links[edge.child]), None)


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """A complete chain: one anchor with everything of it that can be meant together.

    part_of: the whole candidate, where a person chose only some of its doses.
    """

    links: Links
    part_of: Chain | None = None

    @property
    def anchor(self) -> Node:
        """The CT series."""
        return next(iter(self.links.values()))[0].node

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All that is linked, the anchor first."""
        return tuple(link.node for of_role in self.links.values() for link in of_role)

    def of_role(self, role: str) -> tuple[Node, ...]:
        """Return what is linked of one role."""
        return tuple(link.node for link in self.links.get(role, ()))

    def fallbacks(self) -> tuple[Link, ...]:
        """Return the links that are not by the UID that the child should name."""
        every = (link for of_role in self.links.values() for link in of_role)
        return tuple(link for link in every if link.by not in {None, UID})


def chains(links: Links, recipe: LinkageRecipe) -> tuple[Chain, ...]:
    """Return the complete chains: one for each group of the recipe's choice, or one of everything without a choice."""
    if first_gap(links, recipe) is not None:
        return ()
    if recipe.choice is None:
        return (Chain(links),)
    groups: dict[object, list[Link]] = {}
    for link in links[recipe.choice]:
        groups.setdefault(_group(link.node, recipe), []).append(link)
    found = (_through(links, recipe, tuple(group)) for group in groups.values())
    return tuple(Chain(each) for each in found if first_gap(each, recipe) is None)


def _group(node: Node, recipe: LinkageRecipe) -> object:
    for column in recipe.grouped_by:
        named = node.names.get(column, ())
        if named:
            return column, frozenset(named)
    return node


def _through(links: Links, recipe: LinkageRecipe, chosen: tuple[Link, ...]) -> Links:
    """Return the links above and below one choice, in the order of the roles."""
    kept: Links = {chosen[0].node.role: chosen}
    for edge in reversed(recipe.edges):
        if edge.child in kept and edge.parent not in kept:
            above = {parent for link in kept[edge.child] for parent in link.parents}
            kept[edge.parent] = tuple(link for link in links[edge.parent] if recipe.keeps_all or link.node in above)
    for edge in recipe.edges:
        if edge.child not in kept:
            kept[edge.child] = tuple(_narrowed(links[edge.child], {link.node for link in kept[edge.parent]}))
    return {role: kept[role] for role in recipe.roles}


def _narrowed(links: Iterable[Link], parents: set[Node]) -> Iterable[Link]:
    for link in links:
        named = tuple(parent for parent in link.parents if parent in parents)
        if named:
            yield Link(link.node, named, link.by, link.open)
