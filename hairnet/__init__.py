"""The network: two encoders, their training, and the transfer of hair between photos."""

from hairnet.model import HairNet, load_network
from hairnet.photo.portraits import Portrait, Result

__all__ = ["HairNet", "Portrait", "Result", "load_network"]
