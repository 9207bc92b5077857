"""The script of the cards: what is typed is sent, cards are moved by drag and keys, and their slots are filled."""

from __future__ import annotations

# Put in place once for each page. Constant: nothing of a person's ever becomes part of a script. All fields are sent
# together, so that of several changes the last one has all; a field that is left is sent at once, before a click.
PIPELINE_SCRIPT = """() => {
    if (window.orchestratorPipeline) return [];
    window.orchestratorPipeline = true;
    let waiting = 0, dragged = null;
    const pipe = () => document.querySelector('#orchestrator_pipeline_cards .orc-pipe');
    const put = (id, text) => {
        const box = document.querySelector(`#${id} textarea, #${id} input`);
        if (!box) return;
        box.value = text;
        box.dispatchEvent(new Event('input', {bubbles: true}));
    };
    const value = field => field.type === 'checkbox' ? (field.checked ? 'on' : '') : field.value;
    const named = (root, name) => Object.fromEntries([...root.querySelectorAll(`[data-${name}]`)]
        .map(field => [field.dataset[name], value(field)]));
    const form = root => JSON.stringify({
        filled: root.dataset.filled, ...named(root, 'rest'),
        cards: [...root.querySelectorAll('.orc-stage')].map(card => {
            const own = named(card, 'field');
            return {key: card.dataset.key, id: own.id, enabled: own.enabled === 'on',
                options: named(card, 'option'), flow: named(card, 'flow')};
        }),
        axes: [...root.querySelectorAll('.orc-axis')].map(row => {
            const own = named(row, 'field');
            return {key: row.dataset.axis, vary: own.vary, values: own.values, joined: own.joined === 'on'};
        }),
    });
    const send = () => {
        clearTimeout(waiting);
        waiting = 0;
        const root = pipe();
        if (root) put(root.dataset.sent, form(root));
    };
    const act = (button, what) => {
        const root = pipe();
        send();
        const one = button.closest('[data-key], [data-axis]');
        const key = one ? one.dataset.key || one.dataset.axis : '';
        const said = {act: what, key, value: button.dataset.value || '', at: Date.now()};
        put(what.startsWith('again') ? root.dataset.again : root.dataset.acts, JSON.stringify(said));
    };
    const renumber = () => document.querySelectorAll('#orchestrator_pipeline_cards .orc-no')
        .forEach((place, number) => { place.textContent = number + 1; });
    const moved = () => { renumber(); send(); };
    const move = (card, by) => {
        const other = by < 0 ? card.previousElementSibling : card.nextElementSibling;
        if (!other) return;
        card.parentElement.insertBefore(by < 0 ? card : other, by < 0 ? other : card);
        moved();
    };
    const at = event => event.target.closest ? event.target : event.target.parentElement;
    const inside = event => at(event) && at(event).closest('#orchestrator_pipeline_cards .orc-pipe');
    document.addEventListener('input', event => {
        if (!inside(event)) return;
        clearTimeout(waiting);
        waiting = setTimeout(send, 300);
    });
    document.addEventListener('change', event => {
        if (!inside(event)) return;
        const card = at(event).closest('.orc-stage');
        if (card && at(event).dataset.field === 'enabled') card.classList.toggle('off', !at(event).checked);
        send();
    });
    document.addEventListener('click', event => {
        if (!inside(event)) return;
        const button = at(event).closest('button');
        if (!button) return;
        if (button.dataset.move) {
            move(button.closest('.orc-stage'), Number(button.dataset.move));
            button.focus();
        } else if (button.dataset.act) act(button, button.dataset.act);
    });
    document.addEventListener('keydown', event => {
        const card = inside(event) && at(event).closest('.orc-stage');
        if (!card || !event.altKey || !['ArrowUp', 'ArrowDown'].includes(event.key)) return;
        event.preventDefault();
        move(card, event.key === 'ArrowUp' ? -1 : 1);
        at(event).focus();
    });
    document.addEventListener('dragstart', event => {
        if (!inside(event) || !at(event).closest('.orc-grip')) return;
        dragged = at(event).closest('.orc-stage');
        dragged.classList.add('dragged');
        event.dataTransfer.effectAllowed = 'move';
        event.dataTransfer.setData('text/plain', '');
        event.dataTransfer.setDragImage(dragged, 20, 20);
    });
    document.addEventListener('dragover', event => {
        const over = dragged && inside(event) && at(event).closest('.orc-stage');
        if (!dragged || !inside(event)) return;
        event.preventDefault();
        if (!over || over === dragged) return;
        const box = over.getBoundingClientRect();
        over.parentElement.insertBefore(dragged, event.clientY < box.top + box.height / 2 ? over : over.nextSibling);
    });
    document.addEventListener('drop', event => { if (dragged && inside(event)) event.preventDefault(); });
    document.addEventListener('dragend', () => {
        if (!dragged) return;
        dragged.classList.remove('dragged');
        dragged = null;
        moved();
    });
    const fill = () => {
        const root = pipe();
        document.querySelectorAll('#orchestrator_pipeline_marks template').forEach(mark => {
            const card = mark.dataset.key ? `.orc-stage[data-key="${mark.dataset.key}"] ` : '';
            const place = root && root.querySelector(`${card}[data-slot="${mark.dataset.of}"]`);
            if (!place || place.orchestratorHas === mark.innerHTML) return;
            place.orchestratorHas = mark.innerHTML;
            place.innerHTML = mark.innerHTML;
        });
    };
    // All of the page is watched: gradio makes a tab's elements when it is first shown, and may make them anew.
    const ours = '#orchestrator_pipeline_marks, #orchestrator_pipeline_cards';
    const isOurs = node => node.nodeType === 1 && (node.closest(ours) || node.querySelector(ours));
    new MutationObserver(changes => {
        if (changes.some(one => isOurs(one.target) && one.addedNodes.length)) fill();
    }).observe(document.documentElement, {childList: true, subtree: true});
    fill();
    return [];
}"""
