"""The network: two encoders, their training, and the transfer of hair between photos."""

from hairnet.model import HairNet, Result, load_network

__all__ = ["HairNet", "Result", "load_network"]
