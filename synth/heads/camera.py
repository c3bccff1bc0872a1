"""From the frame of the head to the pixels of an FFHQ-aligned crop."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from synth.heads.factors import MAX_PITCH, MAX_YAW, Pose

DISTANCE = 75.0  # cm from the camera to the face
SIDE = 25.8  # cm that an average crop is wide
NECK = torch.tensor([0.0, -5.0, -2.0])  # head and shoulders turn about this point
BODY_FOLLOWS = 0.55  # share of the head's yaw that the shoulders make


def rotation(yaw: float, pitch: float) -> Tensor:
    """(3, 3) turn by yaw (radians, positive to image right), then by pitch (positive down)."""
    cy, sy, cp, sp = math.cos(yaw), math.sin(yaw), math.cos(pitch), math.sin(pitch)
    turn = torch.tensor([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    return torch.tensor([[1, 0, 0], [0, cp, -sp], [0, sp, cp]]) @ turn


@dataclass(frozen=True)
class Camera:
    """One view: rotations (3, 3) of head and body, and the map of the image plane (cm) to a unit square."""

    head: Tensor
    body: Tensor
    centre: Tensor  # the point of the turned head that the camera faces
    across: tuple[float, float]  # image plane per cm: the crop's x axis, scaled so that the crop's side is 1
    origin: tuple[float, float]
    yaw: float  # degrees
    pitch: float
    roll: float  # degrees that the face leans to image right (clockwise)

    def view(self, points: Tensor, body: bool = False) -> Tensor:
        """Points (3, ...) in the frame of the head, turned into the frame of the camera."""
        turn = self.body if body else self.head
        shift = (NECK - turn @ NECK)[:, None]
        return (torch.addmm(shift, turn, points.reshape(3, -1))).reshape(points.shape)

    def view_all(self, points: Tensor, normals: Tensor, body_from: int) -> tuple[Tensor, Tensor]:
        """Points and normals (3, n) of head and, from number `body_from` on, body, turned into the camera's frame."""
        seen, turned = torch.empty_like(points), torch.empty_like(normals)
        for part, turn in ((slice(0, body_from), self.head), (slice(body_from, None), self.body)):
            torch.addmm((NECK - turn @ NECK)[:, None], turn, points[:, part], out=seen[:, part])
            torch.mm(turn, normals[:, part], out=turned[:, part])
        return seen, turned

    def project(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Places x, y (to the right, down) of turned points (3, n), in units of the crop's side."""
        u, v = _plane(seen, self.centre)
        ax, ay = self.across
        return u * ax + v * ay + self.origin[0], v * ax - u * ay + self.origin[1]


def _plane(seen: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
    """Perspective image of points (3, n), in cm on the plane of the face: right, down."""
    near = DISTANCE / (DISTANCE + float(centre[2]) - seen[2])
    return (seen[0] - float(centre[0])) * near, (float(centre[1]) - seen[1]) * near


def aim(pose: Pose, eyes: Tensor, mouth: Tensor) -> Camera:
    """The camera whose picture is the FFHQ crop of these eye centres and mouth corners ((3, 2) each, head frame)."""
    yaw, pitch = MAX_YAW * (2 * pose.yaw - 1), MAX_PITCH * (2 * pose.pitch - 1)
    head = rotation(math.radians(yaw), math.radians(pitch))
    body = rotation(BODY_FOLLOWS * math.radians(yaw), 0.0)
    centre = NECK + head @ (torch.tensor([0.0, -1.0, 5.0]) - NECK)
    u, v = _plane(NECK[:, None] + head @ (torch.cat([eyes, mouth], 1) - NECK[:, None]), centre)
    u_list, v_list = u.tolist(), v.tolist()
    left, right = sorted(zip(u_list[:2], v_list[:2], strict=True))
    eye = ((left[0] + right[0]) / 2, (left[1] + right[1]) / 2)
    lips = ((u_list[2] + u_list[3]) / 2, (v_list[2] + v_list[3]) / 2)
    to_right, down = (right[0] - left[0], right[1] - left[1]), (lips[0] - eye[0], lips[1] - eye[1])
    axis = (to_right[0] + down[1], to_right[1] - down[0])
    half = max(2.0 * math.hypot(*to_right), 1.8 * math.hypot(*down)) * (1 + 0.05 * (pose.zoom - 0.5))
    roll = 5.0 * (pose.roll - 0.5) * 2 * 0.6
    lean = math.atan2(axis[1], axis[0]) - math.radians(roll)
    ax, ay = math.cos(lean) / (2 * half), math.sin(lean) / (2 * half)
    cx, cy = eye[0] + 0.1 * down[0], eye[1] + 0.1 * down[1]
    origin = (
        0.5 + 0.02 * (pose.shift_x - 0.5) - cx * ax - cy * ay,
        0.5 + 0.02 * (pose.shift_y - 0.5) - cy * ax + cx * ay,
    )
    return Camera(head, body, centre, (ax, ay), origin, yaw, pitch, roll)
