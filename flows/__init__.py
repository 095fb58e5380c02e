"""WHEN: order and schedule only; a flow reads as a paragraph."""
