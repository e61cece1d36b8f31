"""The README's table says all that `dreamitate.interfaces` says; test_standing_graph says that it is true."""

from pathlib import Path

from dreamitate.interfaces import NODES, table

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_has_every_line_of_the_table() -> None:
    readme = README.read_text()
    missing = [line for line in table().splitlines() if line and line not in readme]
    assert not missing, "run `python -m dreamitate.interfaces` and put its output into README.md:\n" + "\n".join(
        missing
    )


def test_the_table_names_everything() -> None:
    text = table()
    for node in NODES:
        names = [node.name, *(parameter.name for parameter in node.parameters)]
        names += [topic.name for topic in (*node.publishes, *node.subscribes)]
        names += [served.name for served in (*node.services, *node.actions, *node.calls)]
        for name in names:
            assert f"`{name}`" in text, name
