/* Uses up its stack: only handlers with a stack of their own can tell. */
static int down(volatile int *n) {
    volatile int here[1024];
    here[0] = *n + 1;
    return down(here) + here[1];
}
static volatile int zero;
#define AT_PROCESS(host, input) down(&zero)
#include "plugin.h"
