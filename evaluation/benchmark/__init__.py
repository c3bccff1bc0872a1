"""The benchmark with ground truth: `score(method, "name", make_plan())` for a function (hair, face) -> result."""

from evaluation.benchmark.runs import benchmark, export, make_plan, score

__all__ = ["benchmark", "export", "make_plan", "score"]
