/* Never finishes loading. */
static volatile int forever = 1;
__attribute__((constructor)) static void at_load(void) {
    while (forever) {}
}
#include "plugin.h"
