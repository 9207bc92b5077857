"""What the gallery costs: ``python benchmarks/gallery.py [--images N] [--only NAME …] [--postgresql] [--iib PATH]``.

* index: a folder of N real PNGs (100,000; 8 × 8 pixels) with the metadata of seven programs, read cold, then looked at
  again with nothing changed; images/s of CPU, and the most memory.
* search: pages of 50 among as many; counts, the last page by its offset, and facets, with nothing kept of what was
  found before, and kept; names that complete one that is typed; the best of five, in ms.
* marks: single marks and marks of 100 at once on images of other programs, single marks on those of runs, and single
  marks of eight clients by the API, per second.
* thumbnails: of noisy 1-megapixel PNGs and JPEGs, in one thread, per second.

SQLite, in a temporary folder; ``--postgresql`` searches in a PostgreSQL of its own as well. ``--iib`` is a checkout of
infinite-image-browsing with a Python of its own in ``.venv``: it indexes and searches the same folder. CPU times are of
this process alone.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from orchestrator_core.formats.image_metadata import with_metadata
from orchestrator_core.gallery.marking import Marking
from orchestrator_core.gallery.service import Gallery
from orchestrator_core.gallery.thumbnails import thumbnail_of
from orchestrator_core.store import Store
from orchestrator_core.store.gallery_kept import Kept
from tests.core.gallery.images import LONG_AGO, TOOLS, picture
from tests.core.gallery.test_finding import a_run

A_FOLDER = 500  # files
COLOURS = ("crimson", "amber", "rust", "azure", "teal", "ivory", "coral", "olive")
ANIMALS = ("fox", "owl", "hare", "lynx", "crane", "otter", "heron", "stag", "wren", "toad")
PLACES = ("snow", "a harbour at dusk", "tall grass", "an old library", "the rain", "a neon street", "soft fog")
STYLES = ("masterpiece, best quality", "35mm photograph", "ink wash painting", "isometric render", "studio lighting")


def prompt_of(number: int) -> str:
    chance = random.Random(number)
    rare = f", seen by lantern {number // 97}" if number % 97 == 0 else ""
    parts = [chance.choice(words) for words in (COLOURS, ANIMALS, PLACES, STYLES, STYLES)]
    return "a {} {} in {}, {}, {}, highly detailed, intricate, sharp focus, volumetric light".format(*parts) + rare


def make_images(folder: Path, count: int) -> None:
    tools = list(TOOLS.values())
    for number in range(count):
        path = folder / f"{number // A_FOLDER:04}" / f"{number:06}.png"
        if number % A_FOLDER == 0:
            path.parent.mkdir(parents=True)
        texts = tools[number % len(tools)](prompt_of(number), number)
        path.write_bytes(with_metadata(picture(colour=number % 256), texts))
        at = LONG_AGO + number * 60
        os.utime(path, (at, at))


def index(gallery: Gallery, count: int) -> None:
    cpu, began = time.process_time(), time.perf_counter()
    found = gallery.index()
    told("index cold, images/s of CPU", found.read / (time.process_time() - cpu))
    told("index cold, images/s", found.read / (time.perf_counter() - began))
    cpu = time.process_time()
    gallery.index()
    told("look again, nothing changed, s of CPU", time.process_time() - cpu, 2)
    told("peak memory, MB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    told("database, MB", Path(gallery.store.place).stat().st_size / 2**20)
    assert found.read == count, found


QUERIES = ("", "sort:score", "crimson", "crimson fox", '"lantern 7"', "lantern", "masterpiece -crimson", "lora:ink")
QUERIES += ("tool:comfyui fox", "model:real sort:-date", "date:2023-12", "date:2023-12 wren sort:score", "rating>=4")
QUERIES += ("lora:ink tool:invokeai", "seed:4242", "ow", "fox 7", "name:00042", "broken:yes", "nothing has this")


def search(gallery: Gallery, name: str = "") -> None:
    """``name``: of the database, where it is not SQLite."""
    for query in QUERIES:
        last = max(0, gallery.count(query) - 50)
        asked = (lambda q=query: gallery.page(q), lambda q=query: gallery.count(q))
        asked = (*asked, lambda q=query, last=last: gallery.page(q, 50, "", last))
        anew = [1000 * best(call, before=lambda: setattr(gallery.store, "found", Kept())) for call in asked]
        kept = [1000 * best(call) for call in asked]
        told_of = " ".join(f"{value:6.1f}" for value in (*anew, *kept))
        told(f"{name}{query or '(all)'}: page, count, last page; kept, ms", told_of)
    for query in ("", "crimson fox", "masterpiece"):
        anew = 1000 * best(lambda q=query: gallery.facets(q), before=lambda: setattr(gallery.store, "found", Kept()))  # type: ignore[misc]
        told(f"{name}facets: {query or '(all)'}, ms", anew, 1)
    for kind, part in (("lora", "in"), ("wildcard", "c"), ("model", "")):
        named = 1000 * best(lambda k=kind, p=part: gallery.names(k, p))  # type: ignore[misc]
        told(f"{name}names to complete {kind}:{part}, ms", named, 1)
    told(f"{name}changes, the last 500, ms", 1000 * best(lambda: gallery.changes(gallery.revision() - 500)), 1)
    told(f"{name}revision, ms", 1000 * best(gallery.revision), 2)


def search_postgresql(gallery: Gallery) -> None:
    """The same rows in a server of its own."""
    from sqlalchemy import insert, select, text

    from orchestrator_core.store import gallery_tables as tables
    from tests.postgres import running_postgres

    with running_postgres() as url, Store.open(url) as store:
        with gallery.store.reading() as read, store.writing() as write:
            write.execute(tables.state.delete())
            for name in ("images", "files", "folders", "roots", "terms", "image_terms", "state"):
                rows = read.execute(select(getattr(tables, name))).mappings()
                while some := rows.fetchmany(2000):
                    write.execute(insert(getattr(tables, name)), [dict(row) for row in some])
        Gallery(store).prepare()
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
        search(Gallery(store), "PostgreSQL, ")


def compare(gallery: Gallery, checkout: Path, images: Path) -> None:
    """What infinite-image-browsing takes for the same."""
    script = Path(__file__).with_name("gallery_iib.py")
    command = [checkout / ".venv" / "bin" / "python", script, checkout, images]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    for name, value in json.loads(done.stdout.splitlines()[-1]).items():
        ours = ""
        if name in _WORDS:
            kept = 1000 * best(lambda n=name: gallery.page(n))  # type: ignore[misc]
            anew = 1000 * best(lambda n=name: gallery.page(n), before=lambda: setattr(gallery.store, "found", Kept()))  # type: ignore[misc]
            ours = f"ours {kept:.1f}, with nothing kept {anew:.1f}"
        told(f"infinite-image-browsing: {name}", f"{value:,}  {ours}")


_WORDS = ("crimson", "lantern 7", "nothing has this")


def marks(gallery: Gallery, folder: Path) -> None:
    marking = Marking(gallery)
    images = [image.id for image in gallery.page("", 500).images]
    rate("marks one by one", len(images), lambda: [marking.mark(image, {"rating": image % 5 + 1}) for image in images])
    rate(
        "marks, 100 at once",
        len(images),
        lambda: [
            marking.mark_all(images[start : start + 100], {"favourite": True}) for start in range(0, len(images), 100)
        ],
    )
    gallery.store.save_runs(a_run(folder / "runs", number, day=number) for number in range(200))
    images = [image.id for image in gallery.page("tool:orchestrator", 200).images]
    rate(
        "marks that teach, one by one", len(images), lambda: [marking.mark(image, {"reject": True}) for image in images]
    )


def marks_by_api(gallery: Gallery, clients: int = 8, each: int = 100) -> None:
    """As browsers do, all at once, from a process of their own; the server is Flask behind waitress."""
    from tests.app.flask_server import gallery_served

    ids = [image.id for image in gallery.page("-tool:orchestrator", 200).images]
    with gallery_served(Path(gallery.store.place).parent, keeper=None) as api:
        told = json.dumps([api.host, clients, each, ids])
        rate(
            f"marks by the API, {clients} clients at once",
            clients * each,
            lambda: subprocess.run([sys.executable, "-c", _CLIENTS, told], check=True),
        )


_CLIENTS = """
import http.client, json, sys, threading
host, clients, each, ids = json.loads(sys.argv[1])
refused = []
def mark(client):
    connection = http.client.HTTPConnection(host, timeout=60)
    for number in range(each):
        path = f"/orchestrator/v1/gallery/images/{ids[(client * each + number) % len(ids)]}/marks"
        body = json.dumps({"rating": (client + number) % 5 + 1})
        connection.request("PUT", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        refused.extend([answer.status] if answer.status != 200 else [])
threads = [threading.Thread(target=mark, args=(client,)) for client in range(clients)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
sys.exit(len(refused) > 0)
"""


def rate(what: str, count: int, work: Callable[[], object]) -> None:
    cpu, began = time.process_time(), time.perf_counter()
    work()
    told(f"{what}, per s", count / (time.perf_counter() - began))
    told(f"{what}, per s of CPU", count / (time.process_time() - cpu))


def thumbnails(folder: Path) -> None:
    import threading

    from PIL import Image

    for kind in ("PNG", "JPEG"):
        paths = []
        for number in range(8):
            noise = Image.effect_noise((128, 128), 60).resize((1024, 1024), Image.Resampling.BICUBIC).convert("RGB")
            data = io.BytesIO()
            noise.save(data, kind)
            paths.append(folder / f"{number}.{kind}")
            paths[-1].write_bytes(data.getvalue())
        lock = threading.Lock()
        thumbnail_of(paths[0], 384, lock)
        cpu = time.process_time()
        for path in paths * 3:
            thumbnail_of(path, 384, lock)
        told(f"thumbnails of 1-megapixel {kind}s, per s of CPU", 24 / (time.process_time() - cpu))


def best(call: Callable[[], object], times: int = 5, before: Callable[[], object] = lambda: None) -> float:
    def once() -> float:
        before()
        began = time.perf_counter()
        call()
        return time.perf_counter() - began

    return min(once() for _ in range(times))


def told(what: str, value: object, places: int = 0) -> None:
    print(f"{what:60} {value:,.{places}f}" if isinstance(value, float) else f"{what:60} {value}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--only", nargs="*", choices=("index", "thumbnails"), default=("index", "thumbnails"))
    parser.add_argument("--postgresql", action="store_true", help="search in PostgreSQL too")
    parser.add_argument("--iib", type=Path, metavar="PATH", help="a checkout of infinite-image-browsing")
    arguments = parser.parse_args()
    told("Python", platform.python_version())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "index" in arguments.only:
            make_images(folder / "images", arguments.images)
            with Store.open(folder / "store.sqlite3") as store:
                gallery = Gallery(store)
                gallery.add_root(folder / "images")
                index(gallery, arguments.images)
                search(gallery)
                if arguments.postgresql:
                    search_postgresql(gallery)
                if arguments.iib:
                    compare(gallery, arguments.iib.resolve(), folder / "images")
                marks(gallery, folder)
                marks_by_api(gallery)
        if "thumbnails" in arguments.only:
            thumbnails(folder)


if __name__ == "__main__":
    main()
