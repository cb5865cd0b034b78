"""cdbctl stands beside a trading stack: it writes down what is true and lets only proven changes through."""

__version__ = "0.1.0"
