"""What happens on the page: from what a browser sends to what it shows. Refusals become one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from hairnet.page.door import NO_FILE, refusal
from hairnet.page.studio import Chosen, Made, Studio, Wishes, checked_donors, left_to_right

Sent = tuple[str | None, str | None]  # a photo's file and the number of a face, as the browser sends them


class Actions:
    """The page's answers; `request` names the guest, whose results are deleted when they leave."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    def look(self, sent: Any, donor: bool) -> tuple[Any, ...]:
        """A photo has come: (photo, faces to choose from, what is to be said about it)."""
        one_face = gr.Radio(choices=[], value=None, visible=False)
        if sent is None:
            return gr.skip(), one_face, gr.skip()
        try:
            file = Path(path_of(sent) or "")
            self.studio.folder.use([file])
            picks = left_to_right(self.studio.seen(file).faces)
            sentences = self.studio.notes((file, None), donor)
            visible = self.studio.showable(file)
        except (ValueError, OSError) as error:
            return None, one_face, gr.Markdown(f"⚠ {plain(str(error))}", visible=True)
        several = len(picks) > 1
        if several:
            sentences.insert(0, f"{file.name} shows {len(picks)} faces: the most central one is taken")
        text = said(sentences)
        return (
            gr.skip() if visible == file else str(visible),
            gr.Radio(choices=picks, value=None, visible=several),
            gr.Markdown(text, visible=bool(text)),
        )

    def make(
        self,
        mode: str,
        face: Any,
        face_pick: str | None,
        hair: Any,
        hair_pick: str | None,
        first: Any,
        first_pick: str | None,
        second: Any,
        second_pick: str | None,
        share: float,
        donors: Any,
        strength: float,
        take: str,
        blend: str,
        strands: str,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 (how Gradio hands it over)
    ) -> tuple[Any, ...]:
        """Transfers as the open tab says: (before and after, results to choose from, download, notes, results)."""

        def say(done: float, words: str) -> None:
            progress(done, desc=words)

        try:
            wishes = Wishes(strength, take, blend, strands, share)  # type: ignore[arg-type]
            hair_photos: list[Sent] = [(path_of(hair), hair_pick)]
            if mode == "mix":
                hair_photos = [(path_of(first), first_pick), (path_of(second), second_pick)]
            elif mode == "several":
                hair_photos = [(path, None) for path in paths_in(donors)] or [(None, None)]
            person, *hairs = self._chosen([(path_of(face), face_pick), *hair_photos])
            if mode == "several":
                made = self.studio.compare(person, checked_donors([path for path, _ in hairs]), wishes, say)
            else:
                weights = [1 - wishes.share, wishes.share] if mode == "mix" else [1.0]
                made = [self.studio.transfer(person, hairs, weights, wishes, say)]
            sentences = self.studio.notes(person, donor=False)
            sentences += [sentence for one in hairs for sentence in self.studio.notes(one, donor=True)]
        except (ValueError, OSError) as error:
            raise refusal(plain(str(error))) from error
        self.studio.folder.give(request.session_hash, [path for one in made for path in files_of(one)])
        text = said(sentences)
        return (
            pair(made[0]),
            gr.Gallery([(str(one.after), one.name) for one in made], visible=len(made) > 1, selected_index=0),
            gr.DownloadButton(value=str(made[0].download), interactive=True),
            gr.Markdown(text, visible=bool(text)),
            [tuple(map(str, files_of(one))) for one in made],
        )

    def make_again(
        self,
        results: list[tuple[str, ...]],
        mode: str,
        face: Any,
        face_pick: str | None,
        hair: Any,
        hair_pick: str | None,
        first: Any,
        first_pick: str | None,
        second: Any,
        second_pick: str | None,
        share: float,
        donors: Any,
        strength: float,
        take: str,
        blend: str,
        strands: str,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        """A slider was moved: the same once more, if there is a result that it would change."""
        if not results:
            return (gr.skip(),) * 5
        photos = (face, face_pick, hair, hair_pick, first, first_pick, second, second_pick)
        return self.make(mode, *photos, share, donors, strength, take, blend, strands, request, progress)

    def show(self, results: list[tuple[str, ...]], event: gr.SelectData) -> tuple[Any, ...]:
        """One of several results was chosen."""
        before, after, download = results[event.index]
        return (before, after), gr.DownloadButton(value=download, interactive=True)

    def leave(self, request: gr.Request) -> None:
        """The page was closed."""
        self.studio.folder.leave(request.session_hash)

    def _chosen(self, sent: list[Sent]) -> list[Chosen]:
        if any(path is None for path, _ in sent):
            missing = "Your photo" if sent[0][0] is None else "A photo of the hair"
            raise ValueError(f"{missing} is missing: choose one first")
        if not all(pick is None or isinstance(pick, str) for _, pick in sent):
            raise ValueError("A face is chosen by its number from the left, written as text")
        chosen = [(Path(path), pick or None) for path, pick in sent if path is not None]
        self.studio.folder.use([path for path, _ in chosen])
        return chosen


def path_of(sent: Any) -> str | None:
    """The file of an image as the browser names it; hairnet.page.door has seen to it that it is a guest's to use.

    Handlers take photos as they were sent, as Gradio would otherwise open them, with any reader that there is.
    """
    if sent is None:
        return None
    if not isinstance(sent, dict) or not isinstance(sent.get("path"), str) or not sent["path"]:
        raise ValueError(NO_FILE)
    return sent["path"]


def paths_in(gallery: Any) -> list[str]:
    """The files of several images, as a gallery sends them."""
    entries = [] if gallery is None else gallery
    if not isinstance(entries, list) or not all(isinstance(one, dict) and one.get("image") for one in entries):
        raise ValueError("Hair comes from photos, not from films or other files: choose others")
    return [path for one in entries if (path := path_of(one["image"]))]


def files_of(made: Made) -> tuple[Path, Path, Path]:
    return made.before, made.after, made.download


def pair(made: Made) -> tuple[str, str]:
    return str(made.before), str(made.after)


def said(sentences: list[str]) -> str:
    """Sentences as paragraphs, each once."""
    return "\n\n".join(plain(sentence) for sentence in dict.fromkeys(sentences))


def plain(text: str) -> str:
    """A sentence as Markdown and HTML show it: names of files may hold anything."""
    return "".join(f"&#{ord(mark)};" if mark in "&\\`*_{}[]<>()#+!|~$" else mark for mark in text)
