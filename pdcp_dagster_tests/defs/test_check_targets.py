"""A check is of a materialisation: only then does the UI show it beside the patient, after a second run, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from pdcp_dagster.phantom.spec import PhantomSpec

if TYPE_CHECKING:
    from pdcp_dagster_tests.defs.conftest import Site

pytestmark = pytest.mark.xdist_group("defs_check_targets")


def shown(site: Site) -> dict[str, bool]:
    """Return of each patient whether the UI shows the check, by partition."""
    key = dg.AssetCheckKey(site.key("verified_study"), "linkage_unambiguous")
    infos = site.instance.event_log_storage.get_asset_check_partition_info([key])
    return {info.partition_key: info.is_current for info in infos if info.partition_key is not None}


def test_a_check_is_shown_of_the_newest_materialisation_of_each_patient(
    make_site: Callable[..., Site], spec: Callable[..., PhantomSpec]
) -> None:
    site = make_site("targets", [spec("TA"), spec("TB")])
    assert site.list_patients().success
    assert site.collect("TA", "TB").success
    assert shown(site) == {"TA": True, "TB": True}
    assert site.collect_range("TA", "TB").success, "left as they are, and told again"
    assert shown(site) == {"TA": True, "TB": True}
