"""Floor 3: what happens to one patient, stage by stage. No Dagster; runs in a worker process."""
