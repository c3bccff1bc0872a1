"""Judges: exact identity retrieval over galleries of any size, and the reports made from it."""

from evaluation.ranks import rank_of_mate

__all__ = ["rank_of_mate"]
