"""Index and search a folder with infinite-image-browsing, in its own Python; ``benchmarks/gallery.py --iib`` runs this.

``gallery_iib.py CHECKOUT IMAGES``: a JSON line with images/s of CPU, the most memory, and milliseconds of searches by
its own functions, as its routes call them: 50 images whose metadata or path has a word, and those that have a tag.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable

checkout, images = sys.argv[1:3]
os.environ["IIB_DB_PATH"] = os.path.join(tempfile.mkdtemp(), "iib.db")  # noqa: PTH118 - no Path, as old Pythons are its
os.chdir(checkout)
sys.path.insert(0, checkout)

from scripts.iib.db.datamodel import DataBase, Image, ImageTag, Tag  # type: ignore[import-not-found]  # noqa: E402
from scripts.iib.db.update_image_data import update_image_data  # type: ignore[import-not-found]  # noqa: E402


def best(call: Callable[[], object], times: int = 5) -> float:
    def once() -> float:
        began = time.perf_counter()
        call()
        return round(1000 * (time.perf_counter() - began), 1)

    return min(once() for _ in range(times))


def main() -> None:
    connection = DataBase.get_conn()
    began = time.process_time()
    sys.stdout, kept = sys.stderr, sys.stdout
    update_image_data([images])
    taken = time.process_time() - began
    (count,) = connection.execute("SELECT count(*) FROM image").fetchone()
    told = {"images/s of CPU": round(count / taken), "images": count}
    told["MB of memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    for words in ("crimson", "lantern 7", "nothing has this"):
        told[words] = best(lambda words=words: Image.find_by_substring(connection, words, 50))  # type: ignore[misc]
    tag = next((one for one in Tag.get_all(connection) if one.name == "crimson" or one.type == "Model"), None)
    if tag is not None:
        told[f"tag {tag.name}"] = best(lambda: ImageTag.get_images_by_tags(connection, {"and": [tag.id]}, 50))
    sys.stdout = kept
    print(json.dumps(told))


main()
