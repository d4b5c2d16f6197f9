"""Linkage as data: another recipe is another table, not another program."""

from __future__ import annotations

from pdcp_dagster.domain.candidates import Node
from pdcp_dagster.domain.linkage import CR, CRD, CRDP, LinkageContext, LinkageRecipe, Links, chains, first_gap
from pdcp_dagster.domain.linkage import link_from as link_in


def link_from(anchor: Node, nodes: tuple[Node, ...], recipe: LinkageRecipe) -> Links:
    return link_in(anchor, LinkageContext(recipe, nodes, inside=lambda _, __: None))


def node(role: str, uid: str, **names: tuple[str, ...]) -> Node:
    return Node(role, uid, "study", f"series-{uid}", f"id-{uid}", names)


CT = node("CT", "ct")
FIRST = node("RTSTRUCT", "first", referenced_series_uids=("ct",))
SECOND = node("RTSTRUCT", "second", referenced_series_uids=("pet", "ct"))
PLAN = node("RTPLAN", "plan", referenced_structure_set_uids=("second",))
BOOST = node("RTPLAN", "boost", referenced_structure_set_uids=("first", "second"))
DOSE = node("RTDOSE", "dose", referenced_plan_uids=("plan",))
BOTH = node("RTDOSE", "both", referenced_plan_uids=("plan", "boost"))
NODES = (CT, FIRST, SECOND, PLAN, BOOST, DOSE, BOTH)


def test_the_roles_follow_from_the_edges() -> None:
    assert CRDP.roles == ("CT", "RTSTRUCT", "RTPLAN", "RTDOSE")
    assert CRD.roles == ("CT", "RTSTRUCT", "RTDOSE")
    assert CR.roles == ("CT", "RTSTRUCT")


def test_a_chain_holds_what_its_plan_uses_and_the_doses_that_name_it() -> None:
    links = link_from(CT, NODES, CRDP)
    assert first_gap(links, CRDP) is None
    found = {chain.of_role("RTPLAN")[0].uid: chain for chain in chains(links, CRDP)}
    assert sorted(found) == ["boost", "plan"]
    assert found["plan"].of_role("RTSTRUCT") == (SECOND,)
    assert found["plan"].of_role("RTDOSE") == (DOSE, BOTH)
    assert [link.parents for link in found["plan"].links["RTDOSE"]] == [(PLAN,), (PLAN,)]
    assert found["boost"].of_role("RTSTRUCT") == (FIRST, SECOND)
    assert found["boost"].of_role("RTDOSE") == (BOTH,)
    assert found["boost"].anchor == CT


def test_the_first_gap_is_named() -> None:
    gap = first_gap(link_from(CT, (CT, FIRST, PLAN), CRDP), CRDP)
    assert gap is not None
    assert (gap.child, gap.wanted) == ("RTPLAN", "no plan uses its structure sets")
    assert chains(link_from(CT, (CT, FIRST, PLAN), CRDP), CRDP) == ()


def test_without_a_choice_everything_on_the_anchor_is_one_chain() -> None:
    (chain,) = chains(link_from(CT, NODES, CR), CR)
    assert chain.of_role("RTSTRUCT") == (FIRST, SECOND)
    assert set(chain.links) == {"CT", "RTSTRUCT"}


def test_without_plans_doses_are_grouped_by_the_plans_they_name_and_all_structure_sets_are_kept() -> None:
    found = chains(link_from(CT, NODES, CRD), CRD)
    assert [chain.of_role("RTDOSE") for chain in found] == [(DOSE,), (BOTH,)]
    assert [chain.of_role("RTSTRUCT") for chain in found] == [(FIRST, SECOND), (FIRST, SECOND)]
    assert CRD.witnesses == {"RTPLAN"}


def test_an_object_without_a_uid_is_linked_to_nothing() -> None:
    nameless = node("RTSTRUCT", "", referenced_series_uids=("ct",))
    plan = node("RTPLAN", "plan", referenced_structure_set_uids=())
    assert link_from(CT, (CT, nameless, plan), CRDP)["RTPLAN"] == ()
