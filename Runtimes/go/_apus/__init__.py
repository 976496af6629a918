"""The go1.x runtime: between the Runtime API and programs that wait for calls by Go's `net/rpc`."""
