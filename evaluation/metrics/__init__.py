"""Distances between pictures, masks, colours and directions of strands: pure functions on arrays."""
