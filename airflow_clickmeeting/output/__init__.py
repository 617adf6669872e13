"""Where rows go: files, databases, and Airflow's assets and lineage."""
