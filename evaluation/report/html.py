"""Pieces of a self-contained HTML page: every picture, plot and style lies in the file itself."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape
from pathlib import Path

MEDIA = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}
STYLE = """
:root { --ink: #1c2430; --soft: #5c6675; --line: #e3e6ec; --main: #2457c5; --paper: #fff; --ground: #f5f6f9;
  --warn: #8a4b08; --warn-ground: #fdf3e4; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.55 Inter, "Segoe UI", "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; }
header, main, footer { max-width: 1080px; margin: 0 auto; padding: 0 28px; }
header { padding-top: 44px; }
h1 { font-size: 32px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; }
h2 { font-size: 22px; margin: 0 0 4px; letter-spacing: -0.01em; }
h3 { font-size: 16px; margin: 26px 0 6px; }
p { margin: 6px 0 12px; max-width: 76ch; }
.soft, figcaption, .note { color: var(--soft); font-size: 14px; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; padding: 26px 28px;
  margin: 22px 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 14px; margin: 22px 0 4px; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; padding: 16px 18px; }
.card b { display: block; font-size: 30px; line-height: 1.15; font-variant-numeric: tabular-nums; }
.card span { display: block; color: var(--soft); font-size: 13.5px; line-height: 1.4; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14.5px; font-variant-numeric: tabular-nums;
  margin: 8px 0 14px; }
th { text-align: right; font-weight: 600; color: var(--soft); font-size: 13px; padding: 6px 10px;
  vertical-align: bottom; border-bottom: 1.5px solid var(--line); }
td { text-align: right; padding: 6px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; white-space: normal; padding-left: 0; }
tr.lead td { font-weight: 650; background: #eef3fd; }
tr.lead td:first-child { padding-left: 10px; }
td small { color: var(--soft); font-weight: 400; margin-left: 5px; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(290px, 1fr)); gap: 18px; margin: 14px 0; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(340px, 1fr)); gap: 0 36px; }
summary { cursor: pointer; }
figure { margin: 0 0 14px; }
figure img { width: 100%; height: auto; display: block; }
figure.picture img { border: 1px solid var(--line); border-radius: 8px; max-width: 800px; image-rendering: auto; }
.warn { background: var(--warn-ground); color: var(--warn); border-radius: 8px; padding: 9px 14px; font-size: 14.5px;
  max-width: none; }
code { font: 13px/1.5 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
pre { background: var(--ground); border: 1px solid var(--line); border-radius: 8px; padding: 10px 12px; margin: 8px 0;
  white-space: pre-wrap; }
td.text { text-align: left; white-space: normal; }
footer { padding-bottom: 40px; }
@media print { body { background: #fff; } section, .card { break-inside: avoid; } }
"""


def page(title: str, introduction: str, sections: Iterable[str]) -> str:
    """The whole document. `introduction` and `sections` are HTML."""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head>\n<body><header><h1>{escape(title)}</h1>{introduction}</header>\n<main>"
        + "\n".join(sections)
        + "</main><footer></footer></body></html>\n"
    )


def section(title: str, *parts: str) -> str:
    """A titled box around HTML parts."""
    return f"<section><h2>{escape(title)}</h2>\n" + "\n".join(part for part in parts if part) + "\n</section>"


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text; kind: "", "soft", "warn"."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def cards(figures: Iterable[tuple[str, str]]) -> str:
    """Large figures with what they mean."""
    each = (f'<div class="card"><b>{escape(figure)}</b><span>{escape(words)}</span></div>' for figure, words in figures)
    return f'<div class="cards">{"".join(each)}</div>'


def table(head: list[str], rows: Iterable[list[str]], lead: int | None = 0) -> str:
    """A table; cells are plain text or `interval`s. Row `lead` stands out, None: no row."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = ""
    for k, row in enumerate(rows):
        cells = "".join(f"<td>{cell if isinstance(cell, Markup) else escape(cell)}</td>" for cell in row)
        body += f'<tr class="lead">{cells}</tr>' if k == lead else f"<tr>{cells}</tr>"
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


class Markup(str):
    """Text that is HTML already."""


def interval(figure: str, low: str, high: str) -> Markup:
    """A figure with its interval in small type."""
    return Markup(f"{escape(figure)}<small>{escape(low)} – {escape(high)}</small>")


def plot(svg: str, caption: str) -> str:
    """An SVG as a picture of its own, so that its styles and names cannot meet the page's."""
    return _figure(svg.encode(), "image/svg+xml", caption, "")


def beside(*parts: str) -> str:
    """HTML parts side by side, where there is room."""
    return '<div class="beside">' + "".join(f"<div>{part}</div>" for part in parts) + "</div>"


def plots(*figures: str) -> str:
    """Plots side by side."""
    return f'<div class="plots">{"".join(figures)}</div>'


def picture(path: Path, caption: str) -> str:
    """An image file, inside the page; nothing where it is not there."""
    if not path.is_file() or path.suffix.lower() not in MEDIA:
        return ""
    return _figure(path.read_bytes(), MEDIA[path.suffix.lower()], caption, "picture")


def folded(title: str, lines: Iterable[str]) -> str:
    """A list that opens at a click."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<details class="soft"><summary>{escape(title)}</summary><ul>{items}</ul></details>' if items else ""


def preformatted(text: str) -> str:
    """A command line."""
    return f"<pre><code>{escape(text)}</code></pre>"


def _figure(content: bytes, media: str, caption: str, kind: str) -> str:
    data = base64.b64encode(content).decode()
    words = escape(caption, quote=True)
    return (
        f'<figure class="{kind}"><img alt="{words}" src="data:{media};base64,{data}">'
        f"<figcaption>{words}</figcaption></figure>"
    )
