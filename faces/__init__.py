"""Reads a face picture: detection and FFHQ alignment, head pose, 19-class parsing, identity and hair embeddings."""

from faces.align import Aligned, align
from faces.detect import Faces, detect, detect_batch

__all__ = ["Aligned", "Faces", "align", "detect", "detect_batch"]
