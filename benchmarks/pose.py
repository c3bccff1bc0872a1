"""How well the pose network reads faces it has not seen: fresh renders and, where they are at hand, real photos.

    python -m benchmarks.pose
    python -m benchmarks.pose --network other.safetensors --photos folder --judges folder

On photos there is no truth: its yaw is compared with FSA-Net's (two public ONNX files, read with onnxruntime), its
points with MTCNN's five, on FFHQ-aligned pictures. By default both are looked for beside the checkout.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from data.command import run
from data.images import read_image
from faces import detect_batch
from faces.landmarks import PoseNetwork, load_pose_network
from recipes.figures import report
from recipes.pose import pose_figures
from recipes.renders import Plan

FIRST = 22_000_000  # first seed of the renders: no set for training reaches it
MATERIAL = Path(__file__).resolve().parents[2] / "shared/material"
FSANET = ("fsanet-1x1-iter-688590.onnx", "fsanet-var-iter-688590.onnx")
FSANET_REACH = 1.7  # half the side of the square it sees, in distances from eyes to mouth: agrees best with MTCNN's yaw


def on_renders(network: PoseNetwork, heads: int, size: int = 64) -> dict[str, float]:
    """Figures on `heads` fresh heads."""
    plan = Plan("faces", heads, wigs=1, poses=1, size=size, first=FIRST, shard_size=heads)
    pictures = [picture for picture, *_ in plan.renders(0)]
    truth = {name: np.stack([getattr(p, name) for p in pictures]) for name in ("landmarks68", "yaw", "pitch", "roll")}
    return pose_figures(network.read(np.stack([p.image for p in pictures])), truth)


def on_photos(network: PoseNetwork, photos: Path, judges: Path) -> dict[str, float]:
    """Correlation of yaw with FSA-Net's, mean distance of five points from MTCNN's in percent of the eye distance."""
    paths = sorted(path for path in photos.iterdir() if path.suffix in (".jpg", ".png"))
    images = [read_image(path).resize((256, 256), Image.Resampling.LANCZOS) for path in paths]
    batch = np.stack([np.asarray(image) for image in images])
    pose, points = network.read(batch), detect_batch(batch)
    seen = np.isfinite(points).all((1, 2))
    eyes = np.linalg.norm(points[:, 1] - points[:, 0], axis=1)
    miss = np.linalg.norm(pose.points - points, axis=2).mean(1) / eyes
    figures = {"photos": len(images), "mtcnn_found": int(seen.sum()), "points_percent": 100 * float(miss[seen].mean())}
    if all((judges / name).is_file() for name in FSANET):
        yaw = fsanet_yaw(images, points, judges)
        figures["yaw_correlation_fsanet"] = float(np.corrcoef(pose.yaw[seen], yaw[seen])[0, 1])
        figures["yaw_slope_fsanet"] = float(np.polyfit(yaw[seen], pose.yaw[seen], 1)[0])
    return {name: round(value, 4) for name, value in figures.items()}


def fsanet_yaw(images: list[Image.Image], points: np.ndarray, judges: Path) -> np.ndarray:
    """(N,) degrees, positive to image right: the mean of FSA-Net's two networks on the square around each face."""
    import onnxruntime

    networks = [onnxruntime.InferenceSession(str(judges / name), providers=["CPUExecutionProvider"]) for name in FSANET]
    answers = []
    for image, five in zip(images, points, strict=True):
        if not np.isfinite(five).all():
            answers.append(np.nan)
            continue
        eyes, mouth = five[:2].mean(0), five[3:].mean(0)
        centre, half = (eyes + mouth) / 2, np.linalg.norm(mouth - eyes) * FSANET_REACH
        crop = image.crop(tuple(np.concatenate([centre - half, centre + half]))).resize((64, 64))
        x = (np.asarray(crop, np.float32)[:, :, ::-1].transpose(2, 0, 1)[None] - 127.5) / 128
        answers.append(-np.mean([net.run(None, {net.get_inputs()[0].name: x})[0][0, 0] for net in networks]))
    return np.array(answers)


def images_per_second(network: PoseNetwork, count: int = 1024, size: int = 64) -> float:
    """Crops read per second with all threads, after a warm-up."""
    images = np.random.RandomState(0).randint(0, 256, (count, size, size, 3), dtype=np.uint8)
    network.read(images[:128])
    start = time.perf_counter()
    network.read(images)
    return count / (time.perf_counter() - start)


def main(
    *,
    network: str = "builtin",
    renders: int = 400,
    photos: Path = MATERIAL / "aligned",
    judges: Path = MATERIAL / "weights",
    out: Path = Path("runs/benchmarks/pose.json"),
) -> None:
    """Prints the pose network's figures.

    Args:
        network: "builtin" or the path of a pose network
        renders: number of fresh heads
        photos: folder of FFHQ-aligned photos; skipped where there is none
        judges: folder with FSA-Net's two ONNX files; left out where there are none
        out: the same figures as JSON
    """
    net = load_pose_network(network, device="cpu")
    figures: dict[str, dict[str, float]] = {f"{renders} renders": on_renders(net, renders)}
    if photos.is_dir():
        figures["photos"] = on_photos(net, photos, judges)
    figures["speed"] = {"images_per_second": round(images_per_second(net), 1), "threads": torch.get_num_threads()}
    report(network, figures, photos, out)


if __name__ == "__main__":
    run(main)
