"""Floor 4: Dagster, thin. Partitions, assets, resources, IO managers, sensors and jobs; nothing is computed here."""
