"""Identity and expression as measures: centimetres in the frame of the head (see `Anatomy`)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from synth.heads.appearance import brow_colour, iris_colour, lip_colour, skin_colour
from synth.heads.factors import Expression, Identity


@dataclass(frozen=True)
class Anatomy:
    """Lengths in cm. Frame: origin between the eyes inside the head, +x subject's left, +y up, +z out of the face."""

    femininity: float
    old: float
    width: float
    jaw: float
    chin: float
    length: float
    cheek: float
    fullness: float
    eye_x: float
    eye_half_width: float
    eye_half_height: float
    eye_tilt: float
    lid: float
    brow_y: float
    brow_ridge: float
    brow_arch: float
    brow_half_thickness: float
    brow_slope: float  # how much higher the outer end is
    brow_start: float  # from the middle to the inner end
    nose_length: float
    nose_width: float
    nose_height: float
    nose_bridge: float
    nose_tip: float  # 0 hanging and narrow, 1 upturned and round
    mouth_y: float
    mouth_half_width: float
    upper_lip: float
    lower_lip: float
    ear: float
    ear_flare: float
    forehead: float
    open: float
    smile: float
    raised: float
    furrow: float
    gaze_x: float
    gaze_y: float
    skin: Tensor
    lips: Tensor
    iris: Tensor
    brows: Tensor
    stubble: float
    eyeshadow: float
    freckles: float
    moles: float  # share of the possible ones
    cleft: float  # of the chin
    flush: float  # redness of cheeks and nose

    @staticmethod
    def of(i: Identity, e: Expression) -> Anatomy:
        """Measures of a person with an expression."""

        def swing(value: float, reach: float) -> float:
            return (2 * value - 1) * reach

        fem = i.femininity
        smile = max(-0.2, (e.smile - 0.3) * 1.35)
        nose_length = 4.0 + swing(i.nose_length, 0.62) - 0.15 * fem
        skin = skin_colour(i)
        eye_half_height = 0.70 + swing(i.eye_height, 0.15) + 0.05 * fem
        raised = (e.brow_raise - 0.4) * 0.5
        return Anatomy(
            femininity=fem,
            old=max(0.0, i.age - 0.25) ** 1.3 * 1.4,
            width=1.03 + swing(i.face_width, 0.085),
            jaw=1.0 + swing(i.jaw_width, 0.145) - 0.10 * (fem - 0.5),
            chin=swing(i.chin, 0.8) - 0.3 * (fem - 0.5),
            length=0.935 + swing(i.face_length, 0.05),
            cheek=0.30 + swing(i.cheekbones, 0.4),
            fullness=0.3 + swing(i.fullness, 0.5),
            eye_x=3.22 + swing(i.eye_distance, 0.3),
            eye_half_width=1.60 + swing(i.eye_width, 0.19) + 0.05 * fem,
            eye_half_height=eye_half_height,
            eye_tilt=0.13 + swing(i.eye_tilt, 0.25),
            lid=eye_half_height
            * (1 - 0.45 * max(0.0, e.blink - 0.35) ** 1.5 - 0.18 * max(smile, 0))
            * (1 + 0.5 * raised),
            brow_y=1.95 + swing(i.brow_height, 0.38) + 0.15 * fem,
            brow_ridge=0.28 + 0.28 * (1 - fem),
            brow_arch=swing(i.brow_arch, 0.65) + 0.3 * fem,
            brow_half_thickness=0.36 + swing(i.brow_thickness, 0.20) - 0.08 * fem,
            brow_slope=swing(i.brow_slope, 0.32),
            brow_start=0.95 + swing(i.brow_gap, 0.38),
            nose_length=nose_length,
            nose_width=1.02 + swing(i.nose_width, 0.32) - 0.06 * fem,
            nose_height=0.97 + swing(i.nose_height, 0.28) - 0.05 * fem,
            nose_bridge=swing(i.nose_bridge, 0.5),
            nose_tip=0.5 + swing(i.nose_tip, 0.5),
            mouth_y=-6.65 + swing(i.mouth_height, 0.3) - (nose_length - 4.1) * 0.55,
            mouth_half_width=2.55 + swing(i.mouth_width, 0.45) + 0.22 * max(smile, 0),
            upper_lip=0.68 + swing(i.upper_lip, 0.32) + 0.12 * fem,
            lower_lip=0.88 + swing(i.lower_lip, 0.36) + 0.12 * fem,
            ear=0.98 + swing(i.ear_size, 0.2),
            ear_flare=0.38 + swing(i.ear_flare, 0.3),
            forehead=swing(i.forehead, 0.8),
            open=max(0.0, e.mouth_open - 0.5) * 2.5,
            smile=smile,
            raised=raised,
            furrow=max(0.0, e.furrow - 0.65),
            gaze_x=(e.gaze_x - 0.5) * 0.5,
            gaze_y=(e.gaze_y - 0.5) * 0.22,
            skin=skin,
            lips=lip_colour(i, skin),
            iris=iris_colour(i),
            brows=brow_colour(i),
            stubble=max(0.0, 0.45 - fem) * 1.6 * min(1.0, i.beard * 1.6),
            eyeshadow=max(0.0, i.makeup - 0.35),
            freckles=i.freckles,
            moles=max(0.0, i.moles - 0.35) * 1.5,
            cleft=max(0.0, i.cleft - 0.6) * 2.5,
            flush=0.4 + 1.7 * i.flush,
        )
