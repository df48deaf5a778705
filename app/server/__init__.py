"""The local HTTP API: training and its networks, and a page that shows them."""
