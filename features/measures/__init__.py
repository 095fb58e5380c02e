"""The features of an account, one file per component."""
