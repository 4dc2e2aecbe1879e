/* Never stops. */
static volatile int forever = 1;
#define AT_STOP(host) \
    while (forever) {}
#include "plugin.h"
