/* Writes where nothing is. */
#define AT_PROCESS(host, input) *(volatile int *)8 = 1
#include "plugin.h"
