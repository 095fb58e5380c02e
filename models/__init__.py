"""PREDICTING: pure scikit-learn. Training in time order, grading, explanations, monitoring, promotion and effects."""
