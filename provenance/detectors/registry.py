"""The detectors by name. Another package adds its own under the entry-point group `stemma.detectors`."""

from __future__ import annotations

from corpus.plugins import Registry

DETECTORS = Registry(
    seam="detector",
    group="stemma.detectors",
    table={
        "c2pa": "provenance.detectors.c2pa:C2paDetector",
        "declared": "provenance.detectors.declared:DeclaredDetector",
        "instruction": "provenance.detectors.instruction:InstructionDetector",
        "hidden": "provenance.detectors.hidden:HiddenDetector",
        "marks": "provenance.detectors.marks:MarksDetector",
        "residue": "provenance.detectors.residue:ResidueDetector",
    },
)
