"""What a head is made of: six groups of independent numbers in [0, 1], each group with the seed of its own noise."""

from __future__ import annotations

import random
from dataclasses import dataclass, fields, replace

from synth.heads.styles import STYLES

MAX_YAW = 45.0  # degrees at pose.yaw = 1
MAX_PITCH = 13.0  # degrees at pose.pitch = 1
RARE = ("bald", "horseshoe", "mohawk")  # worn less often than the other styles


@dataclass(frozen=True)
class Identity:
    """Who it is: bones, features, colours and facial hair. 0.5 is the average of each."""

    femininity: float = 0.5
    age: float = 0.3
    skin: float = 0.3
    face_width: float = 0.5
    jaw_width: float = 0.5
    chin: float = 0.5
    face_length: float = 0.5
    cheekbones: float = 0.5
    fullness: float = 0.5
    eye_distance: float = 0.5
    eye_width: float = 0.5
    eye_height: float = 0.5
    eye_tilt: float = 0.5
    brow_height: float = 0.5
    brow_arch: float = 0.5
    brow_thickness: float = 0.5
    brow_lightness: float = 0.3
    nose_length: float = 0.5
    nose_width: float = 0.5
    nose_height: float = 0.5
    nose_bridge: float = 0.5
    mouth_height: float = 0.5
    mouth_width: float = 0.5
    upper_lip: float = 0.5
    lower_lip: float = 0.5
    ear_size: float = 0.5
    ear_flare: float = 0.4
    forehead: float = 0.5
    iris: float = 0.2
    makeup: float = 0.0
    beard: float = 0.0
    beard_length: float = 0.4
    freckles: float = 0.0
    nose_tip: float = 0.5
    brow_slope: float = 0.5
    brow_gap: float = 0.5
    moles: float = 0.0
    cleft: float = 0.0
    flush: float = 0.4
    tint: float = 0.5
    beard_shape: float = 0.55
    noise: int = 0


@dataclass(frozen=True)
class Expression:
    """What the face does. mouth_open below 0.5 is closed; smile 0.3 and brow_raise 0.4 are neutral."""

    mouth_open: float = 0.3
    smile: float = 0.4
    blink: float = 0.3
    brow_raise: float = 0.4
    furrow: float = 0.2
    gaze_x: float = 0.5
    gaze_y: float = 0.5
    noise: int = 0


@dataclass(frozen=True)
class Hair:
    """Scalp hair. `style` runs over the table in synth.heads.styles; `dye` above 0.5 replaces the natural colour.

    `highlights` is about the share of locks in a second colour, `ombre` how far that has come up from the tips, and
    `streak` which it is: darker than the natural one below 0.3, lighter up to 0.9, a vivid dye above. `hairline` and
    `peak` are neutral at 0.5.
    """

    style: float = 0.5
    lightness: float = 0.3
    hue: float = 0.5
    grey: float = 0.0
    dye: float = 0.0
    length: float = 0.5
    volume: float = 0.5
    part: float = 0.5
    fringe: float = 0.5
    curl: float = 0.3
    curl_size: float = 0.5
    wave: float = 0.3
    top: float = 0.5
    recede: float = 0.2
    messiness: float = 0.3
    roots: float = 0.5
    highlights: float = 0.0
    ombre: float = 0.0
    streak: float = 0.6
    hairline: float = 0.5
    peak: float = 0.5
    noise: int = 0


@dataclass(frozen=True)
class Pose:
    """Where the head looks (0.5 is straight ahead) and the small framing jitter."""

    yaw: float = 0.5
    pitch: float = 0.5
    roll: float = 0.5
    shift_x: float = 0.5
    shift_y: float = 0.5
    zoom: float = 0.5
    noise: int = 0


@dataclass(frozen=True)
class Light:
    """One key lamp, a sky and a fill."""

    side: float = 0.6
    height: float = 0.5
    warmth: float = 0.5
    key: float = 0.5
    fill: float = 0.5
    rim: float = 0.3
    gloss: float = 0.3
    shine: float = 0.5
    exposure: float = 0.5
    noise: int = 0


@dataclass(frozen=True)
class Scene:
    """Everything that is neither head nor lamp. `glasses`, `hat`, `earrings` and `necklace` are worn above 0.5."""

    background_hue: float = 0.6
    background_saturation: float = 0.3
    background_lightness: float = 0.5
    background_gradient: float = 0.5
    background_blobs: float = 0.2
    cloth_hue: float = 0.6
    cloth_saturation: float = 0.4
    cloth_lightness: float = 0.4
    cloth_pattern: float = 0.0
    collar: float = 0.3
    neckline: float = 0.4
    glasses: float = 0.0
    glasses_shape: float = 0.5
    glasses_colour: float = 0.2
    hat: float = 0.0
    hat_line: float = 0.5
    hat_hue: float = 0.5
    hat_lightness: float = 0.4
    earrings: float = 0.0
    necklace: float = 0.0
    metal: float = 0.3
    noise: int = 0


GROUPS: dict[str, type] = {
    "identity": Identity, "expression": Expression, "hair": Hair, "pose": Pose, "light": Light, "scene": Scene,
}  # fmt: skip
FACTOR_NAMES: dict[str, tuple[str, ...]] = {
    group: tuple(f.name for f in fields(kind) if f.name != "noise") for group, kind in GROUPS.items()
}


@dataclass(frozen=True)
class Head:
    """One picture's worth of factors; hashable, comparable, and the same numbers are always the same pixels."""

    identity: Identity = Identity()
    expression: Expression = Expression()
    hair: Hair = Hair()
    pose: Pose = Pose()
    light: Light = Light()
    scene: Scene = Scene()

    def __post_init__(self) -> None:
        for group, names in FACTOR_NAMES.items():
            values = getattr(self, group)
            for name in names:
                if not 0.0 <= getattr(values, name) <= 1.0:
                    raise ValueError(f"{group}.{name} is {getattr(values, name)!r}: factors lie in [0, 1].")

    @staticmethod
    def sample(seed: int) -> Head:
        """The head of this seed: every group from a stream of its own, then mild plausible correlations."""
        drawn = {}
        for position, (group, names) in enumerate(FACTOR_NAMES.items()):
            stream = random.Random(f"heads/{position}/{int(seed)}")
            values = {name: stream.random() for name in names}
            drawn[group] = GROUPS[group](**values, noise=stream.getrandbits(31))
        return _plausible(Head(**drawn))

    def wearing(self, other: Head) -> Head:
        """This head with the hair of `other`; nothing else changes."""
        return replace(self, hair=other.hair)

    def turned(self, yaw: float, pitch: float = 0.0) -> Head:
        """This head looking to `yaw` degrees (positive to image right) and `pitch` degrees (positive down)."""
        if abs(yaw) > MAX_YAW or abs(pitch) > MAX_PITCH:
            raise ValueError(
                f"yaw {yaw:g}, pitch {pitch:g} is out of reach: stay within ±{MAX_YAW:g} and ±{MAX_PITCH:g} degrees."
            )
        return replace(
            self, pose=replace(self.pose, yaw=0.5 + yaw / (2 * MAX_YAW), pitch=0.5 + pitch / (2 * MAX_PITCH))
        )


def _plausible(head: Head) -> Head:
    """Ties that a crowd shows (dark skin and dark hair, grey and age); render() itself takes any mix."""
    i, h, s = head.identity, head.hair, head.scene
    free = 0.5 + 0.5 * ((i.noise >> 8) % 1000) / 1000  # how far this head follows the crowd, 0.5 .. 1
    lightness = h.lightness * (1 - 0.75 * free * min(1.0, max(0.0, (i.skin - 0.45) / 0.3)))
    row = min(int(h.style * len(STYLES)), len(STYLES) - 1)
    if STYLES[row].name in RARE and h.grey < 0.4:
        row += 2
    lean = STYLES[row].lean * free
    femininity = i.femininity * (1 - 0.6 * max(0.0, -lean))
    femininity = 1 - (1 - femininity) * (1 - 0.75 * max(0.0, lean))
    age = i.age**1.3
    grey = max(0.0, age + 0.25 * (h.grey - 0.5) - 0.62) * 2.6
    hair = replace(
        h,
        style=row / (len(STYLES) - 1),
        lightness=lightness,
        grey=min(1.0, grey if h.dye < 0.95 else 0.0),
        dye=h.dye if h.dye > 0.95 else 0.0,
        recede=h.recede * (0.25 + 0.75 * age) if femininity < 0.5 else 0.2 * h.recede,
        highlights=max(0.0, h.highlights - 0.5 + 0.15 * lean) / 0.65,
        ombre=max(0.0, h.ombre - 0.7 + 0.1 * lean) / 0.4,
    )
    identity = replace(
        i,
        femininity=femininity,
        age=age,
        brow_lightness=min(1.0, 0.15 + 0.6 * lightness * (0.6 + 0.4 * i.brow_lightness)) if h.dye < 0.95 else 0.2,
        iris=i.iris * (1 - 0.9 * min(1.0, i.skin * 1.6)) if i.skin < 0.6 else 0.15 * i.iris,
        beard=i.beard if femininity < 0.42 else 0.0,
        makeup=i.makeup if femininity > 0.55 else 0.0,
        freckles=max(0.0, i.freckles - 0.55) * 2.2 if i.skin < 0.5 else 0.0,
    )
    scene = replace(
        s,
        background_saturation=s.background_saturation**1.5,
        glasses=1.0 if s.glasses > 0.86 else 0.0,
        hat=1.0 if s.hat > 0.93 else 0.0,
        earrings=s.earrings if femininity > 0.5 else max(0.0, s.earrings - 0.42),
        necklace=max(0.0, s.necklace - (0.1 if femininity > 0.5 else 0.3)),
    )
    turn = 2 * head.pose.yaw - 1
    pose = replace(head.pose, yaw=0.5 + 0.5 * turn * (0.5 + 0.5 * abs(turn)))
    return replace(head, identity=identity, hair=hair, pose=pose, scene=scene)
