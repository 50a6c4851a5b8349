"""How the images of a sensor look that is damaged, not dead; one file per place of the damage."""
