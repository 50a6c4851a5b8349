"""Encoders of one modality; their names are here, where they cost no import of torch."""

BACKBONES = ('mobilenetv2', 'mit_b0', 'mit_b1', 'mit_b2')
