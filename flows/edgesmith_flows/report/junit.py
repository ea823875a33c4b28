"""A run's nodes and gates as JUnit test cases, which CI systems show."""

from __future__ import annotations

import datetime
import re
from xml.etree import ElementTree

from edgesmith_flows.report.facts import Facts

_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(facts: Facts) -> str:
    """Return a JUnit document: a suite of the gates, and one of the nodes with their times.

    A gate that did not hold is a failure; a node that failed is an error; what was not tried is skipped.
    """
    root = ElementTree.Element("testsuites", name=_clean(facts.pipeline), time=f"{facts.seconds:.3f}")
    gates = _suite(root, facts, "gates")
    for gate in facts.gates:
        case = _case(gates, f"{facts.pipeline}.gates", gate.gate, 0.0)
        if gate.held:
            ElementTree.SubElement(case, "system-out").text = _clean(gate.detail)
        else:
            ElementTree.SubElement(case, "failure", message=_clean(gate.detail))
    for left_out in facts.left_out:
        case = _case(gates, f"{facts.pipeline}.gates", left_out, 0.0)
        ElementTree.SubElement(case, "skipped", message="not evaluated (--only)")
    nodes = _suite(root, facts, "nodes")
    for node in facts.nodes.values():
        case = _case(nodes, f"{facts.pipeline}.nodes", node.name, node.seconds if node.state == "done" else 0.0)
        if node.state == "failed":
            error = ElementTree.SubElement(case, "error", message=_clean(node.error.partition("\n")[0]))
            error.text = _clean(node.error)
        elif node.state not in ("done", "cached"):
            ElementTree.SubElement(case, "skipped", message=_clean(node.state))
    for suite in root:
        for kind, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            suite.set(kind, str(len(suite.findall(f"testcase/{tag}"))))
        suite.set("tests", str(len(suite)))
        suite.set("time", f"{sum(float(case.get('time', 0)) for case in suite):.3f}")
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(root: ElementTree.Element, facts: Facts, name: str) -> ElementTree.Element:
    begun = datetime.datetime.fromtimestamp(int(facts.begun), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return ElementTree.SubElement(root, "testsuite", name=name, timestamp=begun)


def _case(suite: ElementTree.Element, classname: str, name: str, seconds: float) -> ElementTree.Element:
    given = {"classname": _clean(classname), "name": _clean(name), "time": f"{seconds:.3f}"}
    return ElementTree.SubElement(suite, "testcase", given)


def _clean(text: str) -> str:
    """Replace what XML 1.0 has no way to write."""
    return _UNWRITABLE.sub("\ufffd", text)
