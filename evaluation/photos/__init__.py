"""Transfers between real photos, judged without ground truth: has stayed what should stay, has come what should."""
