"""An operator for each operation of the API, in the module of its resource."""
