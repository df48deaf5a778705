"""What trains Charon's own networks. The only folder that imports torch."""
