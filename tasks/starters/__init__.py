"""Starting points: which mappings a company's tables need, from what the systems that wrote them are known to hold."""
