"""How the page looks: one calm column of light surfaces, system fonts, nothing that is fetched from elsewhere."""

from __future__ import annotations

import gradio as gr

FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif"]

CSS = """
.gradio-container { max-width: 1200px !important; width: 100% !important; margin: 0 auto !important;
    padding: 20px 24px 32px !important; }
#head h1 { font-size: 1.7rem; font-weight: 650; letter-spacing: -0.02em; margin: 0; }
#head p { color: var(--body-text-color-subdued); margin: 2px 0 6px; }
#main { gap: 28px; }
.photo { border-radius: 14px !important; }
.photo .wrap { font-size: 0.88rem; line-height: 1.45; color: var(--body-text-color-subdued); }
.photo .icon-wrap { width: 26px; color: var(--color-accent); }
#modes .tab-container button { padding: 4px 9px; font-size: 0.9rem; }
#modes .tabitem { padding: 8px 0 0; }
.title h3 { font-size: 0.95rem; font-weight: 600; margin: 0; }
[id$="-examples"] .label { display: none; }
[id$="-examples"] .gallery { gap: 6px; flex-wrap: nowrap; }
[id$="-examples"] .gallery-item { width: 46px; height: 46px; padding: 0; border: 0; border-radius: 9px;
    overflow: hidden; flex: 0 0 auto; }
[id$="-examples"] .gallery-item * { width: 46px; height: 46px; max-height: none; object-fit: cover; border: 0; }
[id$="-examples"] .gallery-item:hover { outline: 2px solid var(--color-accent); }
.note { padding: 0 2px; }
.note p { font-size: 0.85rem !important; line-height: 1.45; color: var(--body-text-color-subdued); margin: 2px 0; }
#result { border-radius: 14px !important; overflow: hidden; }
#terms { border-top: 1px solid var(--border-color-primary); margin-top: 14px; padding-top: 12px; }
#terms p { font-size: 0.84rem; line-height: 1.5; color: var(--body-text-color-subdued); margin: 3px 0;
    max-width: 100ch; }
footer { display: none !important; }
"""


def theme() -> gr.themes.Base:
    """Slate with one accent; Gradio's own themes fetch their fonts from Google."""
    return gr.themes.Soft(
        primary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_lg,
        font=FONT,
        font_mono=["ui-monospace", "Consolas", "monospace"],
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        block_shadow="none",
        block_border_width="1px",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_text_color="white",
        slider_color="*primary_600",
        block_title_background_fill="transparent",
        block_title_text_color="*body_text_color",
        block_title_text_weight="500",
        block_title_padding="0",
        checkbox_label_background_fill_selected="*primary_600",
        checkbox_label_shadow="none",
        checkbox_label_border_color="*border_color_primary",
    )
