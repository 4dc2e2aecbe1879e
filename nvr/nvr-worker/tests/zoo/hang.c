/* Never returns. */
static volatile int forever = 1;
#define AT_PROCESS(host, input) \
    while (forever) {}
#include "plugin.h"
