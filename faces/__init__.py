"""Reads a face picture: detection and FFHQ alignment, head pose, 19-class parsing, identity and hair embeddings."""

from faces.align import Aligned, align
from faces.detect import Faces, detect, detect_batch
from faces.identity import Embedder, load_embedder
from faces.parsing import Parser, load_parser

__all__ = ["Aligned", "Embedder", "Faces", "Parser", "align", "detect", "detect_batch", "load_embedder", "load_parser"]
