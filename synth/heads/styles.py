"""The table of hairstyles. `hair.style` in [0, 1] runs along it; between two rows every number is blended."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from synth.heads.maths import mix, step

if TYPE_CHECKING:
    from synth.heads.factors import Hair

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
    bangs: Span = (3.0, 5.2)  # height of the fringe's hem over hair.fringe
    top: Span = (0.0, 0.0)  # extra height on top over hair.top
    cap: float = 0.4  # thickness of the undercoat
    paint: float = 0.93  # opacity of hair colour on the scalp
    fade: float = 0.0  # how short sides and nape are
    crown: float = 0.0  # whether only a ring below the crown grows
    recede: float = 0.0  # cm that temples are higher
    ridge: float = 0.0  # how short all is but a ridge in the middle
    shave: float = 0.0  # how short the side beyond the parting is
    rows: float = 0.0  # whether scalp shows between rows from front to back
    slant: float = 0.0  # how much the hem falls from one side to the other, cm per cm
    behind: float = 0.0  # whether the nape is long
    up: float = 0.0  # whether hair above the ears is drawn back
    bun: float = 0.0  # size of a knot on the crown
    tail: Span = (0.0, 0.0)  # over hair.length: how long a tail of gathered hair is
    tail_height: float = 8.0  # where it is tied
    aside: float = 0.0  # cm that it is tied to one side
    apart: float = 0.0  # cm from the middle of each of two tails or knots
    drape: float = 0.0  # cm that its end hangs forward
    plait: float = 0.0  # whether it is braided
    spread: float = 0.9  # width of a lock
    clear: float = 1.0  # whether hair keeps out of the face
    children: float = 10.0
    lean: float = 0.0  # who wears it in a crowd: -1 men, 1 women


STYLES: tuple[Style, ...] = (
    Style("bald", density=0.0, length=(0.3, 0.5), volume=(0.15, 0.15), cap=0.0, paint=0.06, clump=0.0, lift=0.8,
          whorl=1.0, clear=0.0, lean=-0.9),
    Style("horseshoe", length=(1.2, 3.5), volume=(0.3, 0.8), lift=0.7, whorl=1.0, gravity=0.1, cap=0.2, crown=1.0,
          recede=1.0, clear=0.0, children=14, lean=-1.0),
    Style("buzz", length=(0.4, 0.8), volume=(0.15, 0.2), lift=0.8, whorl=1.0, cap=0.0, paint=0.62, clump=0.0,
          clear=0.0, children=15, lean=-0.9),
    Style("receding", length=(2.0, 4.5), volume=(0.4, 0.8), lift=0.7, back=0.8, whorl=0.3, gravity=0.04, cap=0.2,
          recede=1.5, fade=0.3, clear=0.0, children=13, lean=-1.0),
    Style("crew", length=(1.2, 2.2), volume=(0.4, 0.8), lift=1.0, whorl=0.4, forward=0.2, back=0.2, cap=0.15,
          paint=0.8, fade=0.85, top=(0.4, 1.2), clump=0.3, clear=0.0, gravity=0.02, children=14, lean=-0.9),
    Style("fade", length=(1.6, 2.8), volume=(0.7, 1.4), lift=1.4, back=0.15, cap=0.35, paint=0.93, fade=1.9,
          top=(0.5, 1.3), clump=0.3, clear=0.0, gravity=0.0, children=15, lean=-1.0),
    Style("short", length=(2.5, 4.5), volume=(0.5, 1.1), lift=0.7, whorl=1.0, gravity=0.05, clear=0.0, children=12,
          lean=-0.7),
    Style("mohawk", length=(4.5, 7.5), volume=(1.6, 3.2), top=(0.4, 1.0), lift=2.6, back=0.35, gravity=0.0, mess=0.08,
          clump=0.8, ridge=1.0, cap=0.3, clear=0.0, children=17, lean=-0.5),
    Style("quiff", length=(3.5, 6.0), volume=(0.7, 1.4), top=(0.5, 2.0), lift=1.2, whorl=0.1, back=1.0, part=0.05,
          gravity=0.02, clump=0.6, fade=0.45, clear=0.3, children=12, lean=-0.8),
    Style("slicked", length=(8.0, 11.0), volume=(0.25, 0.7), top=(0.0, 0.8), lift=0.9, back=1.5, part=0.12,
          gravity=0.03, mess=0.04, clump=0.75, cut=(-5.0, -5.0), children=13, lean=-0.7),
    Style("cornrows", length=(6.0, 8.0), volume=(0.25, 0.4), lift=0.9, back=1.6, gravity=0.0, mess=0.02, clump=0.3,
          cut=(-4.0, -5.5), rows=1.0, cap=0.5, spread=0.35, children=13),
    Style("locs", density=0.6, length=(14.0, 26.0), volume=(0.9, 1.9), lift=0.8, whorl=0.8, part=0.3, gravity=0.42,
          mess=0.16, curl=(0.04, 0.08), turns=(0.7, 0.5), clump=0.0, spread=0.5, cut=(-5.0, -14.0), children=12),
    Style("side part", length=(6.0, 9.0), volume=(0.5, 1.1), lift=0.9, whorl=0.1, part=1.0, back=0.45, gravity=0.12,
          clump=0.65, cut=(1.5, -1.0), fade=0.2, top=(0.0, 0.5), children=12, lean=-0.7),
    Style("side shave", length=(16.0, 26.0), volume=(0.8, 1.6), lift=0.9, whorl=0.1, part=1.0, back=0.2, gravity=0.4,
          clump=0.65, cut=(-3.0, -13.0), shave=1.0, children=12),
    Style("curtains", length=(8.0, 11.0), volume=(0.7, 1.3), lift=0.9, whorl=0.1, part=1.0, back=0.2, gravity=0.22,
          clump=0.65, cut=(-1.0, -5.0), lean=-0.3),
    Style("mullet", length=(20.0, 24.0), volume=(0.7, 1.3), whorl=1.0, back=0.1, forward=0.1, gravity=0.35, mess=0.2,
          fringe=1.0, bangs=(3.6, 5.2), cut=(0.5, -2.5), behind=1.0, children=11, lean=-0.4),
    Style("fringe", length=(8.0, 11.0), volume=(0.7, 1.2), whorl=1.0, forward=0.25, gravity=0.35, fringe=1.0,
          cut=(0.0, -4.0), children=11),
    Style("pixie", length=(6.0, 8.0), volume=(0.5, 1.0), whorl=0.8, part=0.7, forward=0.3, gravity=0.28, mess=0.16,
          fringe=1.0, bangs=(3.4, 4.8), cut=(0.5, -1.5), slant=0.42, clump=0.7, children=12, lean=0.8),
    Style("afro", density=1.25, length=(3.0, 8.0), volume=(3.0, 6.5), lift=3.0, gravity=0.0, mess=0.5,
          curl=(0.28, 0.4), turns=(1.1, 0.7), clump=0.55, cap=0.7, fringe=1.0, bangs=(3.4, 5.6),
          clear=0.0, children=12),
    Style("curly", density=1.1, length=(9.0, 22.0), volume=(1.0, 2.2), whorl=0.3, part=0.6, gravity=0.4,
          curl=(0.5, 0.95), turns=(0.55, 0.28), clump=0.85, fringe=1.0, bangs=(3.0, 5.0), cut=(-4.0, -14.0),
          children=12, lean=0.3),
    Style("bun", length=(12.0, 13.0), volume=(0.4, 0.8), lift=0.6, back=1.6, part=0.15, gravity=-0.05, mess=0.05,
          clump=0.7, bun=1.0, cap=0.45, cut=(-5.0, -5.0), children=13, lean=0.3),
    Style("two buns", length=(10.0, 11.0), volume=(0.4, 0.8), lift=0.6, back=0.9, part=0.7, gravity=-0.1, mess=0.05,
          clump=0.7, bun=0.9, apart=7.0, cap=0.45, cut=(-5.0, -5.0), children=13, lean=1.0),
    Style("ponytail", length=(12.0, 13.0), volume=(0.4, 0.8), lift=0.6, back=1.6, part=0.15, gravity=-0.05, mess=0.05,
          clump=0.7, tail=(20.0, 27.0), tail_height=10.9, cap=0.45, cut=(-5.0, -5.0), children=13, lean=0.8),
    Style("side ponytail", length=(12.0, 13.0), volume=(0.5, 0.9), lift=0.6, back=0.9, part=0.8, gravity=0.1,
          mess=0.06, clump=0.7, tail=(14.0, 19.0), tail_height=-2.4, aside=6.9, drape=9.0, cap=0.45, cut=(-4.0, -4.0),
          children=13, lean=1.0),
    Style("pigtails", length=(11.0, 12.0), volume=(0.4, 0.8), lift=0.6, back=0.6, part=1.0, gravity=0.05, mess=0.06,
          clump=0.7, tail=(11.0, 18.0), tail_height=3.6, apart=7.2, cap=0.45, cut=(-3.0, -3.0), children=13, lean=1.0),
    Style("braids", length=(12.0, 13.0), volume=(0.4, 0.8), lift=0.6, back=0.6, part=1.0, gravity=0.15, mess=0.05,
          clump=0.7, tail=(15.0, 20.0), tail_height=-3.4, apart=6.9, drape=9.0, plait=1.0, cap=0.45, cut=(-4.5, -4.5),
          children=13, lean=0.9),
    Style("half-up", length=(34.0, 34.0), volume=(0.6, 1.2), whorl=0.1, part=0.35, back=0.3, gravity=0.45, up=1.0,
          bun=0.75, cut=(-9.0, -16.0), clump=0.65, lean=0.9),
    Style("long fringe", length=(34.0, 34.0), volume=(0.8, 1.4), whorl=0.8, part=0.3, forward=0.2, gravity=0.45,
          fringe=1.0, bangs=(2.9, 4.4), cut=(-9.0, -16.0), clump=0.6, lean=1.0),
    Style("bob", length=(24.0, 24.0), volume=(0.8, 1.5), whorl=0.15, part=1.0, back=0.15, gravity=0.5,
          cut=(-6.5, -10.5), clump=0.6, lean=1.0),
    Style("slanted bob", length=(26.0, 26.0), volume=(0.8, 1.4), whorl=0.1, part=1.0, back=0.1, gravity=0.5,
          cut=(-6.5, -9.0), slant=0.5, clump=0.65, lean=1.0),
    Style("lob", length=(30.0, 30.0), volume=(0.8, 1.5), whorl=0.12, part=1.0, back=0.2, gravity=0.5,
          cut=(-11.0, -14.5), clump=0.6, curl=(0.0, 0.3), turns=(0.16, 0.1), lean=0.9),
    Style("wavy", length=(34.0, 36.0), volume=(1.0, 1.9), whorl=0.12, part=1.0, back=0.25, gravity=0.48, clump=0.72,
          curl=(0.45, 0.8), turns=(0.22, 0.12), lean=0.8),
    Style("long", length=(36.0, 36.0), volume=(0.6, 1.2), whorl=0.1, part=1.0, back=0.25, gravity=0.5, clump=0.6,
          lean=0.7),
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
    crown: float
    recede: float
    ridge: float
    shave: float
    rows: float
    slant: float
    behind: float
    up: float
    bun: float
    tail: float
    tail_height: float
    aside: float
    apart: float
    drape: float
    plait: float
    spread: float
    clear: float
    children: float
    part_x: float
    wave: float
    hairline: float  # cm that the hairline is higher
    peak: float  # cm that it comes down in the middle, and half as many that it goes up beside it

    @property
    def side(self) -> float:
        """Which side is parted, shaved or tied: 1 is the subject's left."""
        return 1.0 if self.part_x >= 0 else -1.0


DRIVER = {
    "length": "length",
    "volume": "volume",
    "curl": "curl",
    "turns": "curl_size",
    "cut": "length",
    "bangs": "fringe",
    "top": "top",
    "tail": "length",
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

    names = [f.name for f in fields(Style) if f.name not in ("name", "lean")]
    numbers = {name: mix(resolve(STYLES[i], name), resolve(STYLES[i + 1], name), blend) for name in names}
    numbers["mess"] *= 0.4 + 1.6 * hair.messiness
    numbers["recede"] += max(0.0, hair.recede - 0.5) * 2.2
    part_x = (hair.part - 0.5) * 6
    part_x = mix(part_x, 3.1 if part_x >= 0 else -3.1, numbers["shave"])
    hairline, peak = 1.6 * (hair.hairline - 0.5), 2.2 * (hair.peak - 0.5)
    return Cut(**numbers, part_x=part_x, wave=0.28 * hair.wave, hairline=hairline, peak=peak)
