"""Find a room, compare it with wanted parameters, and create it exactly once."""
