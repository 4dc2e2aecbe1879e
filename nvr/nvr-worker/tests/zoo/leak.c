/* Leaks until there is no more, then trips over it. */
#define AT_PROCESS(host, input) \
    for (;;) memset(malloc(1 << 20), 1, 1 << 20)
#include "plugin.h"
