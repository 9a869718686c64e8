"""Run every Python snippet of README.md and of the pages beside this file; `make docs` does.

The snippets of a page run in their order and share their names, as a reader would run them. Names
that a page takes for granted (``X``, ``texts``, ...) come from the first snippet of the guide's
index, where readers find them too. Warnings are errors.

python docs/run_snippets.py                            all pages
python docs/run_snippets.py README.md docs/guide/rbm.md  these; also by their names alone
"""

import os
import re
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

#: pages that take nothing for granted
COMPLETE = {"README.md", "first_hour.md"}


def pages() -> list[Path]:
    """README.md and the pages of the documentation, without generated ones."""
    found = [path for path in sorted((ROOT / "docs").rglob("*.md")) if "_build" not in path.parts]
    return [ROOT / "README.md", *(p for p in found if "auto_examples" not in p.parts)]


def given() -> str:
    """What the pages take for granted: small data of each kind, and models fitted to them."""
    found = FENCE.search((ROOT / "docs" / "guide" / "index.md").read_text(encoding="utf-8"))
    if found is None:
        sys.exit("docs/guide/index.md has no snippet with what the others take for granted.")
    return found.group(1)


def run(path: Path) -> int:
    """Run the snippets of a page; returns how many there are."""
    text = path.read_text(encoding="utf-8")
    names: dict[str, object] = {"__name__": "__main__"}
    snippets = list(FENCE.finditer(text))
    if snippets and path.name not in COMPLETE:
        exec(compile(given(), "<given>", "exec"), names)
    for snippet in snippets:
        line = text.count("\n", 0, snippet.start(1))
        # error messages name the line of the page
        code = compile("\n" * line + snippet.group(1), _short(path), "exec")
        exec(code, names)
    return len(snippets)


def chosen(wanted: list[str]) -> list[Path]:
    """The pages that are wanted, by path or by name; all if none are.

    Raises
    ------
    SystemExit
        If one of them is no page.
    """
    there = pages()
    found = []
    for one in wanted:
        path = Path(one).resolve()
        these = [page for page in there if page == path or page.name == one]
        if not these:
            sys.exit(f"{one} is no page with snippets; there are {', '.join(map(_short, there))}.")
        found += these
    return list(dict.fromkeys(found)) if wanted else there


def _short(page: Path) -> str:
    return str(page.relative_to(ROOT))


def main(wanted: list[str]) -> int:
    warnings.simplefilter("error")
    failed = 0
    for path in chosen(wanted):
        begin = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                n = run(path)
            except Exception:
                traceback.print_exc()
                failed += 1
                continue
            finally:
                os.chdir(ROOT)
        print(f"{_short(path)}: {n} snippets, {time.perf_counter() - begin:.0f} s")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
