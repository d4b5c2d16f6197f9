"""`python -m pdcp_dagster.cli`."""

from pdcp_dagster.cli import main

main()
