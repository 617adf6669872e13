"""Write rows to files and databases, and report them to Airflow's assets and lineage."""
