"""PREDICTING: pure scikit-learn. What may be learnt from, in which order of time, and how it is graded."""
