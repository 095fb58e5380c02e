"""KNOWING: pure Ibis over canonical tables; what was known of an account at an instant, and how healthy it was."""
