"""The services of the pipeline; each one is started as ``python services/NAME/service.py``."""
