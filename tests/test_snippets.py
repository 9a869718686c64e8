"""The script that runs the snippets of the documentation runs what it is asked for, or fails."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("run_snippets", ROOT / "docs" / "run_snippets.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_are_chosen_by_name_and_by_path(script, monkeypatch):
    monkeypatch.chdir(ROOT)
    page = ROOT / "docs" / "guide" / "rbm.md"
    for one in ("rbm.md", "docs/guide/rbm.md", "./docs/../docs/guide/rbm.md", str(page)):
        assert script.chosen([one]) == [page]
    assert script.chosen(["rbm.md", "README.md", str(page)]) == [page, ROOT / "README.md"]
    assert script.chosen([]) == script.pages()


@pytest.mark.parametrize("one", ["nothing.md", "guide/rbm.md", "docs/run_snippets.py"])
def test_what_is_no_page_is_an_error(script, one, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit, match=rf"{one} is no page with snippets; there are README\.md"):
        script.main([one])


def test_a_snippet_that_fails_is_an_error(script, tmp_path, monkeypatch, capsys):
    (tmp_path / "README.md").write_text("# Title\n\n```python\nx = 1\n1 / (x - 1)\n```\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(script, "ROOT", tmp_path)
    assert script.main([]) == 1
    assert 'File "README.md", line 5' in capsys.readouterr().err


def test_what_pages_take_for_granted_is_what_readers_are_told_to_run(script, monkeypatch, tmp_path):
    guide = tmp_path / "docs" / "guide"
    guide.mkdir(parents=True)
    (guide / "index.md").write_text("# Guide\n\n```python\ngranted = 3\n```\n")
    page = "```python\nassert 'granted' {} globals()\n```\n"
    (guide / "one.md").write_text(page.format("in"))
    # what newcomers paste takes nothing for granted
    for name in (tmp_path / "README.md", guide / "first_hour.md"):
        name.write_text(page.format("not in"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(script, "ROOT", tmp_path)
    assert script.main([]) == 0
