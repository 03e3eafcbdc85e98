"""Links and anchors of all documents, whether each page can be reached from the index, and whether translations have the same commands."""
import pathlib, re

ROOT = pathlib.Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^(```|~~~).*?^\1[ \t]*$", re.M | re.S)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
IMAGE = re.compile(r"(?:src|href)=\"([^\"]+)\"")


def documents():
    """Every page that people read."""
    folders = [ROOT, *(ROOT / name for name in ("deploy", "console", "bench"))]
    pages = [page for folder in folders for page in folder.glob("*.md")] + list((ROOT / "docs").rglob("*.md"))
    return sorted(pages)


def without_code(text):
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))


def links(page):
    text = without_code(page.read_text())
    return [link for link in LINK.findall(text) + IMAGE.findall(text) if not re.match(r"[a-z]+:", link)]


def anchor(heading):
    """The anchor that a heading gets where such pages are shown."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def anchors(page):
    found, seen = set(), {}
    for heading in re.findall(r"^#{1,6}\s+(.+?)\s*#*$", FENCE.sub("", page.read_text()), re.M):
        name = anchor(heading)
        times = seen.get(name, 0)
        seen[name] = times + 1
        found.add(f"{name}-{times}" if times else name)
    return found


def broken():
    """A sentence for each link that leads nowhere."""
    for page in documents():
        for link in links(page):
            path, _, name = link.partition("#")
            to = (page.parent / path).resolve() if path else page
            where = page.relative_to(ROOT)
            if not to.exists():
                yield f"{where} links to {link}, which does not exist"
            elif name and to.suffix == ".md" and name not in anchors(to):
                yield f"{where} links to {link}, and there is no such heading"


def unreachable():
    """Pages under docs/ to which no way leads from its index."""
    index = ROOT / "docs/README.md"
    reached, ahead = {index}, [index]
    while ahead:
        page = ahead.pop()
        for link in links(page):
            path = link.partition("#")[0]
            to = (page.parent / path).resolve() if path else page
            # Who links to a folder links to all that is in it.
            for to in to.glob("*.md") if path and to.is_dir() else [to]:
                if to.suffix == ".md" and to.exists() and to not in reached:
                    reached.add(to)
                    ahead.append(to)
    return [f"docs/README.md does not lead to {page.relative_to(ROOT)}" for page in (ROOT / "docs").rglob("*.md") if page not in reached]


def blocks(text):
    """What is inside the fences, with the language of each."""
    return re.findall(r"^[ ]*```(\w*)\n(.*?)^[ ]*```", text, re.M | re.S)


def untranslated():
    """Translations must show the same commands and the same answers as the original."""
    for translation in ROOT.glob("*.??.md"):
        original = ROOT / re.sub(r"\.\w\w\.md$", ".md", translation.name)
        if blocks(original.read_text()) != blocks(translation.read_text()):
            yield f"the blocks of code in {translation.name} are not those of {original.name}"
