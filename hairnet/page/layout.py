"""The page itself: what stands where. What happens on a click is in hairnet.page.actions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from hairnet.mix import STRONGEST
from hairnet.page.actions import Actions
from hairnet.page.door import Guarded
from hairnet.page.examples import FOLDER, faces, hairs
from hairnet.page.studio import MOST_DONORS, Studio

WAITING = 60  # guests in the queue; one more is told to come back
ROW = 4  # examples beside a photo
TAKES = [("Shape and colour", "all"), ("Colour", "colour"), ("Shape", "shape")]
BLENDS = [("Soft edge", "alpha"), ("Wide seam", "multiband"), ("The photo's tones", "poisson")]
STRANDS = [("Of the hair photo", "photo"), ("As the network draws them", "network")]
HEAD = """# Try on a hairstyle
The hair of one photo on the face of another. You get your whole photo back, changed only where hair comes or goes."""
CONSENT = (
    "Use photos of people only with their consent, and tell whoever sees the result that it was changed. "
    "The shipped networks are free to use (MIT), but many photo collections and the networks that you bring carry "
    "licences of their own, often non-commercial ones."
)
PRIVACY = (
    "Photos are worked on where this page runs and go nowhere else. Results are deleted when you close the page, "
    "photos at the latest {minutes:g} minutes after their last use. "
    "The example photos are renders of nobody. "
    "At most {megabytes:g} MB and {megapixels:g} megapixels a photo."
)
# All work is one line of guests: two transfers at once would be no faster, and take twice the memory.
IN_LINE: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "work"}
AS_SENT: dict[str, Any] = {"preprocess": False}  # see actions.path_of
HIDDEN: dict[str, Any] = {"api_visibility": "private"}


def build(studio: Studio, megabytes: float) -> gr.Blocks:
    """The page for a studio; uploads above `megabytes` never reach it."""
    gr.set_static_paths([FOLDER])
    act = Actions(studio)
    with Guarded(studio.folder.path, title="hairnet", analytics_enabled=False) as page:
        gr.Markdown(HEAD, elem_id="head")
        mode, results = gr.State("one"), gr.State([])
        with gr.Row(elem_id="main", equal_height=False):
            with gr.Column(scale=5, min_width=340):
                with gr.Row(equal_height=False):
                    with gr.Column(min_width=160):
                        gr.Markdown("### Your photo", elem_classes="title")
                        face = photo("face", 300, faces(), act, donor=False)
                    with gr.Column(min_width=160):
                        gr.Markdown("### The hair", elem_classes="title")
                        with gr.Tabs(elem_id="modes"):
                            with gr.Tab("One", id="one") as one:
                                hair = photo("hair", 246, hairs()[:ROW], act, donor=True)
                            with gr.Tab("Mix", id="mix") as mix:
                                first = photo("first", 130, hairs()[:ROW], act, donor=True)
                                second = photo("second", 130, hairs()[-ROW:], act, donor=True)
                                share = slider("Share of the second", "share", 0, 1, 0.5)
                            with gr.Tab("Several", id="several") as several:
                                donors = gr.Gallery(
                                    label=f"Up to {MOST_DONORS} hair photos",
                                    show_label=False,
                                    elem_id="donors",
                                    elem_classes="photo",
                                    type="filepath",
                                    interactive=True,
                                    file_types=["image"],
                                    sources=["upload"],
                                    columns=2,
                                    height=246,
                                    object_fit="cover",
                                    buttons=[],
                                )
                                fill = gr.Button("Take the examples", size="sm", elem_id="fill")
                with gr.Group():
                    strength = slider("Strength", "strength", 0, STRONGEST, 1.0)
                    take = gr.Radio(TAKES, value="all", label="Take", elem_id="take")
                with gr.Accordion("More", open=False, elem_id="more"):
                    blend = gr.Radio(BLENDS, value="alpha", label="Edge of the hair", elem_id="blend")
                    strands = gr.Radio(STRANDS, value="photo", label="Strands", elem_id="strands")
                go = gr.Button("Transfer", variant="primary", elem_id="go", size="lg")
            with gr.Column(scale=6, min_width=340):
                result = gr.ImageSlider(
                    label="Before and after",
                    show_label=False,
                    elem_id="result",
                    type="filepath",
                    interactive=False,
                    buttons=["fullscreen"],
                    height=520,
                    max_height=520,
                )
                choice = gr.Gallery(
                    show_label=False,
                    elem_id="choice",
                    columns=MOST_DONORS,
                    height=118,
                    object_fit="cover",
                    allow_preview=False,
                    interactive=False,
                    buttons=[],
                    visible=False,
                )
                notes = gr.Markdown(elem_id="notes", elem_classes="note", visible=False)
                download = gr.DownloadButton("Download the whole photo", elem_id="download", interactive=False)
        privacy = PRIVACY.format(minutes=studio.folder.minutes, megabytes=megabytes, megapixels=studio.megapixels)
        gr.Markdown(f"{CONSENT}\n\n{privacy}", elem_id="terms")

        for tab, name in ((one, "one"), (mix, "mix"), (several, "several")):
            tab.select(None, None, mode, js=f"() => '{name}'", **HIDDEN)
        fill.click(lambda: [str(path) for path in hairs()], None, donors, **HIDDEN)
        wishes = [strength, take, blend, strands]
        inputs = [mode, *face, *hair, *first, *second, share, donors, *wishes]
        outputs = [result, choice, download, notes, results]
        drawn: dict[str, Any] = {"show_progress_on": result, **AS_SENT, **IN_LINE}
        go.click(act.make, inputs, outputs, api_name="transfer", **drawn)
        for moved in (strength, share):
            moved.release(act.make_again, [results, *inputs], outputs, trigger_mode="always_last", **drawn, **HIDDEN)
        for changed in (take, blend, strands):
            changed.input(act.make_again, [results, *inputs], outputs, trigger_mode="always_last", **drawn, **HIDDEN)
        choice.select(act.show, [results], [result, download], **HIDDEN)
        page.unload(act.leave)
    page.queue(max_size=WAITING, default_concurrency_limit=4)
    studio.folder.waiting = page.waiting
    return page


def slider(label: str, name: str, low: float, high: float, value: float) -> gr.Slider:
    return gr.Slider(low, high, value, step=0.05, label=label, elem_id=name, buttons=[])


def photo(name: str, height: int, examples: list[Path], act: Actions, donor: bool) -> tuple[gr.Image, gr.Radio]:
    """A place for a photo and the choice among its faces, with examples and what is to be said about it."""
    place = gr.Image(
        label=name,
        show_label=False,
        elem_id=name,
        elem_classes="photo",
        type="filepath",
        sources=["upload"],
        height=height,
        buttons=[],
        placeholder="Drop a photo\nor click to choose" if height > 200 else "Drop a photo or click",
    )
    gr.Examples([[str(path)] for path in examples], [place], label="Examples", elem_id=f"{name}-examples")
    pick = gr.Radio([], label="Face, from the left", visible=False, elem_id=f"{name}-pick")
    note = gr.Markdown(visible=False, elem_id=f"{name}-note", elem_classes="note")

    def look(sent: Any) -> tuple[Any, ...]:
        return act.look(sent, donor)

    place.change(look, [place], [place, pick, note], show_progress="hidden", **AS_SENT, **IN_LINE, **HIDDEN)
    place.clear(lambda: gr.Markdown(visible=False), None, note, **HIDDEN)
    return place, pick
