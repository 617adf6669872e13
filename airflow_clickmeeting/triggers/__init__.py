"""What runs in the triggerer: the trigger of deferred sensors, and the watchers of assets."""
