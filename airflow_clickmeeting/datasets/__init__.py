"""The tables of exports: their columns, and how their rows are fetched."""
