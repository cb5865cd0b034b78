"""The nouns: frozen values, the standard library only, no input or output, no judgement."""
