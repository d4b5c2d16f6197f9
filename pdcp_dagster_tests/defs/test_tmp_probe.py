import time, os, logging
from typing import Any
import pytest
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.load_target import ModuleTarget
from dagster._core.execution.backfill import PartitionBackfill
from dagster._daemon.backfill import execute_backfill_iteration
from pdcp_dagster.phantom.archive import damage_stored_file, mend_stored_file
from pdcp_dagster.phantom.patient import chains
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_probe(make_site: Any, spec: Any, orthanc: Any, monkeypatch: Any) -> None:
    t=time.time()
    c=spec("QC1")
    site = make_site("probe", [spec("QA1"), spec("QB1", modalities=("CT","RTSTRUCT","RTPLAN")), c, spec("QD1")])
    r = site.list_patients(); assert r.success
    uid=str(chains(c)[0].ct_uid(6))
    damage_stored_file(orthanc, uid)
    for k,v in site.environ.items(): monkeypatch.setenv(k,v)
    t=time.time()
    with create_test_daemon_workspace_context(ModuleTarget(module_name="pdcp_dagster.definitions", attribute=None, working_directory=os.getcwd(), location_name="pdcp"), site.instance) as ws:
        print("ws", time.time()-t); t=time.time()
        graph=ws.create_request_context().asset_graph
        keys=[site.key(a) for a in site.statuses("QA1")]
        bf=PartitionBackfill.from_asset_partitions("bf1", graph, ["QA1","QB1","QC1"], keys, time.time(), {}, site.instance, False, "t", "d", None)
        site.instance.add_backfill(bf)
        for _ in range(60):
            errs=[e for e in execute_backfill_iteration(ws, logging.getLogger("x")) if e]
            print(errs)
            st=site.instance.get_backfill("bf1")
            print(st.status, [ (r.job_name,r.status.value,{k:v for k,v in r.tags.items()}) for r in site.instance.get_runs()][:1], time.time()-t)
            if st.status.value.startswith("COMPLETED"): break
            time.sleep(1)
    for p in ("QA1","QB1","QC1","QD1"): print(p, site.statuses(p))
    t=time.time()
    mend_stored_file(orthanc, uid)
    r=site.collect("QC1"); print(r.success, site.statuses("QC1"), time.time()-t)
