"""The table of hairstyles. `hair.style` in [0, 1] runs along it; between two rows every number is blended."""

from __future__ import annotations

from dataclasses import dataclass, fields

from synth.heads.factors import Hair
from synth.heads.maths import mix, step

Span = tuple[float, float]  # values at factor 0 and factor 1


@dataclass(frozen=True)
class Style:
    """How hair grows. Lengths and heights in cm of the frame of the head; pulls are relative to the strand's step."""

    name: str
    density: float = 1.0  # guides, relative to 420
    length: Span = (4.0, 4.0)  # over hair.length
    volume: Span = (0.6, 1.2)  # over hair.volume: height of the layer over the skull
    lift: float = 0.6  # how stiffly roots stand up to that height
    whorl: float = 0.0  # pull away from the crown
    part: float = 0.0  # pull away from the parting
    back: float = 0.0
    forward: float = 0.0
    gravity: float = 0.1
    mess: float = 0.12
    curl: Span = (0.0, 0.0)  # radius of curls over hair.curl
    turns: Span = (0.2, 0.5)  # turns per cm over hair.curl_size (1 is the widest curl)
    clump: float = 0.5
    cut: Span = (-16.0, -16.0)  # height of the hem over hair.length
    fringe: float = 0.0  # whether hair over the forehead stays and is cut to `bangs`
    bangs: Span = (2.4, 5.0)  # height of the fringe's hem over hair.fringe
    top: Span = (0.0, 0.0)  # extra height on top over hair.top
    cap: float = 0.4  # thickness of the undercoat
    paint: float = 0.93  # opacity of hair colour on the scalp
    fade: float = 0.0  # how short sides and nape are
    bun: float = 0.0
    clear: float = 1.0  # whether hair keeps out of the face
    children: float = 10.0


STYLES: tuple[Style, ...] = (
    Style("bald", density=0.0, length=(0.3, 0.5), volume=(0.15, 0.15), cap=0.0, paint=0.06, clump=0.0, lift=0.8,
          whorl=1.0, clear=0.0),
    Style("buzz", length=(0.4, 0.8), volume=(0.15, 0.2), lift=0.8, whorl=1.0, cap=0.0, paint=0.62, clump=0.0,
          clear=0.0, children=15),
    Style("crew", length=(1.2, 2.2), volume=(0.4, 0.8), lift=1.0, whorl=0.4, forward=0.2, back=0.2, cap=0.15,
          paint=0.8, fade=0.85, top=(0.4, 1.2), clump=0.3, clear=0.0, gravity=0.02, children=14),
    Style("short", length=(2.5, 4.5), volume=(0.5, 1.1), lift=0.7, whorl=1.0, gravity=0.05, clear=0.0, children=12),
    Style("quiff", length=(3.5, 6.0), volume=(0.7, 1.4), top=(0.5, 2.0), lift=1.2, whorl=0.1, back=1.0, part=0.05,
          gravity=0.02, clump=0.6, fade=0.45, clear=0.3, children=12),
    Style("slicked", length=(8.0, 11.0), volume=(0.25, 0.7), top=(0.0, 0.8), lift=0.9, back=1.5, part=0.12,
          gravity=0.03, mess=0.04, clump=0.75, cut=(-5.0, -5.0), children=13),
    Style("bun", length=(12.0, 13.0), volume=(0.4, 0.8), lift=0.6, back=1.6, part=0.15, gravity=-0.05, mess=0.05,
          clump=0.7, bun=1.0, cap=0.45, cut=(-5.0, -5.0), children=13),
    Style("side part", length=(6.0, 9.0), volume=(0.5, 1.1), lift=0.9, whorl=0.1, part=1.0, back=0.45, gravity=0.12,
          clump=0.65, cut=(1.5, -1.0), fade=0.2, top=(0.0, 0.5), children=12),
    Style("curtains", length=(8.0, 11.0), volume=(0.7, 1.3), lift=0.9, whorl=0.1, part=1.0, back=0.2, gravity=0.22,
          clump=0.65, cut=(-1.0, -5.0)),
    Style("fringe", length=(8.0, 11.0), volume=(0.7, 1.2), whorl=1.0, forward=0.25, gravity=0.35, fringe=1.0,
          cut=(0.0, -4.0), children=11),
    Style("afro", density=1.25, length=(3.0, 8.0), volume=(3.0, 6.5), lift=3.0, gravity=0.0, mess=0.5,
          curl=(0.28, 0.4), turns=(1.1, 0.7), clump=0.55, cap=0.7, fringe=1.0, bangs=(3.4, 5.6),
          clear=0.0, children=12),
    Style("curly", density=1.1, length=(9.0, 22.0), volume=(1.0, 2.2), whorl=0.3, part=0.6, gravity=0.4,
          curl=(0.5, 0.95), turns=(0.55, 0.28), clump=0.85, fringe=1.0, bangs=(3.0, 5.0), cut=(-4.0, -14.0),
          children=12),
    Style("long fringe", length=(34.0, 34.0), volume=(0.8, 1.4), whorl=0.8, part=0.3, forward=0.2, gravity=0.45,
          fringe=1.0, bangs=(2.3, 4.0), cut=(-9.0, -16.0), clump=0.6),
    Style("bob", length=(24.0, 24.0), volume=(0.8, 1.5), whorl=0.15, part=1.0, back=0.15, gravity=0.5,
          cut=(-6.5, -10.5), clump=0.6),
    Style("lob", length=(30.0, 30.0), volume=(0.8, 1.5), whorl=0.12, part=1.0, back=0.2, gravity=0.5,
          cut=(-11.0, -14.5), clump=0.6, curl=(0.0, 0.3), turns=(0.16, 0.1)),
    Style("wavy", length=(34.0, 36.0), volume=(1.0, 1.9), whorl=0.12, part=1.0, back=0.25, gravity=0.48, clump=0.72,
          curl=(0.45, 0.8), turns=(0.22, 0.12)),
    Style("long", length=(36.0, 36.0), volume=(0.6, 1.2), whorl=0.1, part=1.0, back=0.25, gravity=0.5, clump=0.6),
)  # fmt: skip


@dataclass(frozen=True)
class Cut:
    """One head's haircut: a Style with its spans resolved; see Style for units."""

    density: float
    length: float
    volume: float
    lift: float
    whorl: float
    part: float
    back: float
    forward: float
    gravity: float
    mess: float
    curl: float
    turns: float
    clump: float
    cut: float
    fringe: float
    bangs: float
    top: float
    cap: float
    paint: float
    fade: float
    bun: float
    clear: float
    children: float
    part_x: float
    wave: float
    recede: float


DRIVER = {
    "length": "length",
    "volume": "volume",
    "curl": "curl",
    "turns": "curl_size",
    "cut": "length",
    "bangs": "fringe",
    "top": "top",
}


def style_name(at: float) -> str:
    """Name of the nearest row at `hair.style` = at."""
    return STYLES[round(at * (len(STYLES) - 1))].name


def haircut(hair: Hair) -> Cut:
    """Resolve the factors of hair to numbers; rows hold on a plateau and blend half-way to their neighbour."""
    position = hair.style * (len(STYLES) - 1)
    i = min(int(position), len(STYLES) - 2)
    blend = step(0.35, 0.65, position - i)

    def resolve(style: Style, name: str) -> float:
        value = getattr(style, name)
        return mix(value[0], value[1], getattr(hair, DRIVER[name])) if isinstance(value, tuple) else value

    names = [f.name for f in fields(Style) if f.name != "name"]
    numbers = {name: mix(resolve(STYLES[i], name), resolve(STYLES[i + 1], name), blend) for name in names}
    numbers["mess"] *= 0.4 + 1.6 * hair.messiness
    return Cut(**numbers, part_x=(hair.part - 0.5) * 6, wave=0.28 * hair.wave, recede=max(0.0, hair.recede - 0.5) * 2.2)
