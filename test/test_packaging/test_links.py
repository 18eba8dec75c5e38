# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Every link of README and docs leads to a file, and to a heading of it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', ROOT / 'models' / 'README.md']
PAGES += sorted((ROOT / 'docs').rglob('*.md'))
README_LINES = 130
IMAGE_BYTES = 1_500_000


def _links(page: Path) -> Iterator[tuple[Path, str]]:
    """Yield the file and the anchor ('' without one) of each link that names no server."""
    text = re.sub(r'^```.*?^```', '', page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r'\]\(([^)\s]+)\)', text):
        if not target.startswith(('http://', 'https://', 'mailto:')):
            path, _, anchor = target.partition('#')
            yield (page.parent / path if path else page), anchor


def _anchors(page: Path) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    headings = re.findall(r'^#+ (.+)$', page.read_text(), re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}


@pytest.mark.parametrize('page', PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = list(_links(page))
    assert [str(path) for path, _ in links if not path.exists()] == []
    wrong = [
        f'{path}#{anchor}'
        for path, anchor in links
        if anchor and path.suffix == '.md' and anchor not in _anchors(path)
    ]
    assert wrong == []


def test_every_page_is_in_the_index() -> None:
    index = ROOT / 'docs' / 'index.md'
    listed = {path.resolve() for path, _ in _links(index)}
    assert {*(ROOT / 'docs').rglob('*.md')} - {index} - listed == set()


def test_readme_fits_two_screens() -> None:
    assert len((ROOT / 'README.md').read_text().splitlines()) <= README_LINES


def test_images_stay_small() -> None:
    images = [path for path in (ROOT / 'docs' / 'images').iterdir() if path.is_file()]
    assert [path.name for path in images if path.stat().st_size > IMAGE_BYTES] == []
