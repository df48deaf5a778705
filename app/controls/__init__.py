"""Controls of the mixer and the transport: painted here, sharp at every scale, no engine behind them."""
