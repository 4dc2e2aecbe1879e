/* Panics, as a Rust plugin does: a message, then abort. */
#include <stdio.h>
#define AT_PROCESS(host, input)                                             \
    fprintf(stderr, "thread 'main' panicked at rule.rs:7:1:\nno zone\n"); \
    abort()
#include "plugin.h"
