"""The page Webinars in Airflow's menu: a plugin, off until it is switched on."""
