"""DRQ, region-based dynamic quantisation and its variable-speed array (Song et al., ISCA 2020), as a plugin.

`plugin` registers everything below; nothing here is known to the simulator by another way.

| what | where |
|---|---|
| the idea: sensitive regions, 8 bits made 4, mixed products | `sensitivity`, `narrowing`, `formats`, `ops`, `products` |
| the compression ``drq`` and its options | `compression`, `settings` |
| the array and the arrays that it is compared with | `variable_speed`, `stalls`, `arrays`, `outliers`, `loops`, `hardware/` |
| masks without images, and what masks of images come to | `statistics`, `measure` |
| search of threshold and region with fine-tuning | `search` |
| the reproduction ``drq`` | `reproduction`, `comparison`, `machines`, `stall_study`, `digits_study`, `published`, `figures`, `notes` |
"""
