"""Floor 1: images as arrays: decoding, with what is wrong or was changed said in words, and augmentation."""
