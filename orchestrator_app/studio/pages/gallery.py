"""Gallery: the page that this server has below /orchestrator/v1/app, in a frame, loaded when it is first looked at."""

from __future__ import annotations

from typing import Any

from orchestrator_app.studio.compat import html_box, listen

ROOT = "orchestrator_gallery_page"
_LOWEST = 480  # pixels

# Constant, like all scripts here. The frame stays where it is while other pages are shown. Without a frame (gradio may
# have drawn the page anew) it is made again.
SCRIPT = f"""() => {{
    const root = document.querySelector('#{ROOT} .orc-gallery-page');
    if (!root || root.querySelector('iframe')) return [];
    const theme = () => document.body.classList.contains('dark') ? 'dark' : 'light';
    const base = window.gradio_config && window.gradio_config.root || location.origin + location.pathname;
    const at = new URL('orchestrator/v1/app/', base.replace(/\\/*$/, '/'));
    const place = typeof gradioApp === 'function' ? 'forge' : 'studio';
    const frame = document.createElement('iframe');
    frame.title = 'Gallery';
    frame.allow = 'clipboard-write; fullscreen';
    frame.src = location.origin + at.pathname + '?in=' + place + '&theme=' + theme();
    const fit = () => {{
        const top = root.getBoundingClientRect().top + window.scrollY;
        if (root.offsetParent) frame.style.height = Math.max({_LOWEST}, window.innerHeight - top - 12) + 'px';
    }};
    root.append(frame);
    fit();
    new ResizeObserver(fit).observe(root);
    window.addEventListener('resize', fit);
    let told = theme();
    new MutationObserver(() => {{
        if (theme() === told) return;
        told = theme();
        frame.contentWindow.postMessage({{ type: 'orchestrator:theme', theme: told }}, location.origin);
    }}).observe(document.body, {{ attributes: true, attributeFilter: ['class'] }});
    return [];
}}"""
_PLACE = '<div class="orc-gallery-page"></div>'


class GalleryPage:
    """``tab`` shows this page."""

    def __init__(self, tab: Any) -> None:
        self.tab = tab
        html_box(_PLACE, elem_id=ROOT)

    def connect(self) -> None:
        listen(self.tab.select, None, None, None, js=SCRIPT)
