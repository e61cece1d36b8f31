"""What a result rests on: sources, configuration and weights."""

from pathlib import Path

import pytest

from dreamitate import provenance


def test_weights_count_and_cards_and_curves_do_not(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    for name in ("model.json", "unet/model.safetensors", "README.md", "curve.csv"):
        (tmp_path / name).write_text(name)
    before = provenance.weights_hash(tmp_path)
    (tmp_path / "README.md").write_text("37 of 40")
    (tmp_path / "curve.csv").unlink()
    assert provenance.weights_hash(tmp_path) == before
    (tmp_path / "unet" / "model.safetensors").write_text("trained")
    assert provenance.weights_hash(tmp_path) != before
    assert provenance.weights_hash(tmp_path / "nowhere") == ""


def test_sources_are_those_of_git_of_new_files_and_of_what_lies_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, elsewhere = tmp_path / "new.py", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "nudge.yaml").write_text("attempts: 1")
    new.write_text("1")
    monkeypatch.setattr(provenance, "untracked", lambda _: [new])
    seen = [provenance.source_fingerprint(elsewhere), provenance.source_fingerprint(elsewhere)]
    new.write_text("2")
    seen.append(provenance.source_fingerprint(elsewhere))
    (elsewhere / "nudge.yaml").write_text("attempts: 2")
    seen.append(provenance.source_fingerprint(elsewhere))
    monkeypatch.setattr(provenance, "git", lambda *arguments: "changed" if arguments[0] == "diff" else "tree")
    seen.append(provenance.source_fingerprint(elsewhere))
    assert seen[0] == seen[1]
    assert len(set(seen)) == 4
