"""What the Queue page does in the browser: it looks for news while it is seen, selects rows, and moves them by hand.

One script, put in place once for each page that is opened, which listens to the whole document: rows come and go.
Constant, like all scripts here: nothing of a person's ever becomes part of it.
"""

from __future__ import annotations

from orchestrator_app.studio.html import SENT
from orchestrator_app.studio.queue_html import DO, LOOK

ROOT = "orchestrator_queue"  # the element around the rows
EVERY_MS = 1500  # between two looks; gradio's own timer would ask while the page is not seen, too

SCRIPT = f"""() => {{
    if (window.orchestratorQueue) return [];
    const chosen = new Set(), state = window.orchestratorQueue = {{ chosen, drag: null, focus: '', every: false }};
    const root = () => document.querySelector('#{ROOT}');
    const isSeen = () => !document.hidden && root() !== null && root().offsetParent !== null;
    const write = (to, text) => {{
        const box = document.querySelector('#' + to + ' textarea, #' + to + ' input');
        if (!box) return;
        box.value = text + '{SENT}' + Date.now();
        box.dispatchEvent(new Event('input', {{ bubbles: true }}));
    }};
    const ask = text => write('{DO}', text);
    const rows = () => root() ? [...root().querySelectorAll('.orc-q-row')] : [];

    setInterval(() => {{ if (isSeen() && !state.drag) write('{LOOK}', ''); }}, {EVERY_MS});

    // selecting
    const show = () => {{
        const bar = root() && root().querySelector('.orc-q-chosen');
        if (!bar) return;
        for (const row of rows()) {{
            const is = state.every || chosen.has(row.dataset.job);
            row.querySelector('.orc-q-check').checked = is;
            row.classList.toggle('chosen', is);
        }}
        bar.classList.toggle('some', state.every || chosen.size > 0);
        const count = state.every ? 'all in the list' : chosen.size ? chosen.size + ' selected' : '';
        const said = bar.querySelector('.orc-q-count');
        if (said.textContent !== count) said.textContent = count;
        bar.querySelector('.orc-q-all').checked = state.every;
        const here = rows();
        bar.querySelector('.orc-q-page').checked = here.length > 0 && here.every(row =>
            state.every || chosen.has(row.dataset.job));
    }};
    // what is looked for is another list; what was selected in the one before is not seen there
    document.addEventListener('input', event => {{
        if (event.target.closest && event.target.closest('#orchestrator_queue_search')) clear();
    }});
    const clear = () => {{ chosen.clear(); state.every = false; show(); }};
    document.addEventListener('change', event => {{
        const at = event.target;
        if (!at.closest || !at.closest('#{ROOT}')) return;
        if (at.matches('.orc-q-all')) {{ state.every = at.checked; chosen.clear(); }}
        else if (at.matches('.orc-q-page')) {{
            state.every = false;
            for (const row of rows()) at.checked ? chosen.add(row.dataset.job) : chosen.delete(row.dataset.job);
        }} else if (at.matches('.orc-q-check')) {{
            if (state.every) for (const row of rows()) chosen.add(row.dataset.job);
            state.every = false;
            const job = at.closest('.orc-q-row').dataset.job;
            at.checked ? chosen.add(job) : chosen.delete(job);
        }} else return;
        show();
    }});
    document.addEventListener('click', event => {{
        if (event.target.closest && event.target.closest('#orchestrator_queue_chips [data-send]')) clear();
        const button = event.target.closest && event.target.closest('#{ROOT} [data-all]');
        if (!button) return;
        const jobs = state.every ? 'all' : [...chosen].join(',');
        if (!jobs) return;
        const number = root().querySelector('.orc-q-number');
        ask(button.dataset.all + ' ' + jobs + (button.dataset.all === 'priority' ? ' ' + (number.value || 0) : ''));
        clear();
    }});

    // Rows are made anew with each change, or as others in their place: what was selected, and where the keys go, stays
    // with the job.
    document.addEventListener('focusin', event => {{
        const at = event.target.closest && event.target.closest('#{ROOT} .orc-q-row [data-send], #{ROOT} [data-grip]');
        state.focus = !at ? '' : at.dataset.grip ? `[data-grip="${{at.dataset.grip}}"]` :
            `[data-send="${{at.dataset.send}}"]`;
    }});
    new MutationObserver(changes => {{
        if (!root() || !changes.some(change => root().contains(change.target))) return;
        show();
        const now = document.activeElement;
        const isOurs = now === document.body || (root().contains(now) && now.closest('.orc-q-row'));
        if (!state.focus || !isOurs || now.matches(state.focus)) return;
        const again = root().querySelector(`.orc-q-row ${{state.focus}}`);
        if (again) again.focus({{ preventScroll: true }});
    }}).observe(document.body, {{
        childList: true, subtree: true, attributes: true, attributeFilter: ['data-job'] }});

    // moving
    const moves = {{ ArrowUp: 'up', ArrowDown: 'down', Home: 'top', End: 'end' }};
    document.addEventListener('keydown', event => {{
        const grip = event.target.closest && event.target.closest('#{ROOT} [data-grip]');
        if (event.key === 'Escape' && state.drag) drop(false);
        if (!grip || !moves[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        ask(moves[event.key] + ' ' + grip.dataset.grip);
    }});
    const unmark = () => rows().forEach(row => row.classList.remove('above', 'below'));
    const drop = isDone => {{
        const {{ row, over, after }} = state.drag;
        state.drag = null;
        unmark();
        rows().forEach(each => each.classList.remove('dragged'));
        if (!isDone || !over) return;
        const job = row.dataset.job, several = !state.every && chosen.has(job) && chosen.size > 1;
        const order = rows().map(each => each.dataset.job);
        const all = [...chosen].sort((one, other) => order.indexOf(one) - order.indexOf(other));
        const moved = several ? all.filter(each => each !== over.dataset.job).join(',') : job;
        ask((after ? 'after ' : 'before ') + moved + ' ' + over.dataset.job);
        if (several) clear();
    }};
    document.addEventListener('pointerdown', event => {{
        const grip = event.target.closest && event.target.closest('#{ROOT} [data-grip]');
        if (!grip || event.button) return;
        event.preventDefault();
        grip.focus({{ preventScroll: true }});
        const row = grip.closest('.orc-q-row');
        state.drag = {{ row, over: null, after: false }};
        row.classList.add('dragged');
    }});
    document.addEventListener('pointermove', event => {{
        if (!state.drag) return;
        const at = document.elementFromPoint(event.clientX, event.clientY);
        const row = at && at.closest('#{ROOT} .orc-q-row[data-moves]');
        unmark();
        state.drag.over = row && row !== state.drag.row ? row : null;
        if (state.drag.over) {{
            const box = row.getBoundingClientRect();
            state.drag.after = event.clientY > box.top + box.height / 2;
            row.classList.add(state.drag.after ? 'below' : 'above');
        }}
        if (event.clientY < 70) window.scrollBy(0, -14);
        if (event.clientY > window.innerHeight - 70) window.scrollBy(0, 14);
    }});
    document.addEventListener('pointerup', () => state.drag && drop(true));
    document.addEventListener('pointercancel', () => state.drag && drop(false));
    show();
    return [];
}}"""
