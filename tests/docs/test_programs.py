"""The programs of docs/programs.md in languages that are not run here: their names are those of an export."""

import re

import pytest
from documents.blocks import OTHERS, ROOT, blocks_of, pages

from ris_tf.configs import rosettes
from ris_tf.export import card
from ris_tf.export.graph import Graph
from ris_tf.model import build

BLOCKS = {b.kind: b.text for page, text in pages().items() for b in blocks_of(page, text) if b.kind in OTHERS}


@pytest.fixture(scope="module")
def metadata():
    return card.metadata(Graph(build(rosettes.get_config())), [])


def test_kotlin_gives_and_takes_every_tensor(metadata):
    text = BLOCKS["kotlin"]
    assert set(re.findall(r'"(\w+)" to ', text)) == {*metadata["inputs"], *metadata["outputs"]}
    assert re.search(r'runSignature\(.*, "(\w+)"\)', text)[1] in metadata["signatures"]
    for name, about in metadata["outputs"].items():
        value = re.search(rf"val {name} = (.*)", text)[1]
        assert value.count("Array(") == len(about["shape"])
        assert ("IntArray" in value) == (about["dtype"] == "int32")


def test_swift_names_what_there_is(metadata):
    text = BLOCKS["swift"]
    assert re.search(r'signatureRunner\(with: "(\w+)"\)', text)[1] in metadata["signatures"]
    assert re.findall(r'invoke\(with: \["(\w+)"', text) == list(metadata["inputs"])
    taken = re.findall(r'output\(named: "(\w+)"\).*?(Int32|Float32)', text)
    assert taken and all(metadata["outputs"][name]["dtype"] == kind.lower() for name, kind in taken)


def test_javascript_imports_what_the_page_exports():
    for names, module in re.findall(r'import \{ (.*?) \} from "\./(\S+)"', BLOCKS["javascript"]):
        source = (ROOT / "export" / "web" / module).read_text()
        for name in names.split(", "):
            assert re.search(rf"export async function\*? {name}\(", source), name
    page = (ROOT / "export" / "web" / "inference.js").read_text()
    assert all(f"get {name}()" in page for name in re.findall(r"found\.(\w+)", BLOCKS["javascript"]))
