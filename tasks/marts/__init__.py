"""The marts, published as parquet."""
